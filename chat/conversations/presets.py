"""The pages of presets: listed, added, changed, deleted."""

from collections.abc import Mapping
from typing import Any

from quart import Blueprint, Response, redirect, request, url_for
from quart_auth import login_required

from chat.accounts import visitor
from chat.conversations.picking import choices
from chat.errors import Conflict, Invalid
from chat.instructions.domain import Instructions, Preset, clean_instructions, clean_name, typed
from chat.instructions.presets import PresetRepository
from chat.keys import own
from chat.web.current import current_db, now
from chat.web.failures import STATUS, sentence
from chat.web.hypermedia import Answer, page

blueprint = Blueprint("presets", __name__, url_prefix="/presets")


@blueprint.get("")
@login_required
async def index() -> Answer:
    return await _list(Preset("", "", "", Instructions()).typed())


@blueprint.post("")
@login_required
async def add() -> Answer:
    form = await request.form
    try:
        name, model, told = _cleaned(form)
        await _presets().add(visitor.account_id(), name, model, told, now())
    except (Invalid, Conflict) as error:
        return await _list(typed(form), STATUS[type(error)], sentence(error))
    return redirect(url_for(".index"), 303)


@blueprint.get("/<preset_id>")
@login_required
async def show(preset_id: str) -> Answer:
    preset = await _presets().get(preset_id, visitor.account_id())
    return await _form(preset, preset.typed())


@blueprint.post("/<preset_id>")
@login_required
async def change(preset_id: str) -> Answer:
    preset = await _presets().get(preset_id, visitor.account_id())
    form = await request.form
    try:
        name, model, told = _cleaned(form, preset.model)
    except Invalid as error:
        return await _form(preset, typed(form), 422, sentence(error))
    await _presets().change(Preset(preset_id, name, model, told), visitor.account_id())
    return redirect(url_for(".index"), 303)


@blueprint.post("/<preset_id>/deletion")
@login_required
async def delete(preset_id: str) -> Answer:
    await _presets().delete(preset_id, visitor.account_id())
    return redirect(url_for(".index"), 303)


def _cleaned(form: Mapping[str, str], kept: str = "") -> tuple[str, str, Instructions]:
    """`kept`: the model that it has, which stays allowed when it is not offered any more."""
    model = form.get("model", "")
    if model not in ("", kept) and own.find(model) is None:
        raise Invalid("This model is not offered here. Choose one from the list.")
    return clean_name(form.get("name", "")), model, clean_instructions(form)


async def _list(form: dict[str, str], status: int = 200, problem: str = "") -> Response:
    presets = await _presets().all(visitor.account_id())
    context: dict[str, Any] = {"form": form, "problem": problem, "presets": presets}
    return await page("presets/index.html", status, models=choices(form["model"]), **context)


async def _form(
    preset: Preset, form: dict[str, str], status: int = 200, problem: str = ""
) -> Response:
    gone = (
        form["model"]
        if form["model"] == preset.model and not own.find(preset.model) is not None
        else ""
    )
    context: dict[str, Any] = {"form": form, "problem": problem, "preset": preset, "gone": gone}
    return await page("presets/show.html", status, models=choices(form["model"]), **context)


def _presets() -> PresetRepository:
    return PresetRepository(current_db())
