"""From one plan that is paid to a higher one: what Stripe says counts, not what was asked for."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chat.billing.access import DAY
from tests.billing.conftest import Shop, becomes, offers, selling, shown
from tests.databases import Installer
from tests.people import Person
from tests.rows import change
from tests.stripe.world import DECLINES_LATER, GOOD, StripeAccount

PLANS = """
default = "free"
[plans.free]
name = "Free"
messages = 20
[plans.pro]
name = "Pro"
messages = 1500
[plans.max]
name = "Max"
price = "{price}"
messages = 9000
"""


@pytest.fixture
async def higher(stripe_account: StripeAccount) -> str:
    return await stripe_account.price(4900, "Max")


@pytest.fixture
async def shop(
    database: Installer, stripe_account: StripeAccount, higher: str, tmp_path: Path
) -> AsyncIterator[Shop]:
    file = tmp_path / "plans.toml"
    file.write_text(PLANS.format(price=higher))
    async with selling(database, stripe_account, tmp_path, PLANS_FILE=str(file)) as found:
        await stripe_account.listen(f"{found.site.base}/api/stripe/webhook")
        yield found


@pytest.mark.parametrize("mode", ["reverse", "duplicate"])
async def test_one_that_is_declined_changes_nothing_until_it_is_paid(
    shop: Shop, ada: Person, higher: str, mode: str
) -> None:
    """Case 17."""
    await shop.buy(ada)
    await shop.quiet(ada)
    customer, which = await shop.customer(ada), await shop.subscription(ada)
    await shop.stripe.deliver("hold")
    await shop.stripe.at_portal(customer, "card", card=DECLINES_LATER)
    said = await shop.stripe.at_portal(customer, "upgrade", subscription=which, price=higher)
    assert "declined" in said
    await shop.stripe.release(mode)
    await shop.quiet(ada)

    assert await shop.deliveries(ada, "invoice.payment_failed")
    page = await ada.get("/billing")
    assert (shown(page), offers(page)) == (("active", "pro"), {"portal"})
    assert page.one("[data-meter=messages]")["data-limit"] == "1500"
    assert "open" in page.words(".invoices"), "what would have to be paid"
    assert not page.html.select("[data-banner]")
    (row,) = await shop.rows(ada, "billing_subscriptions")
    assert (row["price_id"], row["past_due_since"]) == (shop.price, None)

    await shop.stripe.deliver("normal")
    await shop.stripe.at_portal(customer, "card", card=GOOD)
    (found,) = await shop.subscriptions(ada)
    await shop.stripe.at_portal(customer, "pay", invoice=found.latest_invoice)

    page = await becomes(ada, "active", "max")
    assert page.one("[data-meter=messages]")["data-limit"] == "9000"


async def test_one_that_stripe_made_before_it_was_paid_has_the_grace_only(
    shop: Shop, ada: Person, higher: str
) -> None:
    """Case 17, as the dashboard may do it (`allow_incomplete`): Stripe's price, and past due."""
    await shop.buy(ada)
    customer, which = await shop.customer(ada), await shop.subscription(ada)
    await shop.stripe.at_portal(customer, "card", card=DECLINES_LATER)
    (found,) = await shop.subscriptions(ada)
    item = {"id": found["items"].data[0].id, "price": higher}
    await shop.stripe.v1.subscriptions.update_async(
        which, {"items": [item], "proration_behavior": "always_invoice"}
    )

    await becomes(ada, "past_due", "max")
    await shop.quiet(ada)  # whatever is read later says again since when
    moved = "UPDATE billing_subscriptions SET past_due_since = past_due_since - :week"
    await change(shop.site, moved, week=8 * DAY)
    page = await ada.get("/billing")
    assert (shown(page), offers(page)) == (("grace_over", "free"), {"portal"})
