"""What is taken from Stripe's objects, whichever of its versions made them."""

from typing import Any

import pytest

from chat.billing import stripe_objects

PERIOD = {"current_period_start": 100, "current_period_end": 200}
PRICE = {"id": "price_1", "unit_amount": 1900, "currency": "usd", "recurring": {"interval": "year"}}
PLAN = {"id": "price_1", "amount": 1900, "currency": "usd", "interval": "year"}
MADE = {"id": "sub_1", "status": "active", "created": 100, "nobody": {"knows": ["this"]}}


def items(**item: Any) -> dict[str, Any]:
    return {"items": {"object": "list", "data": [item], "has_more": False}}


@pytest.mark.parametrize(
    "found",
    [
        MADE | items(price=PRICE, **PERIOD),
        MADE | PERIOD | items(price=PRICE),
        MADE | PERIOD | items(price=None, plan=PLAN),
        MADE | PERIOD | items(price=PRICE) | {"latest_invoice": "in_1", "cancel_at": None},
    ],
)
def test_a_subscription_is_the_same_in_every_version(found: dict[str, Any]) -> None:
    mirror = stripe_objects.subscription(found)

    assert (mirror.status, mirror.prices) == ("active", ("price_1",))
    assert (mirror.period_start, mirror.period_end) == (100_000, 200_000)
    assert (mirror.started_at, mirror.amount, mirror.interval) == (100_000, 1900, "year")
    assert (mirror.cancel_at, mirror.trial_end, mirror.ended_at) == (None, None, None)


@pytest.mark.parametrize("where", ["item", "top"])
def test_a_cancellation_is_a_date_or_the_end_of_the_period(where: str) -> None:
    found = MADE | items(price=PRICE, **(PERIOD if where == "item" else {}))
    found |= PERIOD if where == "top" else {}

    flagged = stripe_objects.subscription(found | {"cancel_at_period_end": True})
    dated = stripe_objects.subscription(found | {"cancel_at": 150})

    assert (flagged.cancel_at, dated.cancel_at) == (200_000, 150_000)


@pytest.mark.parametrize("found", [MADE, MADE | {"items": None}, MADE | items(quantity=1)])
def test_a_subscription_without_a_price_is_no_plan(found: dict[str, Any]) -> None:
    mirror = stripe_objects.subscription(found)

    assert not any(mirror.prices)
    assert (mirror.period_end, mirror.amount) == (None, None)


@pytest.mark.parametrize(
    "link",
    [
        {"parent": {"subscription_details": {"subscription": "sub_1"}}},
        {"parent": {"subscription_details": {"subscription": {"id": "sub_1"}}}},
        {"parent": None, "subscription": "sub_1"},
        {"subscription": {"id": "sub_1", "object": "subscription"}},
    ],
)
def test_an_invoice_names_its_subscription_in_every_version(link: dict[str, Any]) -> None:
    invoice = stripe_objects.invoice({"id": "in_1", "total": 5} | link)

    assert invoice.subscription == "sub_1"
    assert (invoice.amount, invoice.status, invoice.paid_at) == (5, "", None)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://pay.example.org/i/1", True),
        ("http://127.0.0.1:12111/invoice/1", True),
        ("http://localhost:12111/invoice/1", True),
        ("http://[::1]:12111/invoice/1", True),
        ("http://127.0.0.1.example.org/1", False),
        ("http://example.org/1", False),
        ("javascript:alert(1)", False),
        ("https://", False),
        ("http://[", False),
        ("", False),
        (None, False),
        (7, False),
    ],
)
def test_an_invoice_s_address_is_linked_where_it_is_safe(url: Any, kept: bool) -> None:
    invoice = stripe_objects.invoice({"id": "in_1", "hosted_invoice_url": url})

    assert invoice.url == (url if kept else "")


def test_what_stripe_does_not_say_of_a_price_is_no_reason_not_to_sell_it() -> None:
    bare = stripe_objects.price({"id": "price_1"}, live=True)
    once = stripe_objects.price({"id": "price_1", "recurring": None}, live=True)
    archived = stripe_objects.price({"id": "price_1", "active": False}, live=True)
    other = stripe_objects.price({"id": "price_1", "livemode": False}, live=True)

    assert (bare.active, bare.recurring, bare.live) == (True, True, True)
    assert not (once.recurring or archived.active or other.live)


def test_a_session_says_whether_it_was_paid_or_its_status() -> None:
    assert stripe_objects.session({"id": "cs_1"}).status == "open"
    assert stripe_objects.session({"id": "cs_1", "payment_status": "paid"}).status == "complete"
    gone = stripe_objects.session({"id": "cs_1", "status": "expired", "payment_status": "unpaid"})
    assert (gone.status, gone.url) == ("expired", "")
