"""Thoughts in the page: folded until somebody unfolds them, and left as they were left."""

import asyncio

import pytest

from tests.browser.chromium import answered, says, send
from tests.browser.conftest import TabMaker
from tests.conftest import ON_SQLITE
from tests.site import Site
from tests.upstream import Answer, Thought, Upstream

pytestmark = [pytest.mark.browser, ON_SQLITE]

FIRST = [Thought("First I look"), Thought(" at it.\n\nThen"), Thought(" I <b>think</b>.")]
SHOWS = """([part, words]) => {
  const found = [...document.querySelectorAll(part)].at(-1);
  return found && found.textContent.includes(words);
}"""
INSIDE = "[data-part=reasoning] .thoughts"


async def test_unfolded_while_they_grow_they_stay_so_to_the_end(
    site: Site, tab: TabMaker, upstream: Upstream
) -> None:
    page, more, over = await tab(), asyncio.Event(), asyncio.Event()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    fold = page.locator("[data-part=reasoning]").last
    upstream.will(Answer([*FIRST, Thought(" And more.")], held=more))
    await send(page, "Think")

    await page.wait_for_function(SHOWS, arg=[INSIDE, "I <b>think</b>."])
    assert not await page.locator(INSIDE).is_visible()
    assert await fold.locator("summary").inner_text() == "Thinking…"
    await fold.locator("summary").press("Enter")
    await page.locator(INSIDE).wait_for(state="visible")
    grown = await page.query_selector(INSIDE)
    more.set()
    await answered(page)
    assert await fold.evaluate("part => part.open")
    assert grown and not await grown.is_visible()  # it was replaced, and is open all the same
    assert await page.locator(f"{INSIDE} p").all_inner_texts() == [
        "First I look at it.",
        "Then I <b>think</b>. And more.",
    ]

    upstream.will(Answer([*FIRST, "So it ", "is."], held=over, pause=0.05))
    await send(page, "Think again")
    await says(page, "So it")
    assert not await fold.evaluate("part => part.open")
    assert (await fold.locator("summary").inner_text()).startswith("Thought for ")
    over.set()
    await answered(page, 2)
    assert not await fold.evaluate("part => part.open")
    assert await page.locator("[data-part=reasoning]").first.evaluate("part => part.open")

    upstream.will(Answer(["No thoughts."]))
    await send(page, "Do not think")
    await answered(page, 3)
    assert await page.locator("[data-part=reasoning]").count() == 2
    assert complaints == []


async def test_without_scripts_they_are_folded_and_named_by_what_follows(
    tab: TabMaker, upstream: Upstream
) -> None:
    page, go = await tab(java_script_enabled=False), asyncio.Event()
    upstream.will(Answer([*FIRST, "So it is."], held=go))
    await page.fill("[name=text]", "Think")
    await page.click(".send", no_wait_after=True)

    fold = page.locator("[data-part=reasoning]")
    await fold.wait_for()
    await fold.locator(".past").wait_for(state="hidden")  # its style has come
    assert await fold.inner_text() == "Thinking…"
    await fold.locator("summary").click()
    await page.get_by_text("Then I <b>think</b>.").wait_for()
    go.set()
    await page.locator("form#composer").wait_for()

    assert await fold.locator("summary").inner_text() == "Thoughts"
    assert await page.get_by_text("First I look at it.").is_visible()
    assert await page.locator(".reply [data-part=text]").inner_text() == "So it is."
