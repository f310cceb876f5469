"""Several models side by side: columns on a desk, tabs on a phone, forms without scripts."""

import asyncio
import re
import secrets

import pytest
from playwright.async_api import Locator, Page

from chat.providers.guide import MODEL
from tests.browser.chromium import BOX, says, send, sign_up
from tests.browser.conftest import TabMaker, WindowMaker
from tests.browser.test_sizes import AWKWARD, fits
from tests.conftest import ON_SQLITE
from tests.people import PASSWORD
from tests.sides import GUIDE, LARGE, TINY
from tests.site import Site
from tests.upstream import Answer, Upstream

pytestmark = [pytest.mark.browser, ON_SQLITE]
LIVE = re.compile(r"/conversations/[^/]+/live")


async def pick(page: Page, *models: str) -> None:
    """Opens the little form beside the picker, chooses the other models, and closes it."""
    await page.get_by_role("button", name="Compare").click()
    for number, model in enumerate(models):
        await page.locator("#compare select").nth(number).select_option(model)
    await page.keyboard.press("Escape")
    await page.locator("#compare").wait_for(state="hidden")


def column(page: Page, number: int) -> Locator:
    return page.locator(".side").nth(number).locator("article")


async def shows(page: Page, number: int, words: str, state: str) -> None:
    reply = f".side:nth-child({number + 1}) [data-reply][data-state={state}] [data-part=text]"
    await page.wait_for_selector(f"{reply}:has-text('{words}')", state="attached")


