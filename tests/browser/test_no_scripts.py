"""All of it without scripts: forms, pages, and a page that is kept open while a reply grows."""

import asyncio
import re
import secrets

import pytest

from tests.browser.chromium import BOX, reply, sign_up
from tests.browser.conftest import WindowMaker
from tests.people import PASSWORD
from tests.site import Site
from tests.upstream import Answer, Upstream

pytestmark = pytest.mark.browser
LIVE = re.compile(r"/conversations/[^/]+/live")
TEXT = "[data-reply] [data-part=text]"


async def test_the_whole_journey_works_with_forms_alone(
    site: Site, upstream: Upstream, window: WindowMaker
) -> None:
    page = await (await window(java_script_enabled=False)).new_page()
    await sign_up(page, site.base, f"{secrets.token_hex(4)}@example.com", PASSWORD)
    held = asyncio.Event()
    upstream.will(Answer(["# Lisbon\n\nIt is the", " capital", " since 1255."], held=held))

    await page.select_option("[name=model]", "openai/large")
    await page.fill(BOX, "What is the capital of Portugal?")
    await page.click(".send", no_wait_after=True)
    await page.wait_for_url(LIVE, wait_until="commit")
    await page.wait_for_selector(f"{TEXT} .tail:has-text('It is the capital')")
    assert await page.locator(".composer").count() == 0
    assert upstream.asked[-1]["model"] == "large"
    await page.click("text=Stop")

    await page.wait_for_selector("[data-reply][data-state=stopped]")
    assert "It is the capital" in await reply(page).inner_text()
    assert await page.locator("#model").input_value() == "openai/large"

    upstream.will(Answer(["Go on", " we did."], pause=0.2))
    await page.fill(BOX, "And then?")
    await page.click(".send")
    await page.wait_for_selector(f"{TEXT}:has-text('Go on we did.')")
    await page.wait_for_selector(".composer")
    shown = page.locator("[data-reply]").last.locator("[data-part=text] > :visible")
    assert await shown.all_inner_texts() == ["Go on we did."]

    await page.click(".title h1 button")
    await page.fill(".rename [name=title]", "Capitals")
    await page.press(".rename [name=title]", "Enter")
    await page.wait_for_selector("h1:has-text('Capitals')")
    assert await page.locator("#history [aria-current]").inner_text() == "Capitals"

    await page.click("text=Log out")
    await page.wait_for_selector("text=Sign up")


async def test_a_page_that_opens_in_the_middle_goes_to_where_the_reply_grows(
    site: Site, upstream: Upstream, window: WindowMaker
) -> None:
    browser = await window(java_script_enabled=False)
    page = await browser.new_page()
    await sign_up(page, site.base, f"{secrets.token_hex(4)}@example.com", PASSWORD)
    held = asyncio.Event()
    upstream.will(Answer(["Begun", " and ended."], held=held))
    await page.fill(BOX, "Write")
    await page.click(".send", no_wait_after=True)
    await page.wait_for_url(LIVE, wait_until="commit")
    await page.wait_for_selector(f"{TEXT} .tail:has-text('Begun')")

    other = await browser.new_page()
    await other.goto(page.url.split("/live")[0], wait_until="commit")
    await other.wait_for_url(LIVE, wait_until="commit")
    await other.wait_for_selector(f"{TEXT} .tail:has-text('Begun')")
    held.set()

    for each in (page, other):
        await each.wait_for_selector(f"{TEXT} > p:has-text('Begun and ended.')")
        assert await each.locator(f"{TEXT} > :visible").all_inner_texts() == ["Begun and ended."]
