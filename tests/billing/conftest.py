"""An installation that sells one plan, through the stand-in for Stripe."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.databases import Installer
from tests.people import Answer, Person
from tests.rows import rows, until
from tests.site import Site
from tests.stripe.world import StripeAccount

WITHIN = 20.0  # seconds: what was lost is healed so soon after a start


@dataclass
class Shop:
    """`site` sells the plan "pro" at `price`; `stripe` is its account there."""

    site: Site
    stripe: StripeAccount
    price: str

    async def customer(self, person: Person) -> str:
        sql = """SELECT customer_id FROM billing_accounts b JOIN accounts a ON a.id = b.account_id
                  WHERE a.email = :email"""
        found = await rows(self.site, sql, email=person.email)
        return str(found[0]["customer_id"])

    async def subscription(self, person: Person) -> str:
        listed = await self.stripe.v1.subscriptions.list_async(
            {"customer": await self.customer(person), "status": "all"}
        )
        return str(listed.data[0].id)

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
    page = await person.get("/billing")

    async def shows() -> bool:
        nonlocal page
        page = await person.get("/billing")
        return shown(page) == (state, plan)

    try:
        await until(shows, within=within)
    except AssertionError as error:
        raise AssertionError(f"not {state} {plan} but {shown(page)}") from error
    return page


def offers(page: Answer) -> set[str]:
    """Which of Stripe's pages there is a way to."""
    return {
        str(form["action"]).removeprefix("/billing/")
        for form in page.html.select("form[action^='/billing/']")
    }


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


ShopMaker = Callable[..., Awaitable[Shop]]


@pytest.fixture
async def make_shop(
    database: Installer, stripe_account: StripeAccount, tmp_path: Path
) -> AsyncIterator[ShopMaker]:
    """`await make_shop(listen=False)`: one that Stripe tells nothing."""
    async with AsyncExitStack() as stack:

        async def make(folder: Path = tmp_path, *, listen: bool = True, **env: str) -> Shop:
            price = env.pop("price", "") or await stripe_account.price(1900)
            # Stripe sends people back to PUBLIC_URL, so the port has to be known before.
            given = {**stripe_account.settings(price), "PORT": str(free_port()), **env}
            site = await stack.enter_async_context(database.running(folder, given))
            if listen:
                await stripe_account.listen(f"{site.base}/api/stripe/webhook")
            return Shop(site, stripe_account, price)

        yield make


@pytest.fixture
async def shop(make_shop: ShopMaker) -> Shop:
    return await make_shop()


@pytest.fixture
async def ada(shop: Shop, people: Callable[..., Person]) -> Person:
    person = people(shop.site)
    await person.register()
    return person