async def test_columns_become_tabs_and_one_of_them_goes_on(
    site: Site, tab: TabMaker, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    guide = site.app.extensions["parts"].catalog.provider(MODEL)
    monkeypatch.setattr(guide, "_pause", 60.0)  # it still writes when Stop is pressed
    held = asyncio.Event()
    upstream.will(
        Answer([AWKWARD, "\n\nThe small end."], held=held, model="tiny"),
        Answer(["Big and ", "short."], held=held, model="large"),
    )
    page = await tab(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    await pick(page, LARGE, GUIDE)
    assert await page.locator(".compare > button").inner_text() == "3 models"
    await send(page, "Which one?")
    await shows(page, 1, "Big and", "streaming")
    await shows(page, 0, "Column 1", "streaming")

    boxes = [await column(page, number).bounding_box() for number in range(3)]
    places = [(round(box["x"]), round(box["y"])) for box in boxes if box]
    assert len({y for _, y in places}) == 1
    assert len(places) == 3 and places == sorted(places)
    await fits(page)
    await column(page, 2).get_by_role("button", name="Stop").click()
    await page.wait_for_selector(".side:nth-child(3) [data-state=stopped]")
    assert await page.locator("#send .stop").count() == 1
    assert await page.locator(".compare > button").inner_text() == "Compare"

    await page.set_viewport_size({"width": 390, "height": 844})
    tabs = page.get_by_role("radio")
    words = ["tiny\nwriting", "large\nwriting", "Guide\nstopped"]
    assert await page.locator(".side > label").all_inner_texts() == words
    assert [await column(page, number).is_visible() for number in range(3)] == [True, False, False]
    await tabs.first.focus()
    await page.keyboard.press("ArrowRight")
    assert [await column(page, number).is_visible() for number in range(3)] == [False, True, False]
    held.set()
    await shows(page, 1, "Big and short.", "complete")
    await shows(page, 0, "The small end.", "complete")
    await page.wait_for_selector("#send .send")
    assert await page.locator(".side > label").nth(1).inner_text() == "large\ndone"
    await tabs.first.focus()
    await page.keyboard.press("ArrowLeft")  # from the first to the last
    assert await column(page, 2).is_visible()
    await page.locator(".side > label").first.click()
    await fits(page)

    await page.locator(".side > label").nth(1).click()
    await page.get_by_role("button", name="Go on with this one: large").click()
    await page.wait_for_url(re.compile(r"\?at="))
    assert await column(page, 1).is_visible()
    assert await page.locator("#model").input_value() == LARGE
    upstream.will(Answer(["It goes on."]))
    await send(page, "And then?")
    await says(page, "It goes on.", "complete")
    asked = [turn["content"] for turn in upstream.asked[-1]["messages"]]
    assert asked == ["Which one?", "Big and short.", "And then?"]

    await page.reload()
    assert await page.locator("#messages > .sides").count() == 0
    await page.locator("details.others > summary").press("Enter")
    await page.wait_for_selector("details[open] .side label")
    await fits(page)


async def test_escape_stops_all_and_each_is_retried_in_its_place(
    tab: TabMaker, upstream: Upstream
) -> None:
    never = asyncio.Event()
    upstream.will(*[Answer([f"{n} said ", "x"], held=never, model=n) for n in ("tiny", "large")])
    page = await tab(viewport={"width": 1280, "height": 800})
    await pick(page, LARGE)
    await send(page, "Which one?")
    await shows(page, 0, "tiny said", "streaming")
    await shows(page, 1, "large said", "streaming")
    # Its answer replaces the columns once more.
    async with page.expect_event("requestfinished", lambda asked: asked.url.endswith("/stop")):
        await page.keyboard.press("Escape")
    await shows(page, 0, "tiny said", "stopped")
    await shows(page, 1, "large said", "stopped")
    await page.wait_for_selector("#send .send")

    upstream.will(Answer(["Better."]))
    await column(page, 1).get_by_role("button", name="Retry").click()
    await shows(page, 1, "Better.", "complete")
    await shows(page, 0, "tiny said", "stopped")
    assert await column(page, 1).locator(".versions span").inner_text() == "2/2"
    assert await column(page, 0).locator(".chosen").is_visible()
    await page.wait_for_selector("#send .send")

    upstream.will(Answer(["Tiny again."], model="tiny"), Answer(["Large again."], model="large"))
    await page.get_by_role("link", name="Edit").click()
    form = page.locator("form.edit")
    await form.locator("textarea").fill("Which one, really?")
    assert await form.locator("small").inner_text() == "Asks again: tiny, large"
    await page.get_by_role("button", name="Send as a new version").click()
    await shows(page, 0, "Tiny again.", "complete")
    await shows(page, 1, "Large again.", "complete")


async def test_without_scripts_forms_compare_and_choose(
    site: Site, upstream: Upstream, window: WindowMaker
) -> None:
    options = {"java_script_enabled": False, "viewport": {"width": 1280, "height": 800}}
    page = await (await window(**options)).new_page()
    await sign_up(page, site.base, f"{secrets.token_hex(4)}@example.com", PASSWORD)
    held = asyncio.Event()
    upstream.will(
        Answer(["Small ", "end."], held=held, model="tiny"), Answer(["Big end."], model="large")
    )
    await page.select_option("#model", TINY)
    await pick(page, LARGE)
    await page.fill(BOX, "Which one?")
    await page.click(".send", no_wait_after=True)
    await page.wait_for_url(LIVE, wait_until="commit")
    await page.wait_for_selector(".side .tail:has-text('Small')")
    assert await page.locator(".composer").count() == 0
    held.set()
    await page.wait_for_selector(".side:nth-child(2) p:has-text('Big end.')")
    await page.wait_for_selector(".composer")
    boxes = [await column(page, number).bounding_box() for number in range(2)]
    assert boxes[0] and boxes[1] and boxes[0]["x"] < boxes[1]["x"]

    await column(page, 1).get_by_role("button", name="Go on with this one").click()
    await page.wait_for_url(re.compile(r"\?at="))
    await page.set_viewport_size({"width": 390, "height": 844})
    assert [await column(page, number).is_visible() for number in range(2)] == [False, True]
    await page.locator(".side > label").first.click()
    assert await column(page, 0).inner_text() != ""
    await page.fill(BOX, "And then?")
    await page.click(".send")
    await page.wait_for_selector("[data-reply] p:has-text('Hello, world.')")
    assert [turn["content"] for turn in upstream.asked[-1]["messages"]][1] == "Big end."
