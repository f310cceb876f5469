"""What people bring, in a browser: a key, a preset, a conversation that begins with it."""

import pytest
from playwright.async_api import Page

from tests.browser.chromium import BOX, answered
from tests.browser.conftest import TabMaker
from tests.conftest import ON_SQLITE
from tests.upstream import Answer, Upstream

pytestmark = [pytest.mark.browser, ON_SQLITE]
KEY = "sk-of-adas-own-4711"
PHONE = {"width": 390, "height": 844}


async def fits(page: Page) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


async def test_a_conversation_begins_with_a_preset_and_an_own_key(
    tab: TabMaker, upstream: Upstream
) -> None:
    page = await tab("/account", viewport=PHONE)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    await page.click("a[href='/account/keys']")
    await page.fill("#key-openai [name=key]", KEY)
    await page.keyboard.press("Enter")
    await page.get_by_text("ends in …4711").wait_for()
    assert await page.input_value("#key-openai [name=key]") == ""
    assert await fits(page)

    await page.goto(page.url.replace("/account/keys", "/presets"))
    await page.get_by_label("Name").fill("A vet with a name as long as names of presets may be, on")
    await page.get_by_label("Instructions").fill("You are a vet.")
    await page.get_by_label("Temperature").fill("0,5")
    assert await fits(page)
    await page.get_by_role("button", name="Add").click()
    await page.get_by_role("link", name="A vet").first.click()
    await page.wait_for_selector(".presets [aria-current]")
    assert await fits(page)

    upstream.will(Answer(["It limps."]))
    await page.fill(BOX, "My horse limps")
    await page.click(".send")
    await answered(page)
    assert await page.locator("#composer [name=preset]").count() == 0
    asked = upstream.asked[-1]
    assert (asked["messages"][0]["content"], asked["temperature"]) == ("You are a vet.", 0.5)
    assert upstream.keys[-1] == KEY
    assert (await page.locator(".spent").inner_text()).endswith("your key")

    await page.focus(".title h1 button")
    await page.keyboard.press("Enter")
    await page.get_by_role("link", name="Instructions").click()
    assert await page.get_by_label("Instructions").input_value() == "You are a vet."
    assert await page.get_by_label("Temperature").input_value() == "0.5"
    assert await fits(page)
    kept = await page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")
    assert KEY not in kept + await page.content() + "".join(said)
    assert not said

    plain = await tab("/account/keys", java_script_enabled=False)
    await plain.get_by_role("button", name="Remove the key for 127.0.0.1").click()
    await plain.get_by_text("ends in").wait_for(state="detached")
    assert plain.url.endswith("/account/keys")
