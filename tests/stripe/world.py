"""The stand-in for Stripe as tests use it: `stripe_world`, and an account of a test's own.

async def test_a_paid_checkout_is_an_active_plan(stripe_account, make_site, …):
    price = await stripe_account.price(1900)
    site = await make_site(**stripe_account.settings(price))
    await stripe_account.listen(f"{site.base}/api/stripe/webhook")
"""

import asyncio
import secrets
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import aiohttp
import stripe
from bs4 import BeautifulSoup

from tests.stripe import installed

GOOD, DECLINED, DECLINES_LATER = "4242424242424242", "4000000000000002", "4000000000000341"
Object = dict[str, Any]


class World:
    """The process that serves every account."""

    def __init__(self, base: str, client: aiohttp.ClientSession) -> None:
        self.base = base
        self.client = client


@dataclass
class Seen:
    """What a browser was shown, not following redirects; `to` is where it was sent."""

    status: int
    to: str
    html: str

    @property
    def page(self) -> BeautifulSoup:
        return BeautifulSoup(self.html, "html.parser")

    @property
    def error(self) -> str:
        """What the page says about a declined card, '' for nothing."""
        found = self.page.select_one("[role=alert]")
        return found.text.strip() if found else ""


class StripeAccount:
    """An account that nobody else has. `v1` is the official SDK on it."""

    def __init__(self, world: World) -> None:
        self.base = world.base
        self.key = f"sk_test_{secrets.token_hex(12)}"
        self.secret = "whsec_" + secrets.token_hex(16)
        self._client = world.client
        self._http: Any = None  # its methods have no types

    @cached_property
    def v1(self) -> Any:
        """`stripe.StripeClient(…).v1`; one try for each call, so that tests can count."""
        stripe.enable_telemetry = False
        self._http = stripe.AIOHTTPClient(timeout=10)
        return stripe.StripeClient(
            self.key,
            http_client=self._http,
            max_network_retries=0,
            base_addresses={"api": self.base},
        ).v1

    def settings(self, price: str) -> dict[str, str]:
        """What the app is told: `await make_site(**account.settings(price))`."""
        return {
            "STRIPE_SECRET_KEY": self.key,
            "STRIPE_WEBHOOK_SECRET": self.secret,
            "STRIPE_PRICE_ID": price,
            "STRIPE_API_BASE": self.base,
        }

    # What an operator makes once.

    async def price(self, amount: int = 1900, name: str = "Pro", **more: Any) -> str:
        """The id of a monthly price of a product of its own, in cents."""
        product = await self.v1.products.create_async({"name": name})
        asked = {"recurring": {"interval": "month"}, "currency": "usd"} | more
        price = await self.v1.prices.create_async(
            {"product": product.id, "unit_amount": amount, **asked}
        )
        return str(price.id)

    async def listen(self, url: str, *events: str) -> str:
        """An endpoint for these types (all, if none is named), signed with `secret`; its id."""
        asked = {"url": url, "enabled_events": list(events) or ["*"]}
        endpoint = await self.v1.webhook_endpoints.create_async(asked)
        await self.order("secret", endpoint=endpoint.id, secret=self.secret)
        return str(endpoint.id)

    # What a person does at Stripe.

    async def open(self, url: str) -> Seen:
        async with self._client.get(url, allow_redirects=False) as answer:
            return Seen(answer.status, answer.headers.get("Location", ""), await answer.text())

    async def press(self, url: str, action: str, **fields: str) -> Seen:
        """A button of a hosted page."""
        form = {"action": action, **fields}
        async with self._client.post(url, data=form, allow_redirects=False) as answer:
            return Seen(answer.status, answer.headers.get("Location", ""), await answer.text())

    async def pay(self, url: str, card: str = GOOD, **fields: str) -> Seen:
        """Checkout with this card: `to` is the success address, or `error` says why not."""
        return await self.press(url, "pay", card=card, **fields)

    async def at_portal(self, customer: str, action: str, **fields: str) -> str:
        """cancel_now, cancel_at_period_end, cancel_at, renew (`subscription`), price and upgrade
        (`subscription`, `price`: settled later, or paid first), card (`card`), email (`email`),
        pay (`invoice`).

        Why a card was declined, or ''.
        """
        done = await self.order("page", customer=customer, action=action, **fields)
        return str(done["error"])

    # What time, banks and the dashboard do.

    async def subscribe(self, customer: str, price: str, card: str = GOOD, **more: Any) -> Object:
        """A subscription that no checkout made; `more` as the API takes it."""
        return await self._object("subscribe", customer=customer, price=price, card=card, more=more)

    async def renew(self, subscription: str) -> Object:
        """The period or the trial ends, a scheduled cancellation comes true."""
        return await self._object("renew", subscription=subscription)

    async def fail_renewal(self, subscription: str) -> Object:
        """The period ends and the card declines, as it does from now on: past_due."""
        return await self._object("fail_renewal", subscription=subscription)

    async def retry(self, subscription: str) -> Object:
        """Stripe tries the open invoice again, with the card that there is."""
        return await self._object("retry", subscription=subscription)

    async def dunning_end(self, subscription: str, then: str = "cancel") -> Object:
        """Stripe gives up: cancel, mark_unpaid or leave_past_due."""
        return await self._object("dunning_end", subscription=subscription, then=then)

    async def cancel(self, subscription: str) -> Object:
        """At once, in the dashboard."""
        return await self._object("cancel", subscription=subscription)

    async def trial_ends_soon(self, subscription: str) -> Object:
        """Three days before it: an event, nothing else."""
        return await self._object("trial_ends_soon", subscription=subscription)

    async def expire_incomplete(self, subscription: str) -> Object:
        return await self._object("expire_incomplete", subscription=subscription)

    async def expire_checkout(self, session: str) -> Object:
        return await self._object("expire_checkout", session=session)

    async def refund(self, customer: str, **more: int) -> Object:
        """The last payment, or `amount` of it."""
        return await self._object("refund", customer=customer, **more)

    async def dispute(self, customer: str) -> Object:
        """About the last payment."""
        return await self._object("dispute", customer=customer)

    async def dispute_won(self, dispute: str) -> Object:
        return await self._object("dispute_won", dispute=dispute)

    async def delete_customer(self, customer: str) -> None:
        await self.v1.customers.delete_async(customer)

    # Events on their way.

    async def deliver(self, mode: str) -> None:
        """From now on: normal, duplicate, reverse, shuffle, parallel, hold or drop."""
        await self.order("mode", mode=mode)

    async def release(self, mode: str = "normal") -> int:
        """Sends what was held, as one batch; how many."""
        return int(await self.order("release", mode=mode))

    async def resend(self, event: str) -> int:
        """One event once more; to how many endpoints."""
        return int(await self.order("resend", event=event))

    async def deliveries(self) -> list[Object]:
        """id, event, type, object, endpoint, state, answers (statuses), oldest first."""
        found: list[Object] = await self.order("deliveries")
        return found

    async def settled(self) -> None:
        """Returns when nothing is on its way: delivered, held, dropped, or given up."""
        await self.order("settled")

    async def roll(self, endpoint: str) -> str:
        """A new secret; events are signed with both from now on."""
        return str(await self.order("roll", endpoint=endpoint))

    # Trouble, and what was asked.

    async def away(self, how: str = "error", only: str = "", times: int = 0) -> None:
        """error (500), limit (429), cut (connection breaks), lost (breaks after the work is done),
        silent (never answers), held (answers after `back`). `only`: "GET /v1/subscriptions"."""
        await self.order("away", how=how, only=only, times=times)

    async def back(self) -> None:
        await self.order("back")

    async def calls(self, start: str = "") -> list[Object]:
        """What was asked: method, path, query, key (idempotency), body, at, status; of those whose
        "METHOD /path" begins so."""
        found: list[Object] = await self.order("calls")
        return [call for call in found if f"{call['method']} {call['path']}".startswith(start)]

    async def forget_calls(self) -> None:
        await self.order("forget_calls")

    async def order(self, order: str, **given: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.key}"}
        url = f"{self.base}/_test/{order}"
        async with self._client.post(url, json=given, headers=headers) as answer:
            assert answer.status == 200, f"{order}: {answer.status} {await answer.text()}"
            return await answer.json()

    async def close(self) -> None:
        await self.order("account")
        if self._http is not None:
            await self._http.close_async()

    async def _object(self, order: str, **given: Any) -> Object:
        found: Object = await self.order(order, **given)
        return found


@asynccontextmanager
async def running() -> AsyncIterator[World]:
    """The stand-in in a child process, which goes when this process does."""
    process = await asyncio.create_subprocess_exec(
        installed.require(),
        "-m",
        "tests.stripe.standin",
        "--tied",
        cwd=installed.ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin and process.stdout
    try:
        line = (await process.stdout.readline()).decode()
        assert "http://" in line, "the stand-in did not start"
        async with aiohttp.ClientSession() as client:
            yield World(line.split()[-1], client)
    finally:
        process.stdin.close()
        await process.wait()


@asynccontextmanager
async def an_account(world: World) -> AsyncIterator[StripeAccount]:
    account = StripeAccount(world)
    try:
        yield account
    finally:
        await account.close()
