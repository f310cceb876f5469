"""What happens to a subscription afterwards, and what its owner then has."""

import asyncio
import time

import pytest

from chat.billing.access import DAY
from tests.billing.conftest import Shop, becomes, offers, shown, upgrade
from tests.people import Person
from tests.rows import change, rows, until

CHAOS = ["duplicate", "reverse", "shuffle", "parallel"]


async def notices(shop: Shop, person: Person) -> dict[str, bool]:
    """Kind to whether it is open."""
    found = await shop.rows(person, "billing_notices")
    return {row["kind"]: row["closed_at"] is None for row in found}


async def noticed(shop: Shop, person: Person, kind: str, *, is_open: bool) -> None:
    async def so() -> bool:
        return (await notices(shop, person)).get(kind) is is_open

    await until(so, within=20)


@pytest.mark.parametrize("mode", CHAOS)
async def test_events_may_come_twice_and_in_any_order(shop: Shop, ada: Person, mode: str) -> None:
    """Cases 2 and 3, S123."""
    await shop.stripe.deliver("hold")
    await shop.stripe.pay(await upgrade(ada))
    subscription = await shop.subscription(ada)
    await shop.stripe.v1.subscriptions.cancel_async(subscription)
    await shop.stripe.subscribe(await shop.customer(ada), shop.price)
    await shop.stripe.release(mode)
    await shop.quiet(ada)

    await becomes(ada, "active", "pro")
    stored = {
        r["subscription_id"]: r["status"] for r in await shop.rows(ada, "billing_subscriptions")
    }
    assert stored == {each.id: each.status for each in await shop.subscriptions(ada)}
    assert sorted(stored.values()) == ["active", "canceled"]
    if mode == "duplicate":
        assert await shop.deliveries(ada, "checkout.session.completed") == [("queued", 2)]


async def test_a_renewal_that_fails_keeps_the_plan_for_the_grace(shop: Shop, ada: Person) -> None:
    """Cases 12 and 13."""
    await shop.buy(ada)
    subscription = await shop.subscription(ada)
    await shop.stripe.fail_renewal(subscription)
    page = await becomes(ada, "past_due", "pro")
    assert offers(page) == {"portal"}
    assert page.one("input[name=flow][value=payment_method_update]")
    for path in ("/", "/account", "/conversations"):
        assert (await ada.get(path)).one("[data-banner=past_due]")
    (before,) = await shop.rows(ada, "billing_subscriptions")
    for _ in range(3):
        await shop.stripe.retry(subscription)
    await shop.quiet(ada)
    (after,) = await shop.rows(ada, "billing_subscriptions")
    assert after["past_due_since"] == before["past_due_since"], "later failures never move it"

    moved = """UPDATE billing_subscriptions SET past_due_since = past_due_since - :week
                WHERE subscription_id = :id"""
    await change(shop.site, moved, week=8 * DAY, id=subscription)
    page = await ada.get("/billing")
    assert shown(page) == ("grace_over", "free")
    assert offers(page) == {"portal"}
    sent = await ada.post(
        "/billing/portal", {"flow": "payment_method_update"}, allow_redirects=False
    )
    assert sent.status == 303
    refused = await ada.post("/billing/checkout", {"plan": "pro"})
    assert refused.status == 409

    await shop.stripe.at_portal(await shop.customer(ada), "card", card="4242424242424242")
    await shop.stripe.retry(subscription)
    await becomes(ada, "active", "pro")
    assert not (await ada.get("/account")).html.select("[data-banner]")
    (row,) = await shop.rows(ada, "billing_subscriptions")
    assert row["past_due_since"] is None


async def test_paid_after_the_end_is_noticed_and_gives_nothing(shop: Shop, ada: Person) -> None:
    """Case 14."""
    await shop.buy(ada)
    subscription = await shop.subscription(ada)
    await shop.stripe.fail_renewal(subscription)
    await becomes(ada, "past_due", "pro")
    await shop.stripe.dunning_end(subscription)
    page = await becomes(ada, "ended", "free")
    assert offers(page) == {"checkout", "portal"}
    listed = await shop.stripe.v1.invoices.list_async(
        {"customer": await shop.customer(ada), "status": "open"}
    )
    await shop.stripe.at_portal(await shop.customer(ada), "card", card="4242424242424242")
    (ended,) = await shop.subscriptions(ada)
    await asyncio.sleep(max(0, ended.ended_at + 1 - time.time()))  # its stamps are whole seconds
    await shop.stripe.at_portal(await shop.customer(ada), "pay", invoice=listed.data[0].id)

    await noticed(shop, ada, "paid_after_end", is_open=True)
    assert shown(await ada.get("/billing")) == ("ended", "free")


