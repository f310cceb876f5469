"""Nothing that happens at Stripe is lost: events that never come, outages, several processes."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from chat.billing import syncing, worker
from chat.web.current import system_clock
from tests.billing.conftest import Shop, becomes, offers, selling, shown, upgrade
from tests.databases import Installer
from tests.people import Person
from tests.rows import change, until
from tests.stripe.world import StripeAccount


async def test_what_happened_while_nobody_was_there_is_healed_by_a_start(
    database: Installer,
    stripe_account: StripeAccount,
    people: Callable[..., Person],
    tmp_path: Path,
) -> None:
    """Cases 6 and 7: nobody is told of a purchase and of a cancellation."""
    async with selling(database, stripe_account, tmp_path) as shop:
        ada, eve = people(shop.site), people(shop.site)
        await ada.register()
        await eve.register()
        await shop.buy(ada)
        url, subscription = await upgrade(eve), await shop.subscription(ada)
        assert await shop.deliveries(ada, "checkout.session.completed") == []
    await stripe_account.pay(url)  # and the tab is closed
    await stripe_account.v1.subscriptions.cancel_async(subscription)

    async with selling(database, stripe_account, tmp_path, price=shop.price) as again:
        ada.base = eve.base = again.site.base
        await becomes(eve, "active", "pro", within=20)
        await becomes(ada, "ended", "free", within=20)

        async def found() -> bool:
            kind = "customer.subscription.deleted"
            return await again.deliveries(ada, kind) == [("queued", 1)]

        await until(found, within=20)
        await stripe_account.listen(f"{again.site.base}/api/stripe/webhook")
        before = await again.rows(ada, "billing_accounts")
        told = await stripe_account.v1.events.list_async({"type": "customer.subscription.deleted"})
        await stripe_account.resend(told.data[0].id)
        await stripe_account.settled()
        assert await again.deliveries(ada, "customer.subscription.deleted") == [("queued", 2)]
        after = await again.rows(ada, "billing_accounts")
        assert after[0]["dirty_gen"] == before[0]["dirty_gen"], "a replay is a duplicate"


@pytest.mark.parametrize("how", ["limit", "silent"])
async def test_while_stripe_is_away_events_are_taken_and_read_afterwards(
    shop: Shop, ada: Person, how: str
) -> None:
    """Case 24."""
    await shop.buy(ada)
    await shop.stripe.v1.subscriptions.cancel_async(await shop.subscription(ada))
    await shop.stripe.away(how, only="GET /v1/subscriptions")
    await shop.stripe.settled()
    page = await ada.get("/billing")
    assert page.status == 200
    assert shown(page)[0] in ("active", "ended")

    await asyncio.sleep(1)  # some tries in vain
    await shop.stripe.back()

    await becomes(ada, "ended", "free", within=30)


async def test_what_is_never_delivered_is_found_between_the_long_readings(
    shop: Shop, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An outage nobody noticed: nothing was to be asked, and Stripe could not tell."""
    within = worker.GLANCE_EVERY + worker.AGAIN / 2 + 1_000 * worker.LOOK_EVERY
    assert within < 30_000, "the contract's time"
    await shop.buy(ada)
    await shop.quiet(ada)
    await shop.stripe.deliver("drop")
    monkeypatch.setattr(worker, "GLANCE_EVERY", 500)
    await change(shop.site, "UPDATE billing_cursor SET next_at = 0")
    await asyncio.sleep(worker.LOOK_EVERY)  # the long reading is over
    await shop.stripe.cancel(await shop.subscription(ada))

    await becomes(ada, "ended", "free")


@pytest.mark.parametrize(
    ("how", "only"), [("error", "GET /v1/invoices"), ("silent", "GET /v1/customers")]
)
async def test_a_plan_does_not_hang_on_what_is_only_shown(
    shop: Shop, ada: Person, how: str, only: str
) -> None:
    paid = await shop.stripe.pay(await upgrade(ada))
    await shop.stripe.away(how, only=only)
    await ada.get(paid.to)

    page = await becomes(ada, "active", "pro")
    assert not page.html.select(".invoices")

    await shop.stripe.back()
    await shop.quiet(ada)
    assert "$19.00" in (await ada.get("/billing")).words(".invoices")


