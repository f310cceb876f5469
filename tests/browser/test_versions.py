"""Retry, edit, continue and the steps between versions, as a person uses them."""

import asyncio
import re

import pytest

from tests.browser.chromium import BOX, answered, reply, says, send
from tests.browser.conftest import TabMaker
from tests.upstream import Answer, Upstream

pytestmark = pytest.mark.browser
COMPOSER = f"#composer {BOX}"


async def test_versions_are_made_and_stepped_through_by_keyboard(
    tab: TabMaker, upstream: Upstream
) -> None:
    upstream.will(Answer(["First answer."]), Answer(["Second answer."]))
    page = await tab()
    await send(page, "How are you?")
    await says(page, "First answer.", "complete")
    await page.locator("[data-reply]").get_by_role("button", name="Retry").press("Enter")
    await says(page, "Second answer.", "complete")
    assert await page.locator("[data-reply]").count() == 1

    await page.get_by_role("button", name="Version before").press("Enter")
    await page.wait_for_url(re.compile(r"\?at="))
    await says(page, "First answer.")
    assert await page.locator("[data-reply] .versions span").inner_text() == "1/2"
    await page.keyboard.press("Tab")  # from the message that the address names, not from the box
    assert await page.evaluate("!!document.activeElement.closest('[data-reply]')")

    await page.goto(page.url.partition("?")[0])
    await says(page, "First answer.")
    await page.get_by_role("button", name="Version after").click()
    await says(page, "Second answer.")


async def test_a_question_is_changed_in_its_place(tab: TabMaker, upstream: Upstream) -> None:
    upstream.will(Answer(["First answer."]), Answer(["Second", " answer."], pause=0.2))
    page = await tab()
    await send(page, "What is Lisbn?")
    await says(page, "First answer.", "complete")
    url = page.url
    await page.fill(BOX, "a draft that stays")
    await page.get_by_role("link", name="Edit").press("Enter")
    form = page.locator("form.edit textarea")
    await form.wait_for()
    assert page.url == url
    assert await form.evaluate("area => area === document.activeElement")
    await page.get_by_role("link", name="Cancel").click()
    await form.wait_for(state="detached")
    assert page.url == url

    await page.get_by_role("link", name="Edit").click()
    await form.fill("   ")
    await page.get_by_role("button", name="Send as a new version").click()
    await page.wait_for_selector("#notices .notice")
    await form.fill("What is Lisbon?")
    await page.get_by_role("button", name="Send as a new version").click()
    await says(page, "Second answer.", "complete")
    await page.wait_for_load_state()  # the draft comes back by a script

    assert await page.locator("[data-role=user] .bubble").all_inner_texts() == ["What is Lisbon?"]
    assert await page.locator("[data-role=user] .versions span").inner_text() == "2/2"
    assert await page.locator(COMPOSER).input_value() == "a draft that stays"


async def test_a_stopped_reply_goes_on_without_losing_a_word(
    tab: TabMaker, upstream: Upstream
) -> None:
    held = asyncio.Event()
    upstream.will(Answer(["Once upon", "never"], held=asyncio.Event()))
    page = await tab()
    await send(page, "Tell me a story")
    await says(page, "Once upon", "streaming")
    await page.keyboard.press("Escape")
    await says(page, "Once upon", "stopped")

    upstream.will(Answer([" a time", " there was a fox."], held=held))
    await page.evaluate(
        """() => {
          window.lost = 0;
          new MutationObserver(() => {
            const text = document.querySelector("[data-reply] [data-part=text]");
            if (!text.textContent.includes("Once upon")) window.lost += 1;
          }).observe(document.querySelector("#messages"), {childList: true, subtree: true});
        }"""
    )
    await page.get_by_role("button", name="Continue").click()
    await says(page, "Once upon a time", "streaming")
    held.set()
    await says(page, "Once upon a time there was a fox.", "complete")

    assert await page.evaluate("window.lost") == 0
    await answered(page)
    upstream.will(Answer(["Yes."]))
    await send(page, "And then?")
    await says(page, "Yes.", "complete")
    assert await reply(page).inner_text() == "Yes."


@pytest.mark.parametrize("width", [360, 1280])
async def test_the_form_and_the_steps_fit(tab: TabMaker, upstream: Upstream, width: int) -> None:
    upstream.will(Answer(["First answer."]))
    page = await tab(viewport={"width": width, "height": 740})
    await send(page, "How are you?")
    await says(page, "First answer.", "complete")
    await page.get_by_role("button", name="Retry").click()
    await says(page, "Hello, world.", "complete")
    await page.get_by_role("link", name="Edit").click()
    await page.locator("form.edit textarea").wait_for()

    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    box = await page.locator("form.edit").bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= width
