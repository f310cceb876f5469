"""The page of somebody's own keys: entered, replaced, removed, and never shown again."""

from dataclasses import dataclass

from quart import Blueprint, Response, redirect, request, url_for
from quart_auth import login_required

from chat.accounts import visitor
from chat.accounts.throttle import MINUTE, Throttle
from chat.errors import Invalid, NotFound
from chat.keys import own
from chat.keys.domain import Kept, clean_key
from chat.providers.presets import Place
from chat.web.current import current_catalog, current_db, now
from chat.web.failures import sentence
from chat.web.hypermedia import Answer, page

blueprint = Blueprint("keys", __name__, url_prefix="/account/keys")
ENTERED_A_MINUTE = 10  # each one is tried at its provider


@dataclass(frozen=True, slots=True)
class Row:
    """A provider that takes keys. `shared`: the installation has models of it for everybody.

    `trouble`: the kind of failure when the key was last tried, '' when it worked or never was.
    """

    place: Place
    kept: Kept | None
    shared: bool
    trouble: str


@blueprint.get("")
@login_required
async def show() -> Answer:
    return await _page()


@blueprint.post("")
@login_required
async def save() -> Answer:
    place = await _place()
    try:
        secret = clean_key((await request.form).get("key", ""))
    except Invalid as error:
        return await _page(422, place.key, sentence(error))
    account_id = visitor.account_id()
    await Throttle(current_db(), now()).count(
        f"keys {account_id}",
        ENTERED_A_MINUTE,
        MINUTE,
        "That was a lot of keys in a minute. Wait a little, then try again.",
    )
    key = await own.keys().save(account_id, place, secret, now())
    own.models().look(key)
    return redirect(url_for(".show"), 303)


@blueprint.post("/deletion")
@login_required
async def remove() -> Answer:
    await own.keys().remove(visitor.account_id(), (await _place()).key)
    return redirect(url_for(".show"), 303)


async def _place() -> Place:
    found = current_catalog().places.get((await request.form).get("provider", ""))
    if found is None:
        raise NotFound
    return found


async def _page(status: int = 200, refused: str = "", problem: str = "") -> Response:
    kept = {each.provider: each for each in await own.keys().all(visitor.account_id())}
    rows = [_row(place, kept.get(place.key)) for place in current_catalog().places.values()]
    return await page("keys/show.html", status, rows=rows, refused=refused, problem=problem)


def _row(place: Place, kept: Kept | None) -> Row:
    trouble = own.models().trouble(kept.key) if kept and kept.key else ""
    return Row(place, kept, current_catalog().lists(place.key), trouble)
