"""The account's plan: what it is, the way to Stripe's pages, and back."""

from typing import TYPE_CHECKING, Any

from quart import Blueprint, Response, redirect, request, url_for
from quart_auth import login_required

from chat.accounts import visitor
from chat.accounts.throttle import MINUTE, Throttle
from chat.billing.access import Access
from chat.billing.parts import Selling, access_of, better, current_plans, current_selling, selling
from chat.billing.plans import Plan
from chat.billing.repository import BillingRepository
from chat.billing.showing import LAST_LOOK, shown
from chat.errors import Conflict, Invalid, Unavailable
from chat.web.current import current_db, current_settings, now
from chat.web.failures import sentence
from chat.web.hypermedia import Answer, elsewhere, page
from chat.web.origin import leading_out

if TYPE_CHECKING:
    from chat.billing.checkout import Checkout

blueprint = Blueprint("billing", __name__, url_prefix="/billing")
OFTEN = 30  # a minute: ways to Stripe, and back
FLOWS = ("payment_method_update", "subscription_update", "subscription_cancel")


@blueprint.get("")
@login_required
async def show() -> Answer:
    return await _page(billing=await shown(_look()))


@blueprint.get("/state")
@login_required
async def state() -> Answer:
    """The part of the page that may change by itself."""
    return await page("billing/_plan.html", billing=await shown(_look()))


@blueprint.post("/checkout")
@login_required
async def checkout() -> Answer:
    wanted = (await request.form).get("plan", "")
    account_id, sold = visitor.account_id(), selling()
    await _count(account_id)
    found = await access_of(account_id)
    try:
        if found.may_buy and current_plans().mistakes:
            raise Unavailable(
                "Billing is not available at the moment.", code="busy", retry_after=60
            )
        if not found.may_buy:
            raise Conflict(
                "You have a plan already: change it or look after it in the portal.",
                code="already_subscribed",
            )
        url = await _checkout(sold).begin(account_id, _plan(wanted, found), now())
    except Conflict as error:
        sold.worker.wake()
        refused = {"message": sentence(error), "code": error.code}
        return await _page(409, billing=await shown(0), refused=refused)
    return elsewhere(url)


@blueprint.get("/return")
@login_required
async def come_back() -> Answer:
    """From Stripe's pages. What the address says is a hint: our own rows say whose it is."""
    account_id, session = visitor.account_id(), request.args.get("session_id", "")
    sold = current_selling()
    if sold is None:
        return redirect(url_for(".show"), 303)
    await _count(account_id)
    if not session:
        await _rows().touch(account_id)
    elif len(session) <= 255 and session.isascii() and session.isprintable():
        await _rows().returned(account_id, session, now())
    sold.worker.wake()
    return redirect(url_for(".show"), 303)


@blueprint.post("/portal")
@login_required
async def portal() -> Answer:
    flow = (await request.form).get("flow", "")
    if flow and flow not in FLOWS:
        raise Invalid("Choose one of the ways that are offered.")
    account_id, sold = visitor.account_id(), selling()
    account = await _rows().account(account_id)
    if account is None or not account.customer:
        raise Conflict("You have not bought anything yet: there is nothing to look after.")
    await _count(account_id)
    subscription = (await access_of(account_id)).subscription
    url = await _checkout(sold).portal(account.customer, _flow(flow, subscription))
    return elsewhere(url)


async def _page(status: int = 200, **context: object) -> Response:
    answer = await page("billing/show.html", status, **context)
    if current_selling():
        test = bool(current_settings().stripe_api_base)
        answer.headers["Content-Security-Policy"] = leading_out(test)
    return answer


def _flow(flow: str, subscription: str) -> dict[str, Any] | None:
    """Straight to one of the portal's pages; those about a subscription need one."""
    if flow in ("subscription_update", "subscription_cancel"):
        return {"type": flow, flow: {"subscription": subscription}} if subscription else None
    return {"type": flow} if flow else None


def _plan(wanted: str, found: Access) -> Plan:
    """The plan that was asked for, or the next higher one."""
    plans = current_plans()
    offered = better(plans, found.plan)
    if not wanted and offered:
        return offered[0]
    plan = plans.by_key.get(wanted)
    if plan is None or not plan.price:
        raise Invalid("This plan is not for sale here. Choose one that is.")
    return plan


def _look() -> int:
    """How many times this page has looked by itself."""
    look = request.args.get("look", "0")
    return min(int(look), LAST_LOOK) if look.isdecimal() and len(look) < 4 else 0


async def _count(account_id: str) -> None:
    await Throttle(current_db(), now()).count(
        f"billing {account_id}", OFTEN, MINUTE, "Too many attempts. Wait a minute, then try again."
    )


def _checkout(sold: Selling) -> "Checkout":
    from chat.billing.checkout import Checkout  # brings the SDK

    return Checkout(_rows(), sold.gateway, current_settings().public_url)


def _rows() -> BillingRepository:
    return BillingRepository(current_db())
