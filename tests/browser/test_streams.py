"""A reply grows in the page, and every view of it ends equal to what is stored."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from playwright.async_api import Page

from tests.browser.cable import laid
from tests.browser.chromium import answered, reply, reply_id, says, send, settled, sign_up
from tests.browser.conftest import TabMaker, WindowMaker
from tests.browser.texts import DOCUMENT, pieces
from tests.databases import Installer
from tests.people import PASSWORD, Person
from tests.rows import rows, state, until
from tests.site import Site
from tests.upstream import Answer, Upstream

pytestmark = pytest.mark.browser

SELECT_FIRST_WORDS = """() => {
  const range = document.createRange();
  range.selectNodeContents(document.querySelector(".blocks p"));
  getSelection().removeAllRanges();
  getSelection().addRange(range);
}"""


async def stored(site: Site, page: Page) -> str:
    """The stored HTML of the newest reply, spelt as this browser spells it."""
    reply = await reply_id(page)
    found = await rows(site, "SELECT html FROM messages WHERE id = :id", id=reply)
    return str(
        await page.evaluate(
            """html => {
              const read = document.createElement("template");
              read.innerHTML = html;
              return read.innerHTML;
            }""",
            found[0]["html"],
        )
    )


async def test_a_long_document_grows_and_ends_as_it_is_stored(
    site: Site, tab: TabMaker, upstream: Upstream
) -> None:
    page, held = await tab(), asyncio.Event()
    upstream.will(Answer([*pieces(DOCUMENT), "\n\nThe end."], pause=0.02, held=held))
    await send(page, "Write")

    await page.wait_for_selector(".blocks p")
    await page.evaluate(SELECT_FIRST_WORDS)
    await says(page, "Last words, unfinished", state="streaming")

    assert await page.evaluate("getSelection().toString()") == (
        "Some words to begin with, and to select while the rest is written."
    )
    finished = await page.locator(".blocks").inner_html()
    held.set()
    await answered(page)
    final = await settled(page)
    assert final == await stored(site, page)
    assert "Last words" not in finished and "indented code" in finished
    assert await page.locator(".code [data-copy]").count() == 3


async def test_two_tabs_on_one_reply_end_alike(
    site: Site, tab: TabMaker, upstream: Upstream
) -> None:
    first, held = await tab(), asyncio.Event()
    text = pieces(DOCUMENT, 40)
    upstream.will(Answer(text, pause=0.02, held=held))
    await send(first, "Write")
    await says(first, "Some words")
    second = await first.context.new_page()
    await second.goto(first.url)
    await says(second, "Setext heading", state="streaming")

    held.set()
    await asyncio.gather(answered(first), answered(second))

    assert await settled(first) == await settled(second) == await stored(site, first)


async def test_a_reload_in_the_middle_goes_on_where_it_was(
    site: Site, tab: TabMaker, upstream: Upstream
) -> None:
    page, held = await tab(), asyncio.Event()
    upstream.will(Answer(pieces(DOCUMENT, 40), pause=0.02, held=held))
    await send(page, "Write")
    await says(page, "A paragraph with bold")

    await page.reload()
    await says(page, "Setext heading")
    held.set()
    await answered(page)

    assert await page.locator("[data-reply]").count() == 1
    assert await settled(page) == await stored(site, page)


async def test_stop_in_another_tab_stops_it_here(tab: TabMaker, upstream: Upstream) -> None:
    first = await tab()
    upstream.will(Answer(["Once upon", " a time"], held=asyncio.Event()))
    await send(first, "Tell me a story")
    await says(first, "Once upon")
    second = await first.context.new_page()
    await second.goto(first.url)

    await second.click(".stop")

    for page in (first, second):
        await page.wait_for_selector("[data-reply][data-state=stopped]")
        assert await reply(page).inner_text() == "Once upon"
        await page.wait_for_selector("#send .send")


async def test_a_reply_goes_on_when_its_tab_is_closed(
    site: Site, tab: TabMaker, upstream: Upstream
) -> None:
    page, held = await tab(), asyncio.Event()
    upstream.will(Answer(["Begun", " and ended."], held=held))
    await send(page, "Write")
    await says(page, "Begun")
    reply, url, window = await reply_id(page), page.url, page.context

    await page.close()
    held.set()

    async def complete() -> bool:
        return await state(site, reply) == "complete"

    await until(complete, within=20)
    later = await window.new_page()
    await later.goto(url)
    await says(later, "Begun and ended.", state="complete")


async def test_a_hidden_tab_lets_go_of_its_stream_and_catches_up(
    site: Site, tab: TabMaker, upstream: Upstream
) -> None:
    page, held = await tab(), asyncio.Event()
    upstream.will(Answer(pieces(DOCUMENT, 40), pause=0.02, held=held))
    await send(page, "Write")
    await says(page, "A paragraph with bold")

    async with page.expect_event("requestfailed", lambda asked: asked.url.endswith("/stream")):
        await _show(page, False)
    held.set()
    await until(lambda: _complete(site, page), within=20)
    assert await page.locator("[data-state=complete]").count() == 0
    await _show(page, True)
    await answered(page)

    assert await settled(page) == await stored(site, page)


async def test_a_cut_network_is_caught_up_with(
    site: Site, upstream: Upstream, ada: Person, window: WindowMaker
) -> None:
    async with laid(site.base) as cable:
        page, held = await (await window(ada)).new_page(), asyncio.Event()
        await page.goto(cable.base)
        upstream.will(Answer(pieces(DOCUMENT, 40), pause=0.02, held=held))
        await send(page, "Write")
        await says(page, "A paragraph with bold")

        async with page.expect_event("requestfailed"):
            cable.cut()
        await page.wait_for_timeout(2_000)
        held.set()
        cable.plug(site.base)
        await answered(page)

        assert await settled(page) == await stored(site, page)


@pytest.mark.parametrize("crash", [False, True], ids=["in_order", "by_a_crash"])
async def test_a_restart_in_the_middle_leaves_what_had_come_and_a_retry(
    database: Installer, tmp_path: Path, upstream: Upstream, window: WindowMaker, crash: bool
) -> None:
    """A crash, as the page sees it: the connection breaks, and another process answers later."""
    env = {"OPENAI_BASE_URL": upstream.url}
    page = await (await window()).new_page()
    async with AsyncExitStack() as first, laid("http://127.0.0.1") as cable:
        before = await first.enter_async_context(database.running(tmp_path, env))
        cable.plug(before.base)
        await sign_up(page, cable.base, "ada@example.com", PASSWORD)
        upstream.will(Answer(["Begun, ", "and"], held=asyncio.Event()), Answer(["All of it."]))
        await send(page, "Write")
        await says(page, "Begun,")
        if crash:
            cable.cut()
        await first.aclose()
        async with database.running(tmp_path, env) as after:
            cable.plug(after.base)
            await page.wait_for_selector("[data-reply][data-state=interrupted]")
            assert (await reply(page).inner_text()).strip() == "Begun,"
            await page.click(".outcome >> text=Retry")
            await says(page, "All of it.", state="complete")
            assert await page.locator("[data-reply]").count() == 1


async def _complete(site: Site, page: Page) -> bool:
    return await state(site, await reply_id(page)) == "complete"


async def _show(page: Page, shown: bool) -> None:
    await page.evaluate(
        """shown => {
          Object.defineProperty(document, "hidden", { configurable: true, get: () => !shown });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        shown,
    )
