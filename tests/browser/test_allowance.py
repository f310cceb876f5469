"""A plan in the browser: locked models, what ran out, and a text that stays where it was typed."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import Page

from tests.allowance.conftest import plans_file
from tests.browser.chromium import BOX, answered, send
from tests.browser.conftest import WindowMaker
from tests.conftest import ON_SQLITE, SiteMaker
from tests.conversations.test_picker import offering
from tests.people import Person, conversation_of, reply_of
from tests.rows import change
from tests.site import Site

pytestmark = [pytest.mark.browser, ON_SQLITE]
STRIPE = {
    "STRIPE_SECRET_KEY": "sk_test_1",
    "STRIPE_WEBHOOK_SECRET": "whsec_1",
    "STRIPE_PRICE_ID": "price_1",
}


@pytest.fixture
async def limited(make_site: SiteMaker, tmp_path: Path) -> Site:
    plan = 'messages = 5\nmodels = ["*/tiny"]'
    site = await make_site(**plans_file(tmp_path, plan), **STRIPE)
    await offering(site, "openai/large")
    return site


async def shot(page: Page, name: str) -> None:
    """Where somebody wants to look at it: SHOTS=folder."""
    if folder := os.environ.get("SHOTS"):
        for scheme, width in (("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)):
            await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            await page.set_viewport_size({"width": width, "height": 800})
            await page.wait_for_timeout(300)
            await page.screenshot(path=f"{folder}/{name}-{width}-{scheme}.png")
        await page.set_viewport_size({"width": 1280, "height": 720})


async def refused(page: Page, words: str) -> None:
    await page.wait_for_function(
        "words => document.querySelector('#shortage').textContent.includes(words)", arg=words
    )
    assert await page.get_attribute("#shortage", "role") == "status"
    assert not await page.locator("#notices > *").count()


async def test_what_is_refused_stays_typed_and_one_click_goes_on(
    limited: Site, people: Callable[..., Person], window: WindowMaker
) -> None:
    ada = people(limited)
    await ada.register()
    sent = await ada.send("Hello")
    await ada.watched(reply_of(sent))
    await change(limited, "UPDATE conversations SET model = 'openai/large'")
    page = await (await window(ada)).new_page()
    await page.goto(f"{limited.base}/conversations/{conversation_of(sent)}")
    assert await page.locator("#picker option[value='openai/large']").is_disabled()
    assert "Pro has it" in await page.locator("#picker > small:not(.blind)").inner_text()

    if os.environ.get("SHOTS"):
        await page.click("#model")
        await shot(page, "open")
        await page.keyboard.press("Escape")
    await send(page, "A long thought")
    await refused(page, "large is not part of your plan. Pro has it.")
    assert await page.input_value(BOX) == "A long thought"
    await shot(page, "locked")
    await page.click("#shortage button")
    await page.wait_for_function("() => !document.querySelector('#shortage').textContent")
    assert await page.input_value("#model") == "openai/tiny"
    assert await page.input_value(BOX) == "A long thought"
    await change(limited, "UPDATE usage_counters SET used = 3")
    await page.press(BOX, "Enter")
    await answered(page, 2)
    assert "4 of 5" in await page.locator("#allowance .meter").inner_text()
    await shot(page, "meter")

    await send(page, "The last one")
    await answered(page, 3)
    await send(page, "One too many")
    await refused(page, "You have used the 5 messages of your plan.")
    await shot(page, "spent")
    assert await page.input_value(BOX) == "One too many"
    assert await page.locator("#shortage a").get_attribute("href") == "/billing"
    await page.locator(".message.reply").last.hover()
    await page.locator("form[action$='/retry'] button").last.click()
    await refused(page, "You have used the 5 messages of your plan.")
    assert await page.locator(".message.reply").count() == 3
    await page.reload()
    assert await page.input_value(BOX) == "One too many"

    plain = await (await window(ada, java_script_enabled=False)).new_page()
    await plain.goto(page.url)
    await plain.fill(BOX, "Without scripts")
    await plain.click(".send")
    assert "You have used the 5 messages" in await plain.locator("#shortage").inner_text()
    assert await plain.input_value(BOX) == "Without scripts"
    await shot(plain, "plain")
