"""Pictures of every page, light and dark, phone to wide: `make screenshots`.

They land in screenshots/; the one that the README shows in static/conversation.png. Names of scenes
draw those alone: `python -m tests.browser.screenshots thoughts billing`.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import site as sites
from tests import upstream as upstreams
from tests.allowance.conftest import plans_file
from tests.browser import scenes, scenes_account
from tests.browser.camera import FOLDER, SIZES, Camera, camera
from tests.browser.chromium import BOX, answered, started
from tests.browser.scenes import BUSY, PROSE, send
from tests.conversations.test_picker import file_of, offering
from tests.sides import LARGE, TINY
from tests.site import Site
from tests.stripe import world as stripe_worlds
from tests.upstream import Answer, Upstream

Scene = Callable[[Camera, Site, Upstream], Awaitable[None]]
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

TOLD = f"""
[models."{TINY}"]
name = "Tiny"
note = "Quick, for everyday questions"
price = {{ input = 2.5, output = 10.0 }}
[models."{LARGE}"]
name = "Large"
note = "Thorough, for what is hard"
reasons = true
sees_images = true
context = 200000
"""


@dataclass(frozen=True)
class Houses:
    """Three installations. `sold`: with plans, prices and Stripe; `many`: with a long picker."""

    usual: Site
    sold: Site
    many: Site


def _scenes(houses: Houses) -> dict[str, tuple[Scene, Site]]:
    usual, sold = houses.usual, houses.sold
    return {
        "doors": (doors, usual),
        "talks": (talks, usual),
        "compare": (compare, usual),
        "thoughts": (scenes.thoughts, usual),
        "versions": (scenes.versions, usual),
        "files": (scenes.files, usual),
        "sides": (scenes.sides, usual),
        "account": (scenes_account.account, sold),
        "allowance": (scenes_account.allowance, sold),
        "long_list": (scenes_account.long_list, houses.many),
        "held": (scenes_account.held, usual),
        "billing": (scenes_account.billing, sold),
    }


async def main(names: list[str]) -> int:
    FOLDER.mkdir(exist_ok=True)
    async with upstreams.running() as upstream, installed(upstream) as houses, started() as browser:
        wanted = {**_scenes(houses), "plain": (scenes.plain, houses.usual)}
        for size in SIZES:
            for name, (scene, site) in wanted.items():
                rare = size == "wide" and name not in ("doors", "talks", "compare")
                if rare or (names and name not in names):
                    continue
                async with camera(browser, size, scripts=name != "plain") as at:
                    await scene(at, site, upstream)
                upstream.answers.clear()
    print(f"{len(list(FOLDER.glob('*.png')))} pictures in {FOLDER}/")
    return 0


@asynccontextmanager
async def installed(upstream: Upstream) -> AsyncIterator[Houses]:
    async with AsyncExitStack() as stack:

        async def make(**env: str) -> Site:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            given = {"OPENAI_BASE_URL": upstream.url, **env}
            site = await stack.enter_async_context(sites.running(folder, given))
            await offering(site, LARGE)
            return site

        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        world = await stack.enter_async_context(stripe_worlds.running())
        stripe = await stack.enter_async_context(stripe_worlds.an_account(world))
        models = file_of(folder, 30, TOLD)
        few = folder / "few.toml"
        few.write_text(TOLD)
        plan = plans_file(folder, 'messages = 20\nmodels = ["*/tiny", "guide/*"]')
        paid = stripe.settings(await stripe.price(1900))
        text = Path(plan["PLANS_FILE"]).read_text().replace("price_1", paid["STRIPE_PRICE_ID"])
        Path(plan["PLANS_FILE"]).write_text(text)
        sold = await make(MODELS_FILE=str(few), **plan, **paid)
        yield Houses(usual=await make(), sold=sold, many=await make(MODELS_FILE=models))


async def doors(at: Camera, site: Site, upstream: Upstream) -> None:
    """The ways in, and the pages that are there for everybody."""
    await at.page.goto(site.base)
    await at.shot("1-welcome")
    await at.page.goto(site.base + "/register")
    await at.shot("2-register")
    await at.page.goto(site.base + "/login")
    await at.shot("3-login")
    await at.sign_up(site.base)
    await at.shot("4-new")
    await at.page.goto(f"{site.base}/conversations/nothing")
    await at.shot("12-absent")


async def talks(at: Camera, site: Site, upstream: Upstream) -> None:
    page = at.page
    await at.sign_up(site.base)
    upstream.will(Answer([PROSE]))
    await send(page, "What is the capital of Portugal?")
    await answered(page)
    await at.shot("5-short")
    await page.click(".title h1 button")
    await at.shot("5-menu")
    await page.keyboard.press("Escape")
    await page.click("#model")
    await at.shot("5-picker")
    await page.goto(site.base)
    await page.wait_for_selector(BOX)
    await _long_one(at, upstream)
    for name, path in {"10-history": "/conversations", "11-account": "/account"}.items():
        await page.goto(site.base + path)
        await at.shot(name)
    await page.goto(site.base + "/account/usage")
    await at.shot("11-usage")
    if at.size == "phone":
        await page.goto(site.base)
        await page.click(".fold")
        await at.shot("10-sheet")


async def _long_one(at: Camera, upstream: Upstream) -> None:
    page, held = at.page, asyncio.Event()
    middle = LONG.index("if args not in")
    upstream.will(Answer([LONG[:middle], LONG[middle:]], held=held))
    await send(page, "Write me a cache decorator that forgets, and compare it with lru_cache.")
    await page.wait_for_selector("[data-part=text] figure")
    await at.shot("6-streaming")
    held.set()
    await answered(page)
    await at.shot("7-long")
    await page.locator(".prose h2").evaluate("heading => heading.scrollIntoView()")
    await page.locator(".scroll").evaluate("box => { box.scrollTop -= 146 }")
    await at.shot("8-code")
    upstream.will(BUSY, BUSY, BUSY)
    await send(page, "And with asyncio?")
    await answered(page, 2)
    await at.shot("9-failed")


async def compare(at: Camera, site: Site, upstream: Upstream) -> None:
    page, held = at.page, asyncio.Event()
    await at.sign_up(site.base)
    upstream.will(
        Answer([PROSE, " Nobody"], held=held, model="tiny"), Answer([LONG], model="large")
    )
    await page.click(".compare > button")
    await page.locator("#compare select").first.select_option(LARGE)
    await at.shot("5-compare")
    await page.keyboard.press("Escape")
    await send(page, "And what is the difference?")
    await page.wait_for_selector(".side:nth-child(2) [data-state=complete]", state="attached")
    await page.locator(".sides").evaluate("columns => columns.scrollIntoView()")
    await at.shot("5-sides")
    held.set()
    await page.wait_for_selector("#send .send")


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
