"""A plan may begin with days for nothing: once."""

from pathlib import Path

from tests.billing.conftest import becomes, selling, upgrade
from tests.databases import Installer
from tests.people import Person
from tests.stripe.world import StripeAccount

PLANS = """
default = "free"
[plans.free]
name = "Free"
[plans.pro]
name = "Pro"
window = "period"
trial_days = 14
promotion_codes = true
"""


async def half_price(account: StripeAccount) -> None:
    """With the code HALF."""
    coupon = await account.v1.coupons.create_async({"percent_off": 50, "duration": "once"})
    promotion = {"type": "coupon", "coupon": coupon.id}
    await account.v1.promotion_codes.create_async({"promotion": promotion, "code": "HALF"})


async def test_the_days_for_nothing_are_given_once(
    database: Installer, stripe_account: StripeAccount, tmp_path: Path
) -> None:
    """Case 18."""
    file = tmp_path / "plans.toml"
    file.write_text(PLANS)
    async with selling(database, stripe_account, tmp_path, PLANS_FILE=str(file)) as shop:
        await stripe_account.listen(f"{shop.site.base}/api/stripe/webhook")
        ada = Person(shop.site.base)
        await ada.register()
        assert "14 days for free" in (await ada.get("/billing")).words(".offer")
        await stripe_account.pay(await upgrade(ada))
        page = await becomes(ada, "trialing", "pro")
        assert "trial ends on" in page.words("#billing-state")
        await stripe_account.v1.subscriptions.cancel_async(await shop.subscription(ada))
        page = await becomes(ada, "ended", "free")
        assert "for free" not in page.words(".offer")

        url = await upgrade(ada)
        await half_price(stripe_account)
        seen = await stripe_account.press(url, "apply", promotion_code="HALF")
        assert "9.50 USD" in seen.html
        await stripe_account.pay(url, promotion_code="HALF")

        await becomes(ada, "active", "pro")
        await shop.quiet(ada)
        page = await ada.get("/billing")
        assert "$9.50 paid" in page.words(".invoices"), "what was really paid"
        bodies = [str(c["body"]) for c in await stripe_account.calls("POST /v1/checkout/sessions")]
        assert ["trial_period_days" in body for body in bodies] == [True, False]
        assert all("allow_promotion_codes" in body for body in bodies)
        await ada.close()
