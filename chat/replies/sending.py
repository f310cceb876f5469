"""From a form to a reply that is being written: the one way in, for sends and retries."""

from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any

from quart import request
from werkzeug.datastructures import MultiDict

from chat.accounts import visitor
from chat.billing import current as billing
from chat.billing.refusals import REFUSALS
from chat.conversations.domain import Conversation, Message
from chat.conversations.picking import picker
from chat.conversations.views import conversations
from chat.errors import Invalid, Unavailable
from chat.providers.domain import Model, Prompt, Provider
from chat.replies.admission import Limits
from chat.replies.domain import Started
from chat.replies.generations import current_generations
from chat.replies.prompt import build
from chat.replies.repository import Draft, ReplyRepository
from chat.web.current import current_catalog, current_db, current_settings, now
from chat.web.text import clean_prompt

LONGEST_KEY = 100


def replies() -> ReplyRepository:
    return ReplyRepository(current_db())


async def send(conversation_id: str = "") -> Started:
    """Stores the form's message and starts its reply; an empty id begins a conversation.

    Errors: Invalid, Conflict, OverLimit, NotFound, Unavailable; nothing is stored then.
    """
    form = await request.form
    picked = "" if form.get("model") else await _picked(conversation_id)
    draft = _draft(form, picked)
    return await _carried_out(_begin(draft, visitor.account_id(), conversation_id), conversation_id)


async def edit(message_id: str, conversation: Conversation) -> Started:
    """Stores the form's text as a new version of a question, beside it. Errors as in `send`."""
    form = await request.form
    model = form.get("model", "") or picker(conversation).chosen.id
    draft = replace(_draft(form, model), parent="", instead_of=message_id)
    return await _carried_out(_begin(draft, visitor.account_id(), conversation.id), conversation.id)


async def retry(reply_id: str) -> Started:
    """Another answer to the same question, by the form's model or the one that is picked now."""
    account_id = visitor.account_id()
    _, conversation = await replies().placed(reply_id, account_id)
    model = _model((await request.form).get("model", "") or conversation.model)
    return await _carried_out(_begin_again(reply_id, account_id, model), conversation.id)


async def resume(reply_id: str) -> Started:
    """The same answer goes on where it was cut off, by the model that began it."""
    account_id = visitor.account_id()
    reply, conversation = await replies().placed(reply_id, account_id)
    model = _model(reply.model)
    return await _carried_out(_begin_on(reply_id, account_id, model), conversation.id)


async def _carried_out(work: Coroutine[Any, Any, Started], place: str) -> Started:
    """To its end, unless this process is leaving; then the page shows what is left of the plan."""
    try:
        current_generations().admit()
    except Unavailable:
        work.close()
        raise
    try:
        return await current_generations().unbroken(work)
    except REFUSALS as refusal:
        refusal.place = place
        raise
    finally:
        with suppress(Unavailable):  # what was stored is stored; the meter can wait
            await billing.renew()


async def _picked(conversation_id: str) -> str:
    """A locked model is a disabled option, which no form sends: it is refused, not replaced."""
    if not conversation_id:
        return ""
    found = await conversations().get(conversation_id, visitor.account_id())
    return picker(found).chosen.id


async def _begin(draft: Draft, account_id: str, conversation_id: str) -> Started:
    started = await replies().begin(draft, account_id, conversation_id, now(), _limits())
    if started.fresh:
        _start(started, draft.model, account_id)
    return started


async def _begin_again(reply_id: str, account_id: str, model: Model) -> Started:
    started = await replies().retry(reply_id, account_id, model, now(), _limits())
    _start(started, model, account_id)
    return started


async def _begin_on(reply_id: str, account_id: str, model: Model) -> Started:
    started = await replies().resume(reply_id, account_id, model, now(), _limits())
    _start(started, model, account_id)
    return started


def _start(started: Started, model: Model, account_id: str) -> None:
    catalog, stored = current_catalog(), replies()

    async def prepare() -> tuple[Provider, Prompt]:
        history: list[Message] = [started.question]
        if started.question.parent_id or started.question.role == "assistant":
            history = await stored.history(started, account_id)
        return catalog.provider(model), build(history, model)

    current_generations().start(started, account_id, prepare)


def _limits() -> Limits:
    settings = current_settings()
    plans = billing.current_plans()
    return Limits(at_once=settings.limit_replies, a_minute=settings.limit_sends, plans=plans)


def _draft(form: MultiDict[str, str], model_id: str = "") -> Draft:
    key = form.get("key", "")
    if len(key) > LONGEST_KEY or not key.isprintable():
        raise Invalid("This form is damaged. Reload the page and send again.")
    model = _model(model_id or form.get("model", ""))
    return Draft(clean_prompt(form.get("text", "")), model, key, parent=form.get("parent", ""))


def _model(model_id: str) -> Model:
    model = current_catalog().find(model_id) if model_id else billing.default_model()
    if model is None:
        raise Invalid("This model is not offered here. Choose one from the list.")
    return model
