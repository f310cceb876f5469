"""The account, what it pays and what it brings along, for pictures."""

import time
from collections.abc import Mapping

from chat.billing.access import DAY
from tests.browser.camera import Camera
from tests.browser.chromium import BOX, answered
from tests.browser.scenes import FILES, given, send
from tests.rows import change
from tests.sides import LARGE
from tests.site import Site
from tests.upstream import Upstream

KEY = "sk-of-adas-own-4711"
INVOICES = ("paid", "paid", "open")


async def account(at: Camera, site: Site, upstream: Upstream) -> None:
    """Its pages, empty and then in use."""
    page, base = at.page, site.base
    await at.sign_up(base)
    empty = {"30_files_empty": "/account/files", "30_usage_empty": "/account/usage"}
    await at.visit(base, **{"30_presets_empty": "/presets"}, **empty)
    for name in ("A vet", "Translator into plain Portuguese, as spoken in Recife"):
        await page.goto(f"{base}/presets")
        await page.get_by_label("Name").fill(name)
        await page.get_by_label("Instructions").fill("You are a vet. Say what you would look at.")
        await page.get_by_role("button", name="Add").click()
    await at.visit(base, **{"30_presets": "/presets"})
    await page.locator(".sessions a.quiet").first.click()
    await at.whole("30-preset")
    await page.goto(f"{base}/account/keys")
    await page.fill("#key-openai [name=key]", KEY)
    await page.keyboard.press("Enter")
    await page.get_by_text("ends in …4711").wait_for()
    await at.visit(base, **{"30_keys": "/account/keys", "30_instructions": "/account/instructions"})
    await page.get_by_label("Temperature").fill("hot")
    await page.get_by_role("button", name="Save").click()
    await at.whole("30-instructions-refused")
    await page.goto(base)
    await page.click(".presets a")
    await page.wait_for_selector(".presets [aria-current]")
    await at.shot("31-new-preset")
    await send(page, "My horse limps")
    await answered(page)
    await at.shot("31-your-key")
    pages = {"30_account": "/account", "30_usage": "/account/usage"}
    await at.visit(base, **pages, **{"30_deletion": "/account/deletion"})


async def allowance(at: Camera, site: Site, upstream: Upstream) -> None:
    """The plan as one meets it in conversations."""
    page, base = at.page, site.base
    await at.sign_up(base)
    await send(page, "Hello")
    await answered(page)
    await change(site, f"UPDATE usage_counters SET used = 17 WHERE account_id = {_WHO}", e=at.email)
    await page.goto(base)
    await at.shot("32-meter-new")
    await page.click("#model")
    await at.shot("32-picker-locked")
    await page.keyboard.press("Escape")
    await page.click(".compare > button")
    await at.shot("32-compare")
    await page.keyboard.press("Escape")
    await page.click(".sidebar a.row[href^='/conversations/']") if at.size != "phone" else None
    await at.shot("32-meter")
    await change(site, f"UPDATE usage_counters SET used = 20 WHERE account_id = {_WHO}", e=at.email)
    await send(page, "One too many")
    await page.wait_for_selector(".shortage")
    await at.shot("32-shortage")
    await change(site, f"UPDATE accounts SET model = :m WHERE id = {_WHO}", m=LARGE, e=at.email)
    await page.goto(f"{base}/?model={LARGE}")
    await at.shot("32-model-locked")


async def long_list(at: Camera, site: Site, upstream: Upstream) -> None:
    page = at.page
    await at.sign_up(site.base)
    await page.goto(f"{site.base}/account/keys")
    await page.fill("#key-openai [name=key]", KEY)
    await page.keyboard.press("Enter")
    await page.get_by_text("ends in …4711").wait_for()
    await page.goto(site.base)
    await page.click("#model-open")
    await at.shot("33-long-picker")
    await page.fill("#models input", "nothing")
    await at.shot("33-long-picker-none")
    await page.keyboard.press("Escape")
    await page.click(".compare > button")
    await at.shot("33-long-compare")


async def held(at: Camera, site: Site, upstream: Upstream) -> None:
    """A message that waits for its writer to log in."""
    page = at.page
    await at.sign_up(site.base)
    await page.set_input_files("input[name=files]", given(*FILES))
    await page.wait_for_function("() => document.querySelectorAll('#chips [data-id]').length > 2")
    await page.context.clear_cookies()
    await page.fill(BOX, "What is in these?")
    await page.click(".send")
    await page.wait_for_selector(".kept")
    await at.shot("34-held")
    await page.goto(site.base + "/login")
    await page.fill("[name=email]", at.email)
    await page.fill("[name=password]", "not the password")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".problem")
    await at.shot("34-refused")


