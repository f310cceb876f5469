"""Somebody buys a plan, and comes back."""

import asyncio
from collections.abc import Callable

from tests.billing.conftest import Shop, ShopMaker, becomes, offers, shown, upgrade
from tests.people import Person
from tests.rows import count, rows


async def test_who_pays_has_the_plan(shop: Shop, ada: Person) -> None:
    """Case 1."""
    before = await ada.get("/billing")
    assert shown(before) == ("free", "free")
    assert offers(before) == {"checkout"}

    paid = await shop.stripe.pay(await upgrade(ada))
    await ada.get(paid.to)
    page = await becomes(ada, "active", "pro")

    assert offers(page) == {"portal"}
    assert "Renews on" in page.words("#billing-state")
    assert "$19.00" in page.words(".invoices")
    assert await count(shop.site, "billing_subscriptions") == 1
    await shop.stripe.settled()
    outcomes = await rows(shop.site, "SELECT outcome, deliveries FROM stripe_events "
                                     "WHERE type = 'checkout.session.completed'")  # fmt: skip
    assert outcomes == [{"outcome": "queued", "deliveries": 1}]
