"""The new conversation, the history, and one conversation."""

from dataclasses import replace
from typing import Any

from quart import Blueprint, Response, redirect, request, url_for
from quart_auth import login_required
from werkzeug.datastructures import MultiDict

from chat.accounts import visitor
from chat.accounts.repository import AccountRepository
from chat.attachments.intake import waiting
from chat.attachments.keeping import current_files
from chat.conversations.domain import Conversation
from chat.conversations.leaving_out import left_out
from chat.conversations.picking import Picker, picker
from chat.conversations.views import (
    beginning,
    choice,
    conversations,
    fresh,
    history,
    through,
    whole,
)
from chat.errors import Invalid, NotFound
from chat.instructions.presets import PresetRepository
from chat.web.current import current_catalog, current_db
from chat.web.hypermedia import Answer, changed, elsewhere, page, partial
from chat.web.templating import render
from chat.web.text import clean, clean_title

blueprint = Blueprint("conversations", __name__)


@blueprint.get("/")
async def new() -> Answer:
    if visitor.account() is None:
        return await page("welcome.html")
    presets = PresetRepository(current_db())
    preset, wanted = None, request.args.get("model", "")
    if preset_id := request.args.get("preset", ""):
        preset = await presets.get(preset_id, visitor.account_id())
        wanted = wanted or preset.model
    context = beginning(wanted, clean(request.args.get("text", "")), preset)
    context |= _comparing(None, wanted)
    current_catalog().warm(context["picker"].chosen)
    listed = await presets.named(visitor.account_id())
    return await page("conversations/new.html", history=await history(), presets=listed, **context)


@blueprint.post("/account/model")
@login_required
async def default_model() -> Answer:
    """What new conversations begin with."""
    model = await _chosen_model()
    await AccountRepository(current_db()).set_model(visitor.account_id(), model)
    shown = picker(None, model)
    if await _held() and not partial():
        return await _with_form("conversations/new.html", fresh() | {"picker": shown})
    return await changed("conversations/_switched.html", page=url_for(".new"), picker=shown)


@blueprint.get("/conversations")
@login_required
async def index() -> Answer:
    before, q = request.args.get("before", ""), clean(request.args.get("q", "")).strip()[:200]
    shown = await history(before, q)
    if not partial():
        return await page("conversations/index.html", history=shown, open_id="", q=q)
    fragment = "_history_page.html" if before else "_history.html"
    return await page(f"conversations/{fragment}", history=shown, open_id="")


@blueprint.get("/conversations/<conversation_id>")
@login_required
async def show(conversation_id: str) -> Answer:
    conversation = await conversations().get(conversation_id, visitor.account_id())
    context = await whole(conversation, request.args.get("before", ""), request.args.get("at", ""))
    context |= _comparing(conversation)
    return await page("conversations/show.html", history=await history(), **context)


@blueprint.get("/conversations/<conversation_id>/messages")
@login_required
async def older(conversation_id: str) -> Answer:
    """The messages above `before`, as a fragment."""
    conversation = await conversations().get(conversation_id, visitor.account_id())
    before = request.args.get("before")
    if before is None:  # a refused message without scripts leaves this address in the browser
        return redirect(_url(conversation_id), 303)
    if not before:
        raise NotFound
    context = await whole(conversation, before)
    return Response(render("conversations/_messages.html", **context))


@blueprint.post("/messages/<message_id>/path")
@login_required
async def path(message_id: str) -> Answer:
    """The conversation shows this version, and what followed it, from now on."""
    conversation_id = await conversations().turn_to(message_id, visitor.account_id())
    return elsewhere(through(conversation_id, message_id))


@blueprint.post("/conversations/<conversation_id>/title")
@login_required
async def rename(conversation_id: str) -> Answer:
    title = clean_title((await request.form).get("title", ""))
    conversation = await conversations().rename(conversation_id, visitor.account_id(), title)
    return await _header(conversation)


@blueprint.post("/conversations/<conversation_id>/model")
@login_required
async def model(conversation_id: str) -> Answer:
    """What the next message will use."""
    chosen = await _chosen_model()
    conversation = await conversations().set_model(conversation_id, visitor.account_id(), chosen)
    if (held := await _held()) and not partial():
        context = await whole(conversation, at=held.get("parent", ""))
        return await _with_form("conversations/show.html", context)
    shown = replace(picker(conversation), left_out=await left_out(conversation))
    return await changed("conversations/_switched.html", page=_url(conversation_id), picker=shown)


@blueprint.post("/conversations/<conversation_id>/pin")
@login_required
async def pin(conversation_id: str) -> Answer:
    on = await _is_on()
    conversation = await conversations().pin(conversation_id, visitor.account_id(), on)
    return await _header(conversation)


@blueprint.post("/conversations/<conversation_id>/archive")
@login_required
async def archive(conversation_id: str) -> Answer:
    on = await _is_on()
    conversation = await conversations().archive(conversation_id, visitor.account_id(), on)
    return await _header(conversation)


@blueprint.post("/conversations/<conversation_id>/deletion")
@login_required
async def delete(conversation_id: str) -> Answer:
    await conversations().delete(conversation_id, visitor.account_id())
    current_files().freed.set()
    return elsewhere(url_for(".new"))


def _comparing(conversation: Conversation | None, model_id: str = "") -> dict[str, Picker]:
    """Without scripts a long list of models is only there once more where it is asked for."""
    wanted = request.args.get("compare")
    return {"picker": picker(conversation, model_id, all_sides=True)} if wanted else {}


async def _header(conversation: Conversation) -> Answer:
    """The title changes in two places: above the conversation and in the history."""
    return await changed(
        "conversations/_renamed.html",
        page=_url(conversation.id),
        conversation=conversation,
        history=await history(),
        open_id=conversation.id,
    )


async def _held() -> MultiDict[str, str] | None:
    """What a refused form held, when another model was chosen without scripts."""
    form: MultiDict[str, str] = await request.form
    return form if form.get("text") else None


async def _with_form(template: str, context: dict[str, Any]) -> Answer:
    form = await request.form
    text, preset = form.get("text", ""), form.get("preset", "")
    context["composer"] = context["composer"].refused(text, "", "", preset, await waiting())
    return await page(template, history=await history(), **context)


async def _chosen_model() -> str:
    return choice(str((await request.form).get("model", "")))


async def _is_on() -> bool:
    value = str((await request.form).get("on", ""))
    if value not in ("0", "1"):
        raise Invalid("Say on=1 or on=0.")
    return value == "1"


def _url(conversation_id: str) -> str:
    return url_for(".show", conversation_id=conversation_id)
