"""`make live-stripe`: what only a real Stripe account, in test mode, can answer.

It wants a network and STRIPE_LIVE_TEST_KEY=sk_test_… (never a live key), and is skipped without.
Nothing is charged; what is made is deleted again, a test clock takes its customers along. Checked:
that a checkout asked as Prosa asks it is made once under one key, and refused with an unknown
parameter; that what Prosa reads of a subscription stands where it reads it, through a renewal, a
declined renewal and both ways to cancel; that the portal opens; that `stripe listen` brings events
which the SDK accepts. Run it when the SDK is raised.
"""

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import stripe

from tests.stripe import installed
from tests.stripe.listener import listening

KEY = os.environ.get("STRIPE_LIVE_TEST_KEY", "")
pytestmark = pytest.mark.skipif(
    not KEY.startswith("sk_test_"),
    reason="NOT TESTED: the real Stripe. Set STRIPE_LIVE_TEST_KEY to a key that begins sk_test_.",
)
DAY = 86_400


@pytest.fixture
async def v1() -> AsyncIterator[Any]:
    stripe.enable_telemetry = False
    http: Any = stripe.AIOHTTPClient(timeout=30)
    yield stripe.StripeClient(KEY, http_client=http).v1
    await http.close_async()


@pytest.fixture
async def price(v1: Any) -> AsyncIterator[str]:
    product = await v1.products.create_async({"name": "Prosa, a test"})
    asked = {"product": product.id, "unit_amount": 1900, "currency": "usd"}
    made = await v1.prices.create_async(asked | {"recurring": {"interval": "month"}})
    yield made.id
    await v1.prices.update_async(made.id, {"active": False})
    await v1.products.update_async(product.id, {"active": False})


@pytest.fixture
async def clock(v1: Any) -> AsyncIterator[str]:
    made = await v1.test_helpers.test_clocks.create_async({"frozen_time": int(time.time())})
    yield made.id
    await v1.test_helpers.test_clocks.delete_async(made.id)


async def subscribed(v1: Any, clock: str, price: str) -> Any:
    customer = await v1.customers.create_async(
        {
            "email": "ada@example.com",
            "test_clock": clock,
            "payment_method": "pm_card_visa",
            "invoice_settings": {"default_payment_method": "pm_card_visa"},
        }
    )
    return await v1.subscriptions.create_async(
        {"customer": customer.id, "items": [{"price": price}]}
    )


async def wait_until(v1: Any, clock: str, at: int) -> None:
    """Moves the clock there; Stripe takes some seconds for what happens on the way."""
    clocks = v1.test_helpers.test_clocks
    await clocks.advance_async(clock, {"frozen_time": at})
    async with asyncio.timeout(180):
        while (await clocks.retrieve_async(clock)).status != "ready":  # noqa: ASYNC110 (it is Stripe that we ask)
            await asyncio.sleep(2)


def end(subscription: Any) -> int:
    found: int = subscription["items"].data[0].current_period_end
    return found


async def test_a_checkout_is_made_once_and_refused_when_wrong(v1: Any, price: str) -> None:
    customer = await v1.customers.create_async({"email": "ada@example.com"})
    asked: dict[str, Any] = {
        "mode": "subscription",
        "customer": customer.id,
        "client_reference_id": "ada",
        "line_items": [{"price": price, "quantity": 1}],
        "success_url": "http://localhost/billing/return?session_id={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://localhost/billing",
    }
    key = {"idempotency_key": secrets.token_hex(16)}
    create = v1.checkout.sessions.create_async
    first, again = await create(asked, key), await create(asked, key)
    portal = {"customer": customer.id, "return_url": "http://localhost/billing"}

    assert first.id == again.id
    assert (first.status, first.payment_status, first.livemode) == ("open", "unpaid", False)
    assert first.url.startswith("https://")
    with pytest.raises(stripe.InvalidRequestError):
        await create(asked | {"line_item": "x"})
    assert (await v1.checkout.sessions.expire_async(first.id)).status == "expired"
    assert (await v1.billing_portal.sessions.create_async(portal)).url.startswith("https://")
    await v1.customers.delete_async(customer.id)


async def test_renewals_succeed_and_fail(v1: Any, clock: str, price: str) -> None:
    made = await subscribed(v1, clock, price)
    assert (made.status, made["items"].data[0].price.id) == ("active", price)
    await wait_until(v1, clock, end(made) + DAY)
    renewed = await v1.subscriptions.retrieve_async(made.id)
    assert renewed.status == "active"
    assert end(renewed) > end(made)

    declining = await v1.payment_methods.attach_async(
        "pm_card_chargeCustomerFail", {"customer": made.customer}
    )
    await v1.subscriptions.update_async(made.id, {"default_payment_method": declining.id})
    await wait_until(v1, clock, end(renewed) + DAY)
    failed = await v1.subscriptions.retrieve_async(made.id, {"expand": ["latest_invoice"]})
    assert failed.status == "past_due"
    assert failed.latest_invoice.parent.subscription_details.subscription == made.id


@pytest.mark.parametrize("how", ["cancel_at", "cancel_at_period_end"])
async def test_a_cancellation_ends_with_the_period(
    v1: Any, clock: str, price: str, how: str
) -> None:
    made = await subscribed(v1, clock, price)
    value = end(made) if how == "cancel_at" else True
    scheduled = await v1.subscriptions.update_async(made.id, {how: value})
    assert scheduled.status == "active"
    assert scheduled.cancel_at == end(made)
    await wait_until(v1, clock, end(made) + DAY)
    assert (await v1.subscriptions.retrieve_async(made.id)).status == "canceled"


async def test_events_arrive_through_the_command_line(v1: Any) -> None:
    command = str(installed.require_command())
    env = os.environ | {"STRIPE_API_KEY": KEY}
    asked = await asyncio.create_subprocess_exec(
        command, "listen", "--print-secret", env=env, stdout=asyncio.subprocess.PIPE
    )
    secret, _ = await asyncio.wait_for(asked.communicate(), 60)
    async with listening(secret.decode().strip()) as listener:
        listen = await asyncio.create_subprocess_exec(
            *(command, "listen", "--forward-to", listener.url),
            env=env,
            stderr=asyncio.subprocess.PIPE,
        )
        assert listen.stderr
        try:
            await asyncio.wait_for(listen.stderr.readuntil(b"Ready"), 60)
            customer = await v1.customers.create_async({"email": "ada@example.com"})
            async with asyncio.timeout(60):
                while "customer.created" not in listener.types:  # noqa: ASYNC110 (nobody tells us)
                    await asyncio.sleep(0.5)
            await v1.customers.delete_async(customer.id)
        finally:
            listen.terminate()
            await listen.wait()
    assert listener.forged == 0
