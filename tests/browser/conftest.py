"""A browser for all tests; each test has windows of its own."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page

from tests.browser.chromium import started
from tests.needs import require
from tests.people import PASSWORD, Person
from tests.site import Site
from tests.upstream import Upstream

WindowMaker = Callable[..., Awaitable[BrowserContext]]
TabMaker = Callable[..., Awaitable[Page]]
PATIENCE = 30_000  # milliseconds: nothing here takes longer when it works


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    require("chromium")
    async with started() as found:
        yield found


@pytest.fixture(autouse=True)
def _nothing_left_over(upstream: Upstream) -> Iterator[None]:
    """A test that fails leaves no answers to the next one."""
    yield
    upstream.answers.clear()


@pytest.fixture
async def window(browser: Browser) -> AsyncIterator[WindowMaker]:
    """`await window(person)`: a browser of that person's, signed in like them; or nobody's."""
    made: list[BrowserContext] = []

    async def make(person: Person | None = None, **options: Any) -> BrowserContext:
        context = await browser.new_context(**options)
        made.append(context)
        context.set_default_timeout(PATIENCE)
        if person:
            await context.request.post(
                f"{person.base}/login",
                form={"email": person.email, "password": PASSWORD},
                headers={"Origin": person.base},
            )
        return context

    yield make
    for context in made:
        await context.close()


@pytest.fixture
async def tab(window: WindowMaker, ada: Person, site: Site) -> TabMaker:
    """`await tab("/conversations")`: a page of Ada's, in a window of its own."""

    async def make(path: str = "/", **options: Any) -> Page:
        page = await (await window(ada, **options)).new_page()
        await page.goto(site.base + path)
        return page

    return make
