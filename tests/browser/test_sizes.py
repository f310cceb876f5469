"""From a phone to a wall: nothing is cut off, nothing has to be scrolled sideways."""

import asyncio

import pytest
from playwright.async_api import Page

from tests.browser.chromium import BOX, answered, says, send
from tests.browser.conftest import TabMaker, WindowMaker
from tests.conftest import ON_SQLITE
from tests.site import Site
from tests.upstream import Answer, Upstream

pytestmark = pytest.mark.browser
SIZES = [(360, 640), (390, 844), (1280, 800), (2560, 1440)]
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2
AWKWARD = f"""{LONG} and `{LONG}` and https://example.com/{LONG}

# {LONG}

```python
result = a_function_with_a_long_name({", ".join(f"argument_number_{n}={n}" for n in range(20))})
```

| {" | ".join(f"Column {n}" for n in range(20))} |
|{"---|" * 20}
| {" | ".join(f"{LONG[:30]}" for n in range(20))} |

> {LONG}

1. {LONG}
   - {LONG}
"""
# Elements that stand out of the window sideways, unless a box of their own scrolls them.
OUTSIDE = """() => {
  const scrolls = element => {
    for (let box = element.parentElement; box; box = box.parentElement)
      if (/auto|scroll|hidden/.test(getComputedStyle(box).overflowX)
          && box.getBoundingClientRect().right <= innerWidth + 1
          && !box.matches("html, body, main, .scroll, .conversation")) return true;
    return false;
  };
  return [...document.querySelectorAll("body *")].filter(element => {
    const { left, right, width, height } = element.getBoundingClientRect();
    return width > 1 && height > 1 && (right > innerWidth + 1 || left < -1)
      && element.checkVisibility({ visibilityProperty: true }) && !scrolls(element);
  }).map(element => element.outerHTML.slice(0, 120));
}"""
SIDEWAYS = """() => [...document.querySelectorAll("html, body, main, .scroll, .conversation, nav")]
  .filter(box => box.scrollWidth > box.clientWidth + 1)
  .map(box => `${box.localName}.${box.className} ${box.scrollWidth} > ${box.clientWidth}`)"""

# Hosts are broken at their dots: each part of one is in one line.
BROKEN_HOSTS = """() => [...document.querySelectorAll(".keys small")]
  .flatMap(host => [...host.childNodes].filter(part => part.nodeType === Node.TEXT_NODE))
  .filter(part => {
    const range = document.createRange();
    range.selectNodeContents(part);
    return range.getClientRects().length > 1;
  }).map(part => part.data)"""

# Cells of the usage table that name a conversation: all of one leads there.
OUT_OF_REACH = """() => {
  const cells = [...document.querySelectorAll(".figures th:has(a)")];
  if (!cells.length) return ["no conversation"];
  return cells.filter(cell => {
    cell.scrollIntoView({ block: "center" });
    const { left, top, width, height } = cell.getBoundingClientRect();
    const corners = [[left + 2, top + 2], [left + width - 2, top + height - 2]];
    return height < 24 || !corners.every(([x, y]) => document.elementFromPoint(x, y).closest("a"));
  }).map(cell => cell.outerHTML);
}"""


async def fits(page: Page) -> None:
    assert await page.evaluate(SIDEWAYS) == [], page.url
    assert await page.evaluate(OUTSIDE) == [], page.url


@ON_SQLITE
async def test_every_page_fits_every_window(
    site: Site, tab: TabMaker, window: WindowMaker, upstream: Upstream
) -> None:
    page = await tab(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    held = asyncio.Event()
    upstream.will(Answer([AWKWARD, "\n\nEnd."], held=held))
    await send(page, f"{LONG}\n\n{LONG}")
    await says(page, "Column 19", state="streaming")
    for width, height in SIZES:
        await page.set_viewport_size({"width": width, "height": height})
        await fits(page)
    held.set()
    await answered(page)
    upstream.will(Answer(status=401, error={"message": "no"}))
    await send(page, "Once more")
    await page.wait_for_selector("[data-state=failed]")

    paths = [page.url, "/", "/conversations", "/account", "/account/usage"]
    paths += ["/conversations/nothing", "/presets", "/billing", "/account/instructions"]
    paths += ["/account/keys", "/account/files", "/account/deletion"]
    await _fit_at_every_size(page, site, paths)
    await page.goto(site.base + "/account/keys")
    for width, height in SIZES:
        await page.set_viewport_size({"width": width, "height": height})
        assert await page.evaluate(BROKEN_HOSTS) == []
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.goto(site.base + "/account/usage")
    assert await page.evaluate(OUT_OF_REACH) == []
    stranger = await (await window(reduced_motion="reduce")).new_page()
    await _fit_at_every_size(stranger, site, ["/", "/login", "/register"])


async def test_the_history_is_a_sheet_on_a_phone(tab: TabMaker) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    page = await tab(**phone, reduced_motion="reduce")
    assert not await page.is_visible(".sidebar")

    await page.tap(".fold")
    await page.wait_for_selector(".sidebar:visible")
    await fits(page)
    await page.touchscreen.tap(380, 600)

    await page.wait_for_selector(".sidebar", state="hidden")


async def test_at_four_hundred_percent_everything_can_be_reached(
    tab: TabMaker, upstream: Upstream
) -> None:
    """A window of 1,280 by 800 at 400 % is one of 320 by 200."""
    page = await tab(viewport={"width": 320, "height": 200}, device_scale_factor=4)
    await fits(page)
    upstream.will(Answer([AWKWARD]))
    await send(page, "Write")
    await answered(page)

    await fits(page)
    for part in (".title h1 button", "[data-role=user] .bubble", "[data-copy]", BOX, "#model"):
        one = page.locator(part).first
        await one.scroll_into_view_if_needed()
        place = await one.bounding_box()
        assert place and place["y"] >= 0 and place["y"] + min(place["height"], 30) <= 201, part
    await page.click(".send", trial=True)


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_a_line_is_never_longer_than_one_likes_to_read(
    tab: TabMaker, upstream: Upstream, size: tuple[int, int]
) -> None:
    page = await tab(viewport={"width": size[0], "height": size[1]})
    upstream.will(Answer(["A line of prose as it is met in books, and longer. " * 20]))
    await send(page, "Write")
    await answered(page)

    column = await page.locator("[data-reply] [data-part=text]").bounding_box()
    box = await page.locator("#composer").bounding_box()

    assert column and box
    assert min(500, size[0] - 80) <= column["width"] <= 640
    assert abs((column["x"] + column["width"] / 2) - (box["x"] + box["width"] / 2)) <= 2


async def _fit_at_every_size(page: Page, site: Site, paths: list[str]) -> None:
    for path in paths:
        await page.goto(path if path.startswith("http") else site.base + path)
        for width, height in SIZES:
            await page.set_viewport_size({"width": width, "height": height})
            await fits(page)
