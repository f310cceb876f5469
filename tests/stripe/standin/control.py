"""What tests and the demo's panel order: time, disorder, outages, and what there is to read."""

import asyncio
import time
from typing import Any

from aiohttp import web
from seahaven.errors import WorldBug
from seahaven_stripe_world.stripe_errors import StripeApiError

from tests.stripe.standin import endpoints, portal
from tests.stripe.standin.account import Account
from tests.stripe.standin.courier import MODES
from tests.stripe.standin.engine import ask
from tests.stripe.standin.hosted import PAGES, Form, Page
from tests.stripe.standin.travel import ORDERS

LONGEST = 60  # seconds somebody may wait until everything is delivered


async def obey(account: Account, order: str, given: dict[str, Any]) -> web.Response:
    if order in ORDERS:
        return _travelled(account, order, given)
    if order == "settled":
        await asyncio.wait_for(account.courier.settled(), LONGEST)
        return web.json_response({})
    return web.json_response(_switched(account, order, given))


def _switched(account: Account, order: str, given: dict[str, Any]) -> Any:
    courier = account.courier
    if order == "mode" and given["mode"] in MODES:
        courier.mode = given["mode"]
        return {}
    if order == "deliveries":
        return [delivery.told() for delivery in courier.deliveries]
    if order == "release":
        return courier.release(given.get("mode", "normal"))
    if order == "resend":
        return courier.resend(given["event"])
    if order == "roll":
        return endpoints.roll(account, given["endpoint"])
    if order == "secret":
        courier.secrets[given["endpoint"]] = [given["secret"]]
        return {}
    if order == "away":
        account.away.go(**given)
        return {}
    if order == "back":
        account.away.end()
        return {}
    if order == "calls":
        return account.journal.read()
    if order == "forget_calls":
        account.journal.clear()
        return {}
    raise web.HTTPNotFound(text=f"Nobody knows the order {order} {given}.")


def _travelled(account: Account, order: str, given: dict[str, Any]) -> web.Response:
    try:
        with account.engine.transaction() as ctx:
            done = ORDERS[order](account, ctx, given)
    except StripeApiError as error:
        return web.json_response(error.envelope(), status=error.status)
    except WorldBug as error:  # what cannot happen now: a renewal of what has ended
        return web.json_response({"error": {"message": str(error)}}, status=400)
    finally:
        account.courier.collect()
    return web.json_response(done)


def panel(account: Account, form: Form | None) -> Page:
    """For a person who tries the demo: every subscription, and buttons for what may happen."""
    error = ""
    if form is not None:
        try:
            with account.engine.transaction() as ctx:
                ORDERS[form["action"]](account, ctx, dict(form))
            return Page(to=f"/panel/{account.key}", status=303)
        except (StripeApiError, WorldBug) as refusal:
            error = str(refusal)
    with account.engine.transaction() as ctx:
        found = ask(ctx, "GET", "/v1/subscriptions", status="all", limit=100)["data"]
        people = {
            one["customer"]: ask(ctx, "GET", f"/v1/customers/{one['customer']}") for one in found
        }
    html = PAGES.get_template("panel.html").render(
        title="Stripe, for the demo",
        subscriptions=found,
        people=people,
        living=("trialing", "active", "past_due", "unpaid"),
        period_end=portal.period_end,
        day=_day,
        deliveries=account.courier.deliveries[-20:][::-1],
        error=error,
    )
    return Page(html, 400 if error else 200)


def _day(at: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(at))
