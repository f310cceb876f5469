"""Pictures of every page, light and dark, phone to wide: `make screenshots`.

They land in screenshots/; the one that the README shows in static/conversation.png.
"""

import asyncio
import secrets
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from playwright.async_api import Browser, Page

from tests import site as sites
from tests import upstream as upstreams
from tests.browser.chromium import BOX, answered, sign_up, started
from tests.site import Site
from tests.upstream import Answer, Upstream

FOLDER = Path("screenshots")
README = Path("static/conversation.png")
SHOWN = "8-code-desk-light.png"
SIZES = {"phone": (390, 844), "desk": (1280, 800), "wide": (1920, 1080)}
Shot = Callable[[str], Awaitable[None]]
PASSWORD = "correct horse battery"
SHORT = "Lisbon. It has been the capital since 1255, when the court moved there from Coimbra."
LONG = """## A small cache

You can keep the last results of a slow function with `functools.lru_cache`, but it has
no *time limit*. This one forgets after a while:

```python
import time
from functools import wraps

def cached(seconds):
    \"\"\"Keep each result for so many seconds.\"\"\"
    def decorate(function):
        kept = {}

        @wraps(function)
        def call(*args):
            now = time.monotonic()
            if args not in kept or now - kept[args][0] > seconds:
                kept[args] = now, function(*args)
            return kept[args][1]
        return call
    return decorate
```

What it costs, for ten thousand calls:

| way | hits | time |
|:--|--:|--:|
| none | 0 | 41.2 s |
| `lru_cache` | 9,990 | 0.04 s |
| `cached(60)` | 9,990 | 0.05 s |

Three things to know before you use it:

1. The arguments must be *hashable*.
2. Nothing is ever thrown away, only replaced; with many different arguments **memory grows**.
3. Two threads may both compute the same value once.

> Premature optimisation is the root of all evil.

Its error shrinks as $1/\\sqrt{n}$, by the way.
"""


async def main() -> int:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with (
            upstreams.running() as upstream,
            sites.running(Path(folder), {"OPENAI_BASE_URL": upstream.url}) as site,
            started() as browser,
        ):
            for theme in ("light", "dark"):
                for size in SIZES:
                    await _round(browser, site, upstream, theme, size)
    print(f"{len(list(FOLDER.glob('*.png')))} pictures in {FOLDER}/")
    return 0


async def _round(browser: Browser, site: Site, upstream: Upstream, theme: str, size: str) -> None:
    width, height = SIZES[size]
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        has_touch=size == "phone",
        reduced_motion="reduce",
    )
    page = await context.new_page()

    async def shot(name: str) -> None:
        await page.wait_for_timeout(150)  # fonts and transitions: a picture, not a test
        path = FOLDER / f"{name}-{size}-{theme}.png"
        await page.screenshot(path=path)
        if path.name == SHOWN:
            shutil.copy(path, README)

    for name, path in (("1-welcome", "/"), ("2-register", "/register"), ("3-login", "/login")):
        await page.goto(site.base + path)
        await shot(name)
    await sign_up(page, site.base, f"ada.{secrets.token_hex(3)}@example.com", PASSWORD)
    await shot("4-new")
    await _conversations(page, upstream, shot_as=shot)
    pages = {"10-history": "/conversations", "11-account": "/account"}
    for name, path in {**pages, "11-usage": "/account/usage"}.items():
        await page.goto(site.base + path)
        await shot(name)
    await page.goto(f"{site.base}/conversations/nothing")
    await shot("12-absent")
    await context.close()


async def _conversations(page: Page, upstream: Upstream, shot_as: Shot) -> None:
    base = page.url.rstrip("/")
    upstream.will(Answer([SHORT]))
    await _send(page, "What is the capital of Portugal?")
    await answered(page)
    await shot_as("5-short")
    await page.click(".title h1 button")
    await shot_as("5-menu")
    await page.keyboard.press("Escape")
    await page.click("#model")
    await shot_as("5-picker")
    await page.keyboard.press("Escape")
    await _side_by_side(page, upstream, shot_as)
    await page.goto(base)
    await page.wait_for_selector(BOX)
    held = asyncio.Event()
    middle = LONG.index("if args not in")
    upstream.will(Answer([LONG[:middle], LONG[middle:]], held=held))
    await _send(page, "Write me a cache decorator that forgets, and compare it with lru_cache.")
    await page.wait_for_selector("[data-part=text] figure")
    await shot_as("6-streaming")
    held.set()
    await answered(page)
    await shot_as("7-long")
    await page.locator(".prose h2").evaluate("heading => heading.scrollIntoView()")
    await page.locator(".scroll").evaluate("box => { box.scrollTop -= 130 }")
    await shot_as("8-code")
    upstream.will(Answer(status=429, error={"message": "slow down"}), *[
        Answer(status=429, error={"message": "slow down"})] * 2)  # fmt: skip
    await _send(page, "And with asyncio?")
    await answered(page, 2)
    await shot_as("9-failed")


async def _side_by_side(page: Page, upstream: Upstream, shot_as: Shot) -> None:
    held = asyncio.Event()
    upstream.will(
        Answer([SHORT, " Nobody"], held=held, model="tiny"), Answer([LONG], model="large")
    )
    await page.click(".compare > button")
    await page.locator("#compare select").first.select_option("openai/large")
    await shot_as("5-compare")
    await page.keyboard.press("Escape")
    await _send(page, "And what is the difference?")
    await page.wait_for_selector(".side:nth-child(2) [data-state=complete]", state="attached")
    await page.locator(".sides").evaluate("columns => columns.scrollIntoView()")
    await shot_as("5-sides")
    held.set()
    await page.wait_for_selector("#send .send")


async def _send(page: Page, text: str) -> None:
    await page.fill(BOX, text)
    await page.click(".send")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
