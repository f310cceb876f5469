"""What a person who pays at the stand-in gets, as the official SDK sees it."""

from typing import Any

import pytest
import stripe

from tests.stripe.world import DECLINED, DECLINES_LATER, StripeAccount


async def checkout(account: StripeAccount, price: str, **more: Any) -> Any:
    return await account.v1.checkout.sessions.create_async(
        {
            "mode": "subscription",
            "line_items": [{"price": price, "quantity": 1}],
            "success_url": "http://localhost/return?session_id={CHECKOUT_SESSION_ID}",
            "cancel_url": "http://localhost/billing",
            **more,
        }
    )


async def test_a_good_card_makes_a_subscription(stripe_account: StripeAccount) -> None:
    price = await stripe_account.price(1900)
    customer = await stripe_account.v1.customers.create_async({"email": "ada@example.com"})
    session = await checkout(stripe_account, price, customer=customer.id, client_reference_id="ada")
    assert session.status == "open"
    assert session.amount_total == 1900

    shown = await stripe_account.open(session.url)
    assert "19.00 USD" in shown.html
    paid = await stripe_account.pay(session.url)

    assert paid.status == 303, paid.html
    assert paid.to == f"http://localhost/return?session_id={session.id}"
    done = await stripe_account.v1.checkout.sessions.retrieve_async(
        session.id, {"expand": ["subscription.latest_invoice", "line_items"]}
    )
    assert (done.status, done.payment_status) == ("complete", "paid")
    assert done.client_reference_id == "ada"
    assert done.subscription.status == "active"
    assert done.subscription.latest_invoice.amount_paid == 1900
    assert done.line_items.data[0].price.id == price
    assert (await stripe_account.open(session.url)).status == 410


@pytest.mark.parametrize("card", [DECLINED, DECLINES_LATER])
async def test_a_declined_card_leaves_nothing_behind(
    stripe_account: StripeAccount, card: str
) -> None:
    session = await checkout(stripe_account, await stripe_account.price())

    refused = await stripe_account.pay(session.url, card, email="ada@example.com")

    assert refused.status == 402
    assert "declined" in refused.error
    assert not (await stripe_account.v1.customers.list_async()).data
    paid = await stripe_account.pay(session.url, email="ada@example.com")
    assert paid.status == 303
    assert len((await stripe_account.v1.subscriptions.list_async()).data) == 1


async def test_the_same_key_is_the_same_session(stripe_account: StripeAccount) -> None:
    price = await stripe_account.price()
    asked = {
        "mode": "subscription",
        "line_items": [{"price": price, "quantity": 1}],
        "success_url": "http://localhost/",
    }
    create = stripe_account.v1.checkout.sessions.create_async
    first = await create(asked, {"idempotency_key": "one"})
    second = await create(asked, {"idempotency_key": "one"})

    assert first.id == second.id
    with pytest.raises(stripe.IdempotencyError):
        await create({**asked, "locale": "pt-BR"}, {"idempotency_key": "one"})
    keys = [call["key"] for call in await stripe_account.calls("POST /v1/checkout")]
    assert keys == ["one"] * 3


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"line_item": "x"}, "line_item"),
        ({"subscription_data": {"trial": 3}}, "subscription_data[trial]"),
        ({"expires_at": 12}, "expires_at"),
        ({"line_items": [{"price": "price_none"}]}, "line_items[0][price]"),
        ({"customer": "cus_none"}, "customer"),
        ({"locale": "xx"}, "locale"),
    ],
)
async def test_what_stripe_refuses_is_refused(
    stripe_account: StripeAccount, more: dict[str, Any], param: str
) -> None:
    price = await stripe_account.price()

    with pytest.raises(stripe.InvalidRequestError) as refused:
        await checkout(stripe_account, price, **more)

    assert refused.value.param == param


async def test_a_code_makes_it_cheaper(stripe_account: StripeAccount) -> None:
    v1 = stripe_account.v1
    coupon = await v1.coupons.create_async({"percent_off": 50, "duration": "once"})
    promotion = {"type": "coupon", "coupon": coupon.id}
    await v1.promotion_codes.create_async({"promotion": promotion, "code": "HALF"})
    session = await checkout(
        stripe_account, await stripe_account.price(1900), allow_promotion_codes=True
    )
    person = {"email": "ada@example.com"}

    wrong = await stripe_account.pay(session.url, promotion_code="NONE", **person)
    assert "code is invalid" in wrong.error
    seen = await stripe_account.press(session.url, "apply", promotion_code="HALF", **person)
    assert "9.50 USD" in seen.html
    paid = await stripe_account.pay(session.url, promotion_code="HALF", **person)
    assert paid.status == 303, paid.error

    done = await v1.checkout.sessions.retrieve_async(session.id, {"expand": ["invoice"]})
    assert (done.amount_total, done.invoice.amount_paid) == (950, 950)


async def test_a_trial_costs_nothing_today(stripe_account: StripeAccount) -> None:
    session = await checkout(
        stripe_account,
        await stripe_account.price(),
        customer_email="ada@example.com",
        subscription_data={"trial_period_days": 7, "metadata": {"account": "ada"}},
    )
    assert session.amount_total == 0
    assert (await stripe_account.pay(session.url)).status == 303

    done = await stripe_account.v1.checkout.sessions.retrieve_async(
        session.id, {"expand": ["subscription", "customer"]}
    )
    assert done.payment_status == "no_payment_required"
    assert (done.subscription.status, done.customer.email) == ("trialing", "ada@example.com")
    assert done.subscription.metadata["account"] == "ada"


async def test_an_expired_session_takes_no_money(stripe_account: StripeAccount) -> None:
    price = await stripe_account.price()
    customer = await stripe_account.v1.customers.create_async()
    sessions = stripe_account.v1.checkout.sessions
    by_call = await checkout(stripe_account, price, customer=customer.id)
    by_time = await checkout(stripe_account, price)
    await sessions.expire_async(by_call.id)
    await stripe_account.expire_checkout(by_time.id)

    assert (await stripe_account.pay(by_call.url)).status == 410
    assert (await sessions.retrieve_async(by_time.id)).status == "expired"
    found = await sessions.list_async({"customer": customer.id})
    assert [session.id for session in found.data] == [by_call.id]
    with pytest.raises(stripe.InvalidRequestError, match="status"):
        await sessions.expire_async(by_call.id)
