"""What a subscriber can do on the portal's page."""

import pytest
import stripe

from tests.stripe.conftest import Subscriber
from tests.stripe.listener import Listener
from tests.stripe.test_document import errors
from tests.stripe.world import DECLINED, DECLINES_LATER, GOOD, StripeAccount


async def portal(account: StripeAccount, subscriber: Subscriber) -> str:
    session = await account.v1.billing_portal.sessions.create_async(
        {"customer": subscriber.customer, "return_url": "http://localhost/billing"}
    )
    return str(session.url)


async def test_the_page_cancels_and_renews(
    stripe_account: StripeAccount, subscriber: Subscriber
) -> None:
    url = await portal(stripe_account, subscriber)
    which = {"subscription": subscriber.subscription}

    def buttons(page: object) -> set[str]:
        return {str(found["value"]) for found in page.select("button[name=action]")}  # type: ignore[attr-defined]

    first = await stripe_account.open(url)
    assert first.page.select_one("a[href='http://localhost/billing']")
    assert "renew" not in buttons(first.page)
    assert (await stripe_account.press(url, "cancel_at", **which)).to == url
    assert "renew" in buttons((await stripe_account.open(url)).page)
    await stripe_account.press(url, "renew", **which)
    await stripe_account.press(url, "cancel_now", **which)

    status = (await stripe_account.open(url)).page.select_one("[data-subscription]")
    assert status is not None and status["data-status"] == "canceled"


async def test_the_page_changes_price_card_and_e_mail(
    stripe_account: StripeAccount, subscriber: Subscriber
) -> None:
    url = await portal(stripe_account, subscriber)
    other = await stripe_account.price(4900)
    await stripe_account.press(url, "price", subscription=subscriber.subscription, price=other)
    await stripe_account.press(url, "email", email="billing@example.com")
    refused = await stripe_account.press(url, "card", card=DECLINED)
    assert (refused.status, "declined" in refused.error) == (402, True)
    assert (await stripe_account.press(url, "card", card=GOOD)).status == 303

    found = await stripe_account.v1.subscriptions.retrieve_async(
        subscriber.subscription, {"expand": ["customer", "default_payment_method"]}
    )
    assert found["items"].data[0].price.id == other
    assert found.customer.email == "billing@example.com"
    assert found.default_payment_method.card.last4 == "4242"


async def test_an_open_invoice_has_a_page_that_takes_a_card(
    stripe_account: StripeAccount, subscriber: Subscriber
) -> None:
    await stripe_account.fail_renewal(subscriber.subscription)
    (invoice,) = (await stripe_account.v1.invoices.list_async({"status": "open"})).data
    assert invoice.hosted_invoice_url.startswith(stripe_account.base)
    await stripe_account.press(await portal(stripe_account, subscriber), "pay", invoice=invoice.id)

    seen = await stripe_account.press(invoice.hosted_invoice_url, "", card=GOOD)

    assert seen.status == 200, invoice.hosted_invoice_url
    (last,) = seen.page.select("[data-status]")
    assert last["data-status"] == "paid"
    found = await stripe_account.v1.subscriptions.retrieve_async(subscriber.subscription)
    assert found.status == "active"


async def test_another_customers_subscription_is_out_of_reach(
    stripe_account: StripeAccount, subscriber: Subscriber
) -> None:
    eve = await stripe_account.v1.customers.create_async({"email": "eve@example.com"})
    url = await portal(stripe_account, Subscriber(eve.id, "", ""))

    seen = await stripe_account.press(url, "cancel_now", subscription=subscriber.subscription)

    assert "No such subscription" in seen.error
    found = await stripe_account.v1.subscriptions.retrieve_async(subscriber.subscription)
    assert found.status == "active"


async def test_configurations_are_kept(stripe_account: StripeAccount) -> None:
    configurations = stripe_account.v1.billing_portal.configurations
    features = {"subscription_cancel": {"enabled": True, "mode": "immediately"}}
    made = await configurations.create_async({"features": features})
    changed = await configurations.update_async(made.id, {"active": False})

    assert made.features.subscription_cancel.mode == "immediately"
    assert not changed.active
    assert [found.id for found in (await configurations.list_async()).data] == [made.id]
    with pytest.raises(stripe.InvalidRequestError):
        await stripe_account.v1.billing_portal.sessions.create_async({"customer": "cus_none"})


async def test_an_upgrade_is_paid_first_and_waits_when_it_is_not(
    stripe_account: StripeAccount, listener: Listener, subscriber: Subscriber
) -> None:
    other = await stripe_account.price(4900)
    which = {"subscription": subscriber.subscription, "price": other}
    await stripe_account.at_portal(subscriber.customer, "card", card=DECLINES_LATER)
    assert "declined" in await stripe_account.at_portal(subscriber.customer, "upgrade", **which)

    path = {"expand": ["latest_invoice"]}
    found = await stripe_account.v1.subscriptions.retrieve_async(subscriber.subscription, path)
    assert (found.status, found["items"].data[0].price.id) == ("active", subscriber.price)
    assert found.pending_update.subscription_items[0].price.id == other
    invoice = found.latest_invoice
    assert (invoice.status, invoice.billing_reason) == ("open", "subscription_update")
    assert errors(found.to_dict()) == []

    await stripe_account.at_portal(subscriber.customer, "card", card=GOOD)
    assert await stripe_account.at_portal(subscriber.customer, "pay", invoice=invoice.id) == ""
    await stripe_account.settled()

    found = await stripe_account.v1.subscriptions.retrieve_async(subscriber.subscription, path)
    assert (found["items"].data[0].price.id, found.pending_update) == (other, None)
    assert "invoice.payment_failed" in listener.types
    assert listener.types[-1] == "customer.subscription.pending_update_applied"
    assert [line for event in listener.heard for line in errors(event.data.object.to_dict())] == []
