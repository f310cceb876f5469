"""A plan is bought, used and ended in the browser, by way of Stripe's own pages."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from playwright.async_api import Page

from tests.allowance.conftest import plans_file
from tests.billing.conftest import Shop, becomes, selling
from tests.browser.chromium import answered, send
from tests.browser.conftest import WindowMaker
from tests.browser.test_allowance import shot
from tests.browser.test_policy import Watched
from tests.conftest import ON_SQLITE
from tests.conversations.test_picker import offering
from tests.databases import Installer
from tests.people import Person
from tests.stripe.world import DECLINED, GOOD, StripeAccount
from tests.upstream import Upstream

pytestmark = [pytest.mark.browser, ON_SQLITE]
PLANS = """[plans.free]
name = "Free"
models = ["*/tiny"]
messages = 20
[plans.pro]
name = "Pro"
window = "period"
messages = 1500"""
LARGE = "#picker option[value='openai/large']"


@pytest.fixture
async def shop(
    database: Installer, stripe_account: StripeAccount, upstream: Upstream, tmp_path: Path
) -> AsyncIterator[Shop]:
    env = {**plans_file(tmp_path, PLANS), "OPENAI_BASE_URL": upstream.url}
    async with selling(database, stripe_account, tmp_path, **env) as found:
        await stripe_account.listen(f"{found.site.base}/api/stripe/webhook")
        await offering(found.site, "openai/large")
        yield found


@pytest.fixture
async def ada(shop: Shop, people: Callable[..., Person]) -> Person:
    person = people(shop.site)
    await person.register()
    return person


async def subscribe(page: Page, card: str) -> None:
    await page.fill("[name=card]", card)
    await page.click("button[value=pay]")


async def to_checkout(page: Page, shop: Shop) -> None:
    await page.goto(f"{shop.site.base}/billing")
    await page.click("form[action='/billing/checkout'] button")
    await page.wait_for_url(f"{shop.stripe.base}/c/pay/*")


async def in_state(page: Page, state: str, plan: str) -> None:
    await page.wait_for_selector(f"[data-billing-state={state}][data-plan={plan}]")


async def test_a_plan_from_the_upgrade_to_its_end(
    shop: Shop, ada: Person, window: WindowMaker, upstream: Upstream
) -> None:
    context = await window(ada)
    watched, page = Watched(context), await context.new_page()
    await page.goto(shop.site.base)
    assert await page.locator(LARGE).is_disabled()
    await page.goto(f"{shop.site.base}/billing")
    await shot(page, "billing-free")

    await to_checkout(page, shop)
    await subscribe(page, DECLINED)
    assert "declined" in await page.locator("[role=alert]").inner_text()
    await shop.stripe.deliver("drop")
    await shop.stripe.away("held", only="GET /v1/subscriptions")
    await subscribe(page, GOOD)
    await in_state(page, "confirming", "free")
    await shot(page, "billing-confirming")
    await page.evaluate("() => { window.same = true }")
    await shop.stripe.back()
    await in_state(page, "active", "pro")
    assert await page.evaluate("() => window.same"), "by itself, without a new page"
    meter = page.locator("[data-meter=messages]")
    assert await meter.get_attribute("data-limit") == "1500"
    await shot(page, "billing-pro")

    await page.goto(shop.site.base)
    await page.select_option("#model", "openai/large")
    await page.wait_for_selector("#picker:has(option[value='openai/large']:checked)")
    await send(page, "Now you")
    await answered(page)
    assert upstream.asked[-1]["model"] == "large"
    talk = page.url

    await page.goto(f"{shop.site.base}/billing")
    assert await meter.get_attribute("data-used") == "1"
    await page.click("text=Manage the subscription")
    await page.wait_for_url(f"{shop.stripe.base}/p/session/*")
    await page.click("button[value=cancel_at_period_end]")
    await page.wait_for_selector("h2:has-text('ends')")
    await page.click("text=Back")
    await in_state(page, "ending", "pro")
    assert "Ends on" in await page.inner_text("#billing-state")
    await shot(page, "billing-ending")

    await shop.stripe.deliver("normal")
    await shop.stripe.renew(await shop.subscription(ada))
    await becomes(ada, "ended", "free")
    await page.reload()
    assert await page.inner_text(".plan .name") == "Free"
    assert await meter.get_attribute("data-limit") == "20"
    await shot(page, "billing-ended")
    await page.goto(talk)
    await answered(page)
    assert await page.locator(LARGE).is_disabled()
    assert [line for line in watched.said if "Content Security" in line] == []
    assert watched.abroad == []


async def test_it_is_bought_without_scripts_too(
    shop: Shop, ada: Person, window: WindowMaker
) -> None:
    page = await (await window(ada, java_script_enabled=False)).new_page()
    await to_checkout(page, shop)
    await shop.stripe.deliver("drop")
    await shop.stripe.away("held", only="GET /v1/subscriptions")
    await subscribe(page, GOOD)
    await in_state(page, "confirming", "free")
    await shop.stripe.back()
    await in_state(page, "active", "pro")
    await page.click("text=Manage the subscription")
    await page.wait_for_url(f"{shop.stripe.base}/p/session/*")
