"""Who has which plan, what went wrong, and what is given for nothing: for administrators."""

from collections.abc import Mapping
from datetime import UTC, datetime

from quart import Blueprint, Response, redirect, request, url_for

from chat.admin.access import admin_required
from chat.admin.repository import BillingOverview
from chat.billing.access import DAY
from chat.billing.parts import current_plans, current_selling, selling
from chat.errors import Invalid
from chat.web.current import current_db, current_settings, now
from chat.web.failures import sentence
from chat.web.hypermedia import Answer, page
from chat.web.i18n import N_

blueprint = Blueprint("admin_billing", __name__, url_prefix="/admin/billing")
LONGEST = 1_000
KINDS = {
    "duplicate_live": N_("Two subscriptions at once: end one of them at Stripe."),
    "unknown_price": N_("A subscription to a price that is no plan here: it gives nothing."),
    "unknown_status": N_("A state of a subscription that this version does not know."),
    "paid_after_end": N_("Paid after the subscription had ended: pay it back, or give the plan."),
    "refund": N_("A payment was paid back; the subscription goes on until it is ended."),
    "dispute": N_("A payment is disputed: the account is on hold until this is closed."),
}


@blueprint.get("")
@admin_required
async def show() -> Answer:
    return await _page()


@blueprint.post("/sync")
@admin_required
async def sync() -> Answer:
    form = await request.form
    try:
        await _overview().sync(form.get("email", "")[:LONGEST].strip())
    except Invalid as error:
        return await _page(422, problems={"sync": sentence(error)}, typed=form)
    _wake()
    return redirect(url_for(".show"), 303)


@blueprint.post("/notices")
@admin_required
async def notices() -> Answer:
    form = await request.form
    closed_at = now() if form.get("closed") == "1" else None
    await _overview().mark(form.get("notice", "")[:LONGEST], closed_at)
    return redirect(url_for(".show"), 303)


@blueprint.post("/grants")
@admin_required
async def grants() -> Answer:
    selling()  # without it everybody has the default plan
    form = await request.form
    try:
        plan = form.get("plan", "")
        if plan and plan not in current_plans().by_key:
            raise Invalid("Choose one of the plans that there are.")
        until = _until(form.get("until", ""))
        await _overview().grant(form.get("email", "")[:LONGEST], plan, until, now())
    except Invalid as error:
        return await _page(422, problems={"grant": sentence(error)}, typed=form)
    return redirect(url_for(".show"), 303)


def _until(text: str) -> int | None:
    """The end of that day, UTC; None without one."""
    if not text:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise Invalid("Write the day as 2030-12-31.") from error
    end = int(day.timestamp() * 1_000) + DAY
    if end <= now():
        raise Invalid("Choose a day that is still to come.")
    return end


async def _page(
    status: int = 200,
    problems: Mapping[str, str] | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response:
    overview, plans, sold = _overview(), current_plans(), current_selling()
    return await page(
        "admin/billing.html",
        status,
        subscriptions=await overview.subscriptions(),
        notices=await overview.notices(),
        grants=await overview.grants(),
        troubles=await overview.troubles(),
        configuration=sold.worker.configuration if sold else None,
        plans=plans,
        kinds=KINDS,
        test=bool(current_settings().stripe_api_base),
        problems=problems or {},
        typed=typed or {},
    )


def _wake() -> None:
    if sold := current_selling():
        sold.worker.wake()


def _overview() -> BillingOverview:
    return BillingOverview(current_db())
