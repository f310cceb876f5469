"""What time, banks and the dashboard do, and whether the engine's answers follow."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.stripe.conftest import Subscriber
from tests.stripe.listener import Listener
from tests.stripe.world import DECLINES_LATER, GOOD, StripeAccount

Read = Callable[[], Awaitable[Any]]


@pytest.fixture
def read(stripe_account: StripeAccount, subscriber: Subscriber) -> Read:
    """The subscription as the SDK sees it now."""

    async def now() -> Any:
        return await stripe_account.v1.subscriptions.retrieve_async(subscriber.subscription)

    return now


def end(subscription: Any) -> int:
    found: int = subscription["items"].data[0].current_period_end
    return found


async def test_a_period_ends_and_the_next_is_paid(
    stripe_account: StripeAccount, listener: Listener, subscriber: Subscriber, read: Read
) -> None:
    before = await read()
    await stripe_account.renew(subscriber.subscription)
    after = await read()
    await stripe_account.settled()

    assert end(after) > end(before)
    assert after.status == "active"
    assert listener.types.count("invoice.paid") == 2
    assert listener.types[-1] == "customer.subscription.updated"
    assert listener.heard[-1].data.object["items"].data[0].current_period_end == end(after)


async def test_a_failed_renewal_is_past_due_until_a_good_card_is_tried(
    stripe_account: StripeAccount, listener: Listener, subscriber: Subscriber, read: Read
) -> None:
    await stripe_account.fail_renewal(subscriber.subscription)
    assert (await read()).status == "past_due"
    await stripe_account.retry(subscriber.subscription)
    assert (await read()).status == "past_due"
    invoice = await stripe_account.v1.invoices.retrieve_async((await read()).latest_invoice)
    assert (invoice.status, invoice.attempt_count) == ("open", 2)

    await stripe_account.at_portal(subscriber.customer, "card", card=GOOD)
    await stripe_account.retry(subscriber.subscription)
    await stripe_account.settled()

    assert (await read()).status == "active"
    assert listener.types.count("invoice.payment_failed") == 2
    changes = [
        event.data.object.status
        for event in listener.heard
        if event.type == "customer.subscription.updated"
    ]
    assert changes[0] == "past_due" or "past_due" in changes
    assert changes[-1] == "active"


async def test_dunning_ends_and_the_open_invoice_can_still_be_paid(
    stripe_account: StripeAccount, subscriber: Subscriber, read: Read
) -> None:
    await stripe_account.fail_renewal(subscriber.subscription)
    await stripe_account.dunning_end(subscriber.subscription)
    ended = await read()
    assert ended.status == "canceled"

    await stripe_account.at_portal(subscriber.customer, "card", card=GOOD)
    await stripe_account.at_portal(subscriber.customer, "pay", invoice=ended.latest_invoice)

    invoice = await stripe_account.v1.invoices.retrieve_async(ended.latest_invoice)
    assert invoice.status == "paid"
    assert (await read()).status == "canceled"


@pytest.mark.parametrize("button", ["cancel_at", "cancel_at_period_end"])
async def test_both_cancellations_end_with_the_period_unless_renewed(
    stripe_account: StripeAccount,
    listener: Listener,
    subscriber: Subscriber,
    read: Read,
    button: str,
) -> None:
    people = stripe_account.at_portal
    await people(subscriber.customer, button, subscription=subscriber.subscription)
    found = await read()
    assert found.cancel_at == end(found)
    assert found.cancel_at_period_end == (button == "cancel_at_period_end")
    await people(subscriber.customer, "renew", subscription=subscriber.subscription)
    assert (await read()).cancel_at is None

    await people(subscriber.customer, button, subscription=subscriber.subscription)
    await stripe_account.renew(subscriber.subscription)
    await stripe_account.settled()

    assert (await read()).status == "canceled"
    assert listener.types[-1] == "customer.subscription.deleted"


async def test_a_trial_ends_in_a_payment(
    stripe_account: StripeAccount, listener: Listener, subscriber: Subscriber
) -> None:
    trial = await stripe_account.subscribe(
        subscriber.customer, subscriber.price, trial_period_days=14
    )
    assert trial["status"] == "trialing"
    await stripe_account.trial_ends_soon(trial["id"])
    ended = await stripe_account.renew(trial["id"])
    await stripe_account.settled()
    assert ended["status"] == "active"
    assert "customer.subscription.trial_will_end" in listener.types
    invoice = await stripe_account.v1.invoices.retrieve_async(ended["latest_invoice"])
    assert invoice.amount_paid == 1900


async def test_a_first_payment_that_never_comes_expires(
    stripe_account: StripeAccount, subscriber: Subscriber
) -> None:
    made = await stripe_account.subscribe(
        subscriber.customer, subscriber.price, DECLINES_LATER, payment_behavior="allow_incomplete"
    )
    assert made["status"] == "incomplete"
    assert (await stripe_account.expire_incomplete(made["id"]))["status"] == "incomplete_expired"


async def test_money_goes_back(
    stripe_account: StripeAccount, listener: Listener, subscriber: Subscriber
) -> None:
    await stripe_account.refund(subscriber.customer)
    await stripe_account.renew(subscriber.subscription)
    dispute = await stripe_account.dispute(subscriber.customer)
    won = await stripe_account.dispute_won(dispute["id"])
    await stripe_account.settled()

    assert won["status"] == "won"
    told = [kind for kind in listener.types if kind.startswith(("charge.ref", "charge.dispute"))]
    assert told[:2] == ["charge.refunded", "charge.dispute.created"]
    assert told[-1] == "charge.dispute.closed"


async def test_a_deleted_customer_takes_the_subscription_along(
    stripe_account: StripeAccount, listener: Listener, subscriber: Subscriber, read: Read
) -> None:
    await stripe_account.delete_customer(subscriber.customer)
    await stripe_account.settled()

    assert (await read()).status == "canceled"
    assert {"customer.deleted", "customer.subscription.deleted"} <= set(listener.types)
    gone = await stripe_account.v1.customers.retrieve_async(subscriber.customer)
    assert gone.deleted
