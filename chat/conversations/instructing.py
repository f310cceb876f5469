"""The pages of own instructions: the account's, and those of one conversation."""

from quart import Blueprint, Response, redirect, request, url_for
from quart_auth import login_required

from chat.accounts import visitor
from chat.conversations.domain import Conversation
from chat.conversations.views import conversations, history
from chat.errors import Invalid
from chat.instructions.domain import clean_instructions, typed
from chat.instructions.repository import InstructionRepository
from chat.web.current import current_db
from chat.web.failures import sentence
from chat.web.hypermedia import Answer, page
from chat.web.i18n import gettext

blueprint = Blueprint("instructing", __name__)


@blueprint.get("/account/instructions")
@login_required
async def of_account() -> Answer:
    told = await _instructions().of_account(visitor.account_id())
    return await _account_page(told.typed(), done=_saved())


@blueprint.post("/account/instructions")
@login_required
async def save_of_account() -> Answer:
    form = await request.form
    try:
        told = clean_instructions(form)
    except Invalid as error:
        return await _account_page(typed(form), 422, sentence(error))
    await _instructions().save_of_account(visitor.account_id(), told)
    return redirect(url_for(".of_account", saved=1), 303)


@blueprint.get("/conversations/<conversation_id>/instructions")
@login_required
async def of_conversation(conversation_id: str) -> Answer:
    conversation = await conversations().get(conversation_id, visitor.account_id())
    told = await _instructions().of_conversation(conversation_id, visitor.account_id())
    return await _conversation_page(conversation, told.typed(), done=_saved())


@blueprint.post("/conversations/<conversation_id>/instructions")
@login_required
async def save_of_conversation(conversation_id: str) -> Answer:
    conversation = await conversations().get(conversation_id, visitor.account_id())
    form = await request.form
    try:
        told = clean_instructions(form)
    except Invalid as error:
        return await _conversation_page(conversation, typed(form), 422, sentence(error))
    await _instructions().save_of_conversation(conversation_id, visitor.account_id(), told)
    return redirect(url_for(".of_conversation", conversation_id=conversation_id, saved=1), 303)


async def _account_page(
    form: dict[str, str], status: int = 200, problem: str = "", done: str = ""
) -> Response:
    return await page("instructions/account.html", status, form=form, problem=problem, done=done)


async def _conversation_page(
    conversation: Conversation,
    form: dict[str, str],
    status: int = 200,
    problem: str = "",
    done: str = "",
) -> Response:
    usual = await _instructions().of_account(visitor.account_id())
    return await page(
        "instructions/conversation.html",
        status,
        conversation=conversation,
        usual=usual,
        form=form,
        problem=problem,
        done=done,
        history=await history(),
        open_id=conversation.id,
    )


def _saved() -> str:
    return gettext("Saved. The next reply follows it.") if "saved" in request.args else ""


def _instructions() -> InstructionRepository:
    return InstructionRepository(current_db())
