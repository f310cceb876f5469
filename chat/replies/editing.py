"""A question is changed: what was asked stays, and a new version of it is asked beside it."""

from dataclasses import replace

from quart import Blueprint, Response, request
from quart_auth import login_required

from chat.accounts import visitor
from chat.billing import current as billing
from chat.billing.refusals import REFUSALS, Shortage
from chat.conversations.composing import Edit
from chat.conversations.composing import edit as form_of
from chat.conversations.domain import Conversation
from chat.conversations.views import conversations, history, through, whole
from chat.errors import ChatError
from chat.keys import own
from chat.replies import sending
from chat.web.failures import marked, sentence
from chat.web.hypermedia import Answer, elsewhere, page, partial

blueprint = Blueprint("editing", __name__)


@blueprint.get("/messages/<message_id>/versions")
@login_required
async def edit(message_id: str) -> Answer:
    """The conversation, with the form for a new version in the place of a question."""
    conversation, text = await conversations().question(message_id, visitor.account_id())
    return await _page(conversation, form_of(message_id, text, await _models(message_id)))


@blueprint.post("/messages/<message_id>/versions")
@login_required
async def add(message_id: str) -> Answer:
    conversation, text = await conversations().question(message_id, visitor.account_id())
    try:
        started = await sending.edit(message_id, conversation)
    except ChatError as error:
        if partial():
            raise
        typed = (await request.form).get("text", text)
        form = form_of(message_id, typed, await _models(message_id))
        if isinstance(error, REFUSALS):
            return marked(await _page(conversation, form, billing.shortage(error)), error)
        refused = replace(form, problem=sentence(error), code=error.code)
        return marked(await _page(conversation, refused), error)
    return elsewhere(through(conversation.id, started.question.id))


async def _models(message_id: str) -> tuple[tuple[str, str], ...]:
    """Those that answered side by side and are still offered: they are asked again."""
    compared = await conversations().compared(message_id, visitor.account_id())
    found = [own.find(each) for each in compared]
    return tuple((model.id, model.name) for model in found if model)


async def _page(
    conversation: Conversation, form: Edit, shortage: Shortage | None = None
) -> Response:
    context = await whole(conversation, at=form.message_id) | {"shortage": shortage}
    return await page("conversations/show.html", history=await history(), edit=form, **context)