async def billing(at: Camera, site: Site, upstream: Upstream) -> None:
    """Every state of a plan, as it follows from what Stripe said last."""
    page, base = at.page, site.base
    await at.sign_up(base)
    await at.visit(base, **{"35_free": "/billing"})
    (price,) = site.app.extensions["plans"].by_price
    now = int(time.time() * 1000)
    await change(site, _ACCOUNT, e=at.email, now=now)
    await change(site, _CHECKOUT, e=at.email, now=now, later=now + DAY, price=price)
    await at.visit(base, **{"35_confirming": "/billing", "35_confirming_long": "/billing?look=15"})
    await change(site, f"DELETE FROM billing_checkouts WHERE account_id = {_WHO}", e=at.email)
    for number, status in enumerate(INVOICES):
        when = now - (len(INVOICES) - number) * 30 * DAY
        await change(site, _INVOICE, e=at.email, id=f"{at.email}{number}", when=when, status=status)
    usual = {"price": price, "begin": now - 10 * DAY, "end": now + 20 * DAY, "now": now}
    usual |= dict.fromkeys(("trial", "cancel", "late"))
    await change(site, _SUBSCRIPTION, e=at.email, **usual)
    for name, values in _states(now, price).items():
        await change(site, _CHANGE, e=at.email, **{**usual, "status": "active", **values})
        await at.visit(base, **{f"35_{name}": "/billing"})
        if name == "past_due":
            await page.goto(base)
            await at.shot("35-banner-new")
            await send(page, "Hello")
            await answered(page)
            await at.shot("35-banner")
            await at.visit(base, **{"35_banner_account": "/account"})
    await change(site, _NOTICE, e=at.email, id=f"dispute:{at.email}", now=now)
    await at.visit(base, **{"35_hold": "/billing"})
    await page.goto(base)
    await change(site, f"UPDATE accounts SET role = 'admin' WHERE id = {_WHO}", e=at.email)
    await page.goto(f"{base}/admin/billing")
    grant = page.locator("#grants-title + .plan form.fields")
    await grant.get_by_label("E-mail").fill(at.email)
    await grant.get_by_role("button").click()
    await at.whole("36-admin")
    await grant.get_by_label("E-mail").fill("nobody@example.com")
    await grant.get_by_role("button").click()
    await at.whole("36-admin-refused")


def _states(now: int, price: str) -> dict[str, Mapping[str, object]]:
    """State to what its subscription's row has that is not usual; the names sort as they follow."""
    return {
        "active": {},
        "trialing": {"status": "trialing", "trial": now + 4 * DAY},
        "ending": {"cancel": now + 20 * DAY},
        "past_due": {"status": "past_due", "late": now - DAY},
        "grace_over": {"status": "past_due", "late": now - 9 * DAY},
        "incomplete": {"status": "incomplete"},
        "ended": {"status": "canceled"},
        "unpaid": {"status": "unpaid"},
        "stale": {"end": now - 5 * DAY},
    }


_WHO = "(SELECT id FROM accounts WHERE email = :e)"
_ACCOUNT = f"""INSERT INTO billing_accounts (account_id, customer_id, create_key, email, created_at)
  VALUES ({_WHO}, 'cus_' || :e, :e, :e, :now)"""
_CHECKOUT = f"""INSERT INTO billing_checkouts (attempt_id, account_id, plan_key, price_id,
    trial_days, session_id, url, status, returned_at, expires_at, created_at)
  VALUES (:e, {_WHO}, 'pro', :price, 0, 'cs_' || :e, '', 'open', :now, :later, :now)"""
_INVOICE = f"""INSERT INTO billing_invoices (invoice_id, account_id, created_at, amount, currency,
    status, url) VALUES (:id, {_WHO}, :when, 1900, 'usd', :status, 'https://invoice.stripe.com/i')"""
_SUBSCRIPTION = f"""INSERT INTO billing_subscriptions (subscription_id, account_id, price_id,
    status, period_start, period_end, trial_end, cancel_at, started_at, past_due_since, amount,
    currency, interval_unit)
  VALUES ('sub_' || :e, {_WHO}, :price, 'active', :begin, :end, :trial, :cancel, :now, :late, 1900,
    'usd', 'month')"""
_CHANGE = f"""UPDATE billing_subscriptions SET price_id = :price, status = :status,
    period_start = :begin, period_end = :end, trial_end = :trial, cancel_at = :cancel,
    started_at = :now, past_due_since = :late WHERE account_id = {_WHO}"""
_NOTICE = f"""INSERT INTO billing_notices (notice_key, account_id, kind, detail, created_at)
  VALUES (:id, {_WHO}, 'dispute', '19.00 USD', :now)"""
