"""An installation that sells one plan, through the stand-in for Stripe."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chat.billing import syncing
from tests.databases import Installer
from tests.faults.process import free_port
from tests.people import Answer, Person
from tests.rows import change, rows, until
from tests.site import Site
from tests.stripe.world import StripeAccount, World, an_account

WITHIN = 20.0  # seconds: what was lost is healed so soon after a start


@dataclass
class Shop:
    """`site` sells the plan "pro" at `price`; `stripe` is its account there."""

    site: Site
    stripe: StripeAccount
    price: str

    async def rows(self, person: Person, table: str) -> list[dict[str, Any]]:
        """What an account has there."""
        sql = f"""SELECT t.* FROM {table} t JOIN accounts a ON a.id = t.account_id
                   WHERE a.email = :email"""
        return await rows(self.site, sql, email=person.email)

    async def deliveries(self, person: Person, kind: str) -> list[tuple[str, int]]:
        """(outcome, deliveries) of the events of this type about somebody."""
        sql = """SELECT outcome, deliveries FROM stripe_events
                  WHERE type = :kind AND customer_id = :customer"""
        found = await rows(self.site, sql, kind=kind, customer=await self.customer(person))
        return [(row["outcome"], row["deliveries"]) for row in found]

    async def subscriptions(self, person: Person) -> list[Any]:
        """All that Stripe has, over or not."""
        listed = await self.stripe.v1.subscriptions.list_async(
            {"customer": await self.customer(person), "status": "all"}
        )
        return list(listed.data)

    async def session(self, person: Person) -> str:
        """The newest checkout's."""
        found = await self.rows(person, "billing_checkouts")
        return str(max(found, key=lambda row: row["created_at"])["session_id"])

    async def customer(self, person: Person) -> str:
        (found,) = await self.rows(person, "billing_accounts")
        return str(found["customer_id"])

    async def subscription(self, person: Person) -> str:
        return str((await self.subscriptions(person))[0].id)

    async def quiet(self, person: Person) -> None:
        """Returns once nothing about somebody is on its way or being read."""
        await self.stripe.settled()

        async def so() -> bool:
            (row,) = await self.rows(person, "billing_accounts")
            return bool(row["dirty_gen"] == row["synced_gen"] and row["lease_until"] == 0)

        await until(so, within=WITHIN)

    async def buy(self, person: Person) -> None:
        """All the way: to Stripe, paid, and back."""
        paid = await self.stripe.pay(await upgrade(person))
        assert paid.status == 303, paid.html
        await person.get(paid.to)
        await becomes(person, "active", "pro")


async def upgrade(person: Person) -> str:
    """Where the button leads."""
    sent = await person.post("/billing/checkout", {"plan": "pro"}, allow_redirects=False)
    assert sent.status == 303, sent.text
    return sent.headers["Location"]


def shown(page: Answer) -> tuple[str, str]:
    """(state, plan) on the page."""
    part = page.one("[data-billing-state]")
    return str(part["data-billing-state"]), str(part["data-plan"])


async def becomes(person: Person, state: str, plan: str, within: float = WITHIN) -> Answer:
    """The page of the plan, once it shows this."""
    began = time.monotonic()
    page = await person.get("/billing")
    while shown(page) != (state, plan):
        assert time.monotonic() - began < within, f"not {state} {plan} but {shown(page)}"
        await asyncio.sleep(0.1)  # a page costs more than a look at a row
        page = await person.get("/billing")
    return page


def offers(page: Answer) -> set[str]:
    """Which of Stripe's pages there is a way to."""
    return {
        str(form["action"]).removeprefix("/billing/")
        for form in page.html.select("form[action^='/billing/']")
    }


@pytest.fixture(scope="session", autouse=True)
def _quick_readings() -> None:
    """Waiting for more of a burst is no rule: the tests make their bursts wide enough."""
    syncing.SETTLE = 0.05


@asynccontextmanager
async def selling(
    database: Installer, stripe: StripeAccount, folder: Path, **env: str
) -> AsyncIterator[Shop]:
    """An installation that sells; Stripe sends people back to PUBLIC_URL, so its port is known."""
    price = env.pop("price", "") or await stripe.price(1900)
    given = {**stripe.settings(price), "PORT": free_port(), **env}
    async with database.running(folder, given) as site:
        yield Shop(site, stripe, price)


@pytest.fixture(scope="session")
async def one_shop(
    database: Installer, stripe_world: World, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Shop]:
    """One for all tests that can share it; each brings people of its own."""
    async with (
        an_account(stripe_world) as account,
        selling(database, account, tmp_path_factory.mktemp("shop")) as shop,
    ):
        await account.listen(f"{shop.site.base}/api/stripe/webhook")

        async def looked() -> bool:  # into Stripe's list, as at every start
            return bool(await account.calls("GET /v1/events"))

        await until(looked, within=WITHIN)
        yield shop


@pytest.fixture
async def shop(one_shop: Shop) -> AsyncIterator[Shop]:
    """Nobody looks into Stripe's list in between: what is known was delivered, or asked for."""
    await change(one_shop.site, "UPDATE billing_cursor SET next_at = :never", never=2**62)
    await one_shop.stripe.forget_calls()
    yield one_shop
    await one_shop.stripe.back()
    await one_shop.stripe.deliver("normal")


@pytest.fixture
async def ada(shop: Shop, people: Callable[..., Person]) -> Person:
    person = people(shop.site)
    await person.register()
    return person
