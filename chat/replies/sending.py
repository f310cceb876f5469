"""From a form to a reply that is being written: the one way in, for sends and retries."""

from dataclasses import replace

from quart import request
from werkzeug.datastructures import MultiDict

from chat.accounts import visitor
from chat.attachments.intake import form_with_files, to_be_sent
from chat.conversations.domain import Conversation, Message
from chat.conversations.picking import picker
from chat.errors import Invalid
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
    form, _ = await form_with_files()
    draft = replace(_draft(form), attachments=await to_be_sent())
    current_generations().admit()
    work = _begin(draft, visitor.account_id(), conversation_id)
    return await current_generations().unbroken(work)


async def edit(message_id: str, conversation: Conversation) -> Started:
    """Stores the form's text as a new version of a question, beside it. Errors as in `send`."""
    form = await request.form
    model = form.get("model", "") or picker(conversation).chosen.id
    draft = replace(_draft(form, model), parent="", instead_of=message_id)
    current_generations().admit()
    work = _begin(draft, visitor.account_id(), conversation.id)
    return await current_generations().unbroken(work)


async def retry(reply_id: str) -> Started:
    """Another answer to the same question, by the form's model or the one that is picked now."""
    account_id = visitor.account_id()
    _, conversation = await replies().placed(reply_id, account_id)
    model = _model((await request.form).get("model", "") or conversation.model)
    current_generations().admit()
    return await current_generations().unbroken(_begin_again(reply_id, account_id, model))


async def resume(reply_id: str) -> Started:
    """The same answer goes on where it was cut off, by the model that began it."""
    account_id = visitor.account_id()
    model = _model((await replies().get(reply_id, account_id)).model)
    current_generations().admit()
    return await current_generations().unbroken(_begin_on(reply_id, account_id, model))


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
    return Limits(at_once=settings.limit_replies, a_minute=settings.limit_sends)


def _draft(form: MultiDict[str, str], model_id: str = "") -> Draft:
    key = form.get("key", "")
    if len(key) > LONGEST_KEY or not key.isprintable():
        raise Invalid("This form is damaged. Reload the page and send again.")
    model = _model(model_id or form.get("model", ""))
    return Draft(clean_prompt(form.get("text", "")), model, key, parent=form.get("parent", ""))


def _model(model_id: str) -> Model:
    catalog = current_catalog()
    model = catalog.find(model_id) if model_id else catalog.default()
    if model is None:
        raise Invalid("This model is not offered here. Choose one from the list.")
    return model
