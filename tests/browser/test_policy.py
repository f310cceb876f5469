"""Nothing that is written gets out of its message, and pages ask nobody else for anything."""

import asyncio
import secrets
from urllib.parse import urlsplit

import pytest
from playwright.async_api import BrowserContext, ConsoleMessage, Page, Request, WebError

from tests.browser.chromium import BOX, answered, reply_id, says, send, sign_up
from tests.browser.conftest import TabMaker, WindowMaker
from tests.browser.hostile import CORPUS
from tests.browser.texts import DOCUMENT, pieces
from tests.conftest import ON_SQLITE
from tests.people import PASSWORD, Person
from tests.site import Site
from tests.upstream import Answer, Upstream

pytestmark = pytest.mark.browser
TABS = 6
LONG = 60  # seconds for answers of some hundred pieces each, in all tabs at once
TRAP = """for (const name of ["alert", "confirm", "prompt", "print"])
  window[name] = () => console.error("a script ran");"""
WATCH_OUTSIDE = """() => {
  window.outside = [];
  new MutationObserver(records => {
    for (const { target, addedNodes, removedNodes } of records) {
      const nodes = [...addedNodes, ...removedNodes];
      if (nodes.length && nodes.every(node => node.matches?.("div[hidden]:empty")))
        continue; // where htmx keeps what it moves
      const element = target.closest ? target : target.parentElement;
      if (!element?.closest("[data-part=text]")) outside.push(element?.outerHTML.slice(0, 200));
    }
  }).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
}"""
FORBIDDEN = """() => {
  const all = "[data-part=text] :not([data-part=text] > :is(.blocks, .tail))";
  const odd = `:is(script, iframe, object, embed, form, input, textarea, select, base, link, meta,
    style, video, audio, picture, math, template, [id], [style], [srcset]),
    svg:not(.icon), button:not([data-copy])`;
  return [...document.querySelectorAll(all)].filter(element => element.matches(odd)
    || element.localName.includes("-")
    || /^(javascript|vbscript|data|file|blob):/i.test(element.href ?? "")
    || [...element.attributes].some(({ name }) => /^(on|hx-|data-hx)/.test(name)))
    .map(element => element.outerHTML);
}"""


class Watched:
    """What a window's console said, and what it asked other hosts for."""

    def __init__(self, context: BrowserContext) -> None:
        self.said: list[str] = []
        self.abroad: list[str] = []
        context.on("console", self._console)
        context.on("weberror", self._error)
        context.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            self.said.append(message.text)

    def _error(self, error: WebError) -> None:
        self.said.append(str(error.error))

    def _request(self, request: Request) -> None:
        if urlsplit(request.url).hostname != "127.0.0.1":
            self.abroad.append(request.url)


async def test_a_whole_session_is_silent_and_stays_at_home(
    site: Site, upstream: Upstream, window: WindowMaker
) -> None:
    context = await window()
    watched = Watched(context)
    page = await context.new_page()
    await page.goto(site.base)
    await sign_up(page, site.base, f"{secrets.token_hex(4)}@example.com", PASSWORD)
    async with page.expect_response("**/account/model"):
        await page.select_option("[name=model]", "openai/large")
    upstream.will(Answer(pieces(DOCUMENT, 60), pause=0.01))
    await send(page, "Write")
    await answered(page)
    upstream.will(Answer(["Stopped", " never"], held=asyncio.Event()))
    await send(page, "Again")
    await says(page, "Stopped")
    await page.keyboard.press("Escape")
    await page.wait_for_selector("[data-state=stopped]")
    await page.locator(".actions >> text=Retry").last.click()
    await says(page, "Hello, world.", state="complete")
    await page.click(".title h1 button")
    await page.fill(".rename input", "Another title")
    await page.press(".rename input", "Enter")
    await page.wait_for_selector("h1:has-text('Another title')")
    for path in ("/conversations", "/account", "/account/usage", "/"):
        await page.goto(site.base + path)
    await page.click("text=Log out")
    await page.wait_for_selector("text=Sign up")

    assert watched.said == []
    assert watched.abroad == []


@ON_SQLITE
async def test_a_hostile_reply_stays_in_its_bubble_at_every_moment(
    tab: TabMaker, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In pieces of three characters, shown three times as often as usual."""
    monkeypatch.setattr("chat.providers.pace.TICK", 0.03)
    first = await tab()
    watched = Watched(first.context)
    await first.context.add_init_script(TRAP)
    pages = [await first.context.new_page() for _ in range(TABS)]
    held = asyncio.Event()
    for number, page in enumerate(pages):
        text = "\n\n".join(CORPUS[number::TABS])
        parts = ["Here: ", "\n\n", *pieces(text, 3), "\n\nThe last word", ", said."]
        upstream.will(Answer(parts, pause=0.012, held=held))
        await page.goto(first.url)
        await page.fill(BOX, text)
        await page.press(BOX, "Enter")
        await says(page, "Here:", state="streaming")
        await page.evaluate(WATCH_OUTSIDE)

    last = [says(page, "The last word", state="streaming", within=LONG) for page in pages]
    await asyncio.gather(*last)
    for page in pages:
        assert await page.evaluate("outside") == []
        assert await page.evaluate(FORBIDDEN) == []
    held.set()
    for page in pages:
        await answered(page)
        await _is_whole(page)
        await page.reload()
        await _is_whole(page)

    assert len(CORPUS) >= 100
    assert watched.said == []
    assert watched.abroad == []


async def test_hostile_titles_are_words_in_the_history(
    site: Site, ada: Person, tab: TabMaker
) -> None:
    for start in range(0, len(CORPUS), 20):
        await asyncio.gather(*(ada.send(text) for text in CORPUS[start : start + 20]))
    page = await tab("/account")
    watched = Watched(page.context)
    await page.context.add_init_script(TRAP)
    await page.goto(f"{site.base}/conversations")

    rows = page.locator("#history li")
    while await page.locator("#history .older").count():
        seen = await rows.count()
        await page.locator("#history .older").scroll_into_view_if_needed()
        await page.wait_for_function(
            "n => document.querySelectorAll('#history li').length > n", arg=seen
        )

    assert await rows.count() == len(CORPUS)
    inside = "#history :not(section, h2, ul, li, a.row, .cut, .pulse, .unseen)"
    assert await page.locator(inside).count() == 0
    assert watched.said == []
    assert watched.abroad == []


async def test_a_first_visit_loads_little(site: Site, ada: Person, window: WindowMaker) -> None:
    context = await window(ada)
    asked: list[Request] = []
    context.on("requestfinished", lambda request: asked.append(request))
    page = await context.new_page()
    await page.goto(site.base, wait_until="networkidle")

    sizes = [await request.sizes() for request in asked]
    assert 3 <= len(asked) <= 10
    total = sum(size["responseBodySize"] + size["responseHeadersSize"] for size in sizes)
    assert 20_000 < total <= 110_000


async def _is_whole(page: Page) -> None:
    assert await page.evaluate(FORBIDDEN) == []
    for one in ("#composer", "#history", "#notices", "#announcer", "#conversation", "aside"):
        assert await page.locator(one).count() == 1, one
    assert await page.locator("#messages > article").count() == 2
    assert await page.locator(f"#m-{await reply_id(page)}").count() == 1
