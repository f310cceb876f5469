"""From a form to a reply that is being written: the one way in, for sends and retries."""

from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any

from quart import request
from werkzeug.datastructures import MultiDict

from chat.accounts import visitor
from chat.attachments.intake import form_with_files, name_of, to_be_sent
from chat.billing import current as billing
from chat.billing.parts import current_plans
from chat.billing.refusals import REFUSALS
from chat.conversations.domain import Conversation
from chat.conversations.picking import picked
from chat.conversations.views import conversations
from chat.errors import Invalid, Unavailable
from chat.keys import own
from chat.providers.domain import Model
from chat.replies.admission import Limits
from chat.replies.domain import Started
from chat.replies.generations import current_generations
from chat.replies.preparing import preparation
from chat.replies.repository import ReplyRepository
from chat.replies.storing import Draft
from chat.web.current import current_db, current_settings, now
from chat.web.text import clean_prompt

LONGEST_KEY = 100
MOST_SIDES = 3  # models that answer one question


def replies() -> ReplyRepository:
    return ReplyRepository(current_db())


async def send(conversation_id: str = "") -> Started:
    """Stores the form's message and starts its reply; an empty id begins a conversation.

    With several models one reply each. Errors: Invalid, Conflict, OverLimit, NotFound, Unavailable;
    nothing is stored then.
    """
    form, _ = await form_with_files()
    picked = "" if form.get("model") else await _picked(conversation_id)
    files = await to_be_sent()
    draft = replace(_draft(form, picked, alone=not files), attachments=files)
    if not draft.text:
        draft = replace(draft, called=await name_of(files[0]))
    return await _carried_out(_begin(draft, visitor.account_id(), conversation_id), conversation_id)


async def edit(message_id: str, conversation: Conversation) -> Started:
    """Stores the form's text as a new version of a question, beside it. Errors as in `send`."""
    draft = _draft(await request.form, picked(conversation).id)
    draft = replace(draft, parent="", instead_of=message_id)
    return await _carried_out(_begin(draft, visitor.account_id(), conversation.id), conversation.id)


async def retry(reply_id: str) -> Started:
    """Another answer to the same question, by the form's model or the one that is picked now.

    Of several side by side each is asked of its own model again, as long as there is that.
    """
    account_id = visitor.account_id()
    reply, conversation = await replies().placed(reply_id, account_id)
    same = reply.model if reply.side and own.find(reply.model) else ""
    named = (await request.form).get("model", "") or same
    model = _model(named or picked(conversation).id)
    if reply.side and model.id == reply.model:  # called as it was beside the others
        model = replace(model, name=reply.model_name)
    return await _carried_out(_begin_again(reply_id, account_id, model), conversation.id)


async def resume(reply_id: str) -> Started:
    """The same answer goes on where it was cut off, by the model that began it."""
    account_id = visitor.account_id()
    reply, conversation = await replies().placed(reply_id, account_id)
    if own.find(reply.model) is None:
        raise Invalid(
            "The model that began this answer is not offered any more. Retry with another one."
        )
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
    return picked(found).id


async def _begin(draft: Draft, account_id: str, conversation_id: str) -> Started:
    started = await replies().begin(draft, account_id, conversation_id, now(), _limits())
    if started.fresh:
        for reply, model in zip(started.reply.sides, draft.models, strict=True):
            _start(replace(started, reply=reply), model, account_id)
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
    current_generations().start(started, account_id, preparation(started, model, account_id))


def _limits() -> Limits:
    settings = current_settings()
    plans = current_plans()
    return Limits(at_once=settings.limit_replies, a_minute=settings.limit_sends, plans=plans)


def _draft(form: MultiDict[str, str], otherwise: str = "", *, alone: bool = True) -> Draft:
    """`otherwise`: the id of the model for a form that names none; `alone`: no files go with it."""
    key = form.get("key", "")
    if len(key) > LONGEST_KEY or not key.isprintable():
        raise Invalid("This form is damaged. Reload the page and send again.")
    model, *others = _models(form.getlist("model"), otherwise)
    return Draft(
        clean_prompt(form.get("text", ""), alone=alone),
        model,
        key,
        parent=form.get("parent", ""),
        others=tuple(others),
        preset=form.get("preset", ""),
    )


def _models(named: list[str], otherwise: str) -> list[Model]:
    wanted = [each for each in named if each] or [otherwise]
    if len(wanted) > MOST_SIDES:
        raise Invalid("Up to three models can answer side by side.")
    if len(set(wanted)) < len(wanted):
        raise Invalid("Choose each model only once.")
    return _told_apart([_model(each) for each in wanted])


def _told_apart(models: list[Model]) -> list[Model]:
    """Of those that are called alike each is named with its provider: they stand side by side."""
    names = [model.name for model in models]
    return [
        replace(each, name=f"{each.name} · {each.provider}") if names.count(each.name) > 1 else each
        for each in models
    ]


def _model(model_id: str) -> Model:
    model = own.find(model_id) if model_id else billing.default_model()
    if model is None:
        raise Invalid("This model is not offered here. Choose one from the list.")
    return model
