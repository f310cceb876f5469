"""Somebody deletes their account: what they pay for ends first, then everything of theirs goes."""

from quart import Blueprint, Response, redirect, request
from quart_auth import login_required

from chat.accounts import visitor
from chat.accounts.passwords import matches
from chat.accounts.repository import AccountRepository
from chat.accounts.throttle import MINUTE, Throttle
from chat.attachments.keeping import current_files
from chat.billing.ending import end_payments
from chat.errors import Invalid
from chat.web.current import current_db, current_settings, now
from chat.web.failures import sentence
from chat.web.hypermedia import Answer, page

blueprint = Blueprint("leaving", __name__)


@blueprint.get("/account/deletion")
@login_required
async def show() -> Answer:
    return await _page()


@blueprint.post("/account/deletion")
@login_required
async def delete() -> Answer:
    """Replies that are being written end by themselves: their rows are gone."""
    account_id, accounts = visitor.account_id(), AccountRepository(current_db())
    typed = (await request.form).get("password", "")[:1000]
    await Throttle(current_db(), now()).count(
        f"password {account_id}",
        current_settings().limit_log_ins,
        MINUTE,
        "Too many attempts. Wait a minute, then try again.",
    )
    try:
        if not await matches(typed, await accounts.password(account_id)):
            raise Invalid("Your current password is not right.")
    except Invalid as error:
        return await _page(422, problem=sentence(error))
    await end_payments(account_id)
    await accounts.delete(account_id)
    current_files().freed.set()
    await visitor.end_session()
    return redirect("/", 303)


async def _page(status: int = 200, problem: str = "") -> Response:
    return await page("leaving/show.html", status, problem=problem)