async def test_a_reading_that_is_cut_short_at_any_moment_leaves_no_lease(
    shop: Shop, ada: Person
) -> None:
    """Else a restart would look away from an account for as long as it lasts."""
    await shop.buy(ada)
    await shop.quiet(ada)
    (row,) = await shop.rows(ada, "billing_accounts")
    extensions = shop.site.app.extensions
    reader = syncing.Syncing(
        shop.site.db, extensions["selling"].gateway, extensions["plans"], system_clock
    )
    for moments in range(0, 60, 3):
        reading = asyncio.create_task(reader.sync(row["account_id"]))
        for _ in range(moments):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait({reading})
        (row,) = await shop.rows(ada, "billing_accounts")
        assert (row["lease_token"], row["lease_until"]) == (None, 0), moments


@pytest.mark.parametrize("database", ["postgres"], indirect=True, scope="session")
async def test_of_two_processes_one_reads(
    database: Installer,
    stripe_account: StripeAccount,
    people: Callable[..., Person],
    tmp_path: Path,
) -> None:
    """Case 24: one list at a time, and a holder that is gone loses its lease."""
    async with (
        selling(database, stripe_account, tmp_path) as one,
        selling(database, stripe_account, tmp_path, price=one.price) as two,
    ):
        for shop in (one, two):
            await stripe_account.listen(f"{shop.site.base}/api/stripe/webhook")
        ada = people(one.site)
        await ada.register()
        await one.buy(ada)
        await one.quiet(ada)
        subscription = await one.subscription(ada)
        await stripe_account.forget_calls()
        await stripe_account.away("held", only="GET /v1/subscriptions")
        await stripe_account.v1.subscriptions.cancel_async(subscription)
        await stripe_account.settled()

        async def asked() -> bool:
            return bool(await stripe_account.calls("GET /v1/subscriptions"))

        await until(asked, within=20)
        await asyncio.sleep(1)  # the other one would be there by now
        assert len(await stripe_account.calls("GET /v1/subscriptions")) == 1
        # The holder is killed: whoever comes after its lease has another token.
        await change(
            one.site,
            "UPDATE billing_accounts SET lease_token = 'another', lease_until = :until",
            until=int(time.time() * 1_000) + 60_000,
        )
        await stripe_account.back()
        await asyncio.sleep(1)
        (row,) = await one.rows(ada, "billing_accounts")
        assert row["lease_token"] == "another"
        assert row["dirty_gen"] > row["synced_gen"], "the late writer changed nothing"
        assert shown(await ada.get("/billing")) == ("active", "pro")

        await change(one.site, "UPDATE billing_accounts SET lease_until = 0")
        await becomes(ada, "ended", "free", within=20)


async def test_a_price_that_stripe_tells_nothing_of_is_sold_all_the_same(
    database: Installer, stripe_account: StripeAccount, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """No answer says nothing bad of it; what it costs is shown once that is known."""
    monkeypatch.setattr(worker, "AGAIN", 200)
    price = await stripe_account.price(1900)
    await stripe_account.away("error", only=f"GET /v1/prices/{price}")
    async with selling(database, stripe_account, tmp_path, price=price) as shop:
        ada = Person(shop.site.base)
        await ada.register()

        async def asked() -> bool:
            return len(await stripe_account.calls("GET /v1/prices")) > 1

        await until(asked, within=20)
        page = await ada.get("/billing")
        assert offers(page) == {"checkout"}
        assert "$" not in page.words(".offer") and "not available" not in page.words("main")
        assert (await upgrade(ada)).startswith(stripe_account.base)

        await stripe_account.back()

        async def told() -> bool:
            return "$19.00 a month" in (await ada.get("/billing")).words(".offer")

        await until(told, within=20)
        await ada.close()