@pytest.mark.parametrize("way", ["cancel_at_period_end", "cancel_at"])
async def test_a_cancellation_keeps_the_plan_until_the_end(
    shop: Shop, ada: Person, way: str
) -> None:
    """Case 15."""
    await shop.buy(ada)
    subscription, customer = await shop.subscription(ada), await shop.customer(ada)
    await shop.stripe.at_portal(customer, way, subscription=subscription)
    page = await becomes(ada, "ending", "pro")
    assert "Ends on" in page.words("#billing-state")
    assert "Renew" in page.words("form[action='/billing/portal']")
    await shop.stripe.at_portal(customer, "renew", subscription=subscription)
    await becomes(ada, "active", "pro")
    await shop.stripe.at_portal(customer, way, subscription=subscription)
    await becomes(ada, "ending", "pro")

    await shop.stripe.renew(subscription)

    page = await becomes(ada, "ended", "free")
    assert offers(page) == {"checkout", "portal"}


async def test_an_unknown_price_gives_nothing_and_is_noticed(shop: Shop, ada: Person) -> None:
    """Case 16."""
    await shop.buy(ada)
    subscription, customer = await shop.subscription(ada), await shop.customer(ada)
    other = await shop.stripe.price(99_00, "Something else")
    await shop.stripe.at_portal(customer, "price", subscription=subscription, price=other)
    page = await becomes(ada, "hold", "free")
    assert offers(page) == {"portal"}
    assert (await notices(shop, ada)) == {"unknown_price": True}
    assert (await ada.post("/billing/checkout", {"plan": "pro"})).status == 409

    await shop.stripe.at_portal(customer, "price", subscription=subscription, price=shop.price)
    await becomes(ada, "active", "pro")
    assert (await notices(shop, ada)) == {"unknown_price": False}


async def test_one_of_two_may_end(shop: Shop, ada: Person) -> None:
    """Case 10."""
    await shop.buy(ada)
    first = await shop.subscription(ada)
    await shop.stripe.subscribe(await shop.customer(ada), shop.price)
    await noticed(shop, ada, "duplicate_live", is_open=True)

    await shop.stripe.v1.subscriptions.cancel_async(first)

    await noticed(shop, ada, "duplicate_live", is_open=False)
    assert shown(await ada.get("/billing")) == ("active", "pro")


async def test_a_dispute_holds_the_account_until_it_is_won(shop: Shop, ada: Person) -> None:
    """Case 19."""
    await shop.buy(ada)
    customer = await shop.customer(ada)
    dispute = await shop.stripe.dispute(customer)
    page = await becomes(ada, "hold", "free")
    assert "contact" in page.words("#billing-state")
    await shop.stripe.dispute_won(dispute["id"])
    await becomes(ada, "active", "pro")
    assert (await notices(shop, ada)) == {"dispute": False}

    await shop.stripe.refund(customer, amount=100)
    await shop.stripe.settled()
    await shop.stripe.refund(customer)
    await noticed(shop, ada, "refund", is_open=True)
    assert shown(await ada.get("/billing")) == ("active", "pro")


async def test_a_customer_deleted_at_stripe_can_buy_again(shop: Shop, ada: Person) -> None:
    """Case 20."""
    await shop.buy(ada)
    gone = await shop.customer(ada)
    renamed = f"new-{ada.email}"
    await change(
        shop.site, "UPDATE accounts SET email = :new WHERE email = :old", new=renamed, old=ada.email
    )
    ada.email = renamed
    await ada.get("/billing/return")

    async def told() -> bool:
        return bool((await shop.stripe.v1.customers.retrieve_async(gone)).email == renamed)

    await until(told, within=20)
    await shop.stripe.at_portal(gone, "email", email="other@example.com")
    await shop.stripe.settled()
    assert (
        await rows(shop.site, "SELECT 1 AS one FROM accounts WHERE email = 'other@example.com'")
    ) == []

    await shop.stripe.delete_customer(gone)

    async def let_go() -> bool:
        return offers(await ada.get("/billing")) == {"checkout"}

    await until(let_go, within=20)
    page = await becomes(ada, "ended", "free")
    assert page.html.select(".invoices li"), "the history stays"
    await shop.buy(ada)
    assert await shop.customer(ada) != gone


async def test_a_dispute_that_outlives_its_customer_can_still_be_won(
    shop: Shop, ada: Person
) -> None:
    await shop.buy(ada)
    customer = await shop.customer(ada)
    dispute = await shop.stripe.dispute(customer)
    await becomes(ada, "hold", "free")
    await shop.stripe.delete_customer(customer)
    await shop.quiet(ada)
    assert shown(await ada.get("/billing")) == ("hold", "free")

    await shop.stripe.dispute_won(dispute["id"])

    page = await becomes(ada, "ended", "free")
    assert offers(page) == {"checkout"}


async def test_unpaid_and_incomplete_lead_to_the_portal(shop: Shop, ada: Person) -> None:
    await shop.buy(ada)
    subscription = await shop.subscription(ada)
    await shop.stripe.fail_renewal(subscription)
    await becomes(ada, "past_due", "pro")
    await shop.stripe.dunning_end(subscription, then="mark_unpaid")
    page = await becomes(ada, "ended", "free")
    assert offers(page) == {"portal"}
    assert (await ada.post("/billing/checkout", {"plan": "pro"})).status == 409
