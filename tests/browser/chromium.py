"""Debian's Chromium, driven by Playwright."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, Locator, Page, async_playwright

from tests.needs import NEEDS

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
BOX = "textarea[name=text]"
WRITING = "[data-reply]:is([data-state=pending], [data-state=streaming])"
ENDED = "[data-reply]:not([data-state=pending], [data-state=streaming])"


@asynccontextmanager
async def started() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=NEEDS["chromium"].path, args=ARGUMENTS
        )
        try:
            yield browser
        finally:
            await browser.close()


async def sign_up(page: Page, base: str, email: str, password: str) -> None:
    await page.goto(f"{base}/register")
    await page.fill("[name=email]", email)
    await page.fill("[name=password]", password)
    await page.press("[name=password]", "Enter")
    await page.wait_for_selector(BOX)
    await page.wait_for_load_state()  # before its scripts have run, Enter only breaks the line


async def send(page: Page, text: str) -> None:
    await page.fill(BOX, text)
    await page.press(BOX, "Enter")


async def answered(page: Page, count: int = 1) -> None:
    """Waits until `count` replies stand in their final form."""
    await page.wait_for_function(
        "([selector, n]) => document.querySelectorAll(selector).length >= n",
        arg=[ENDED, count],
    )


def reply(page: Page) -> Locator:
    """The text of the newest reply."""
    return page.locator("[data-reply]").last.locator("[data-part=text]")


async def says(page: Page, words: str, state: str = "", within: float | None = None) -> None:
    """Waits until the newest reply, in that state if one is named, shows these words.

    `within`: seconds, for what takes long by itself.
    """
    await page.wait_for_function(
        """([words, state]) => {
          const reply = [...document.querySelectorAll("[data-reply]")].at(-1);
          return reply && (!state || reply.dataset.state === state)
            && reply.querySelector("[data-part=text]")?.textContent.includes(words);
        }""",
        arg=[words, state],
        timeout=within and within * 1000,
    )


async def reply_id(page: Page) -> str:
    return await page.locator("[data-reply]").last.get_attribute("data-reply") or ""


async def settled(page: Page) -> str:
    """The inside of the newest reply's text, without the buttons that a script put there."""
    found = await reply(page).evaluate(
        """text => {
          const copy = text.cloneNode(true);
          copy.querySelectorAll("[data-copy]").forEach(button => button.remove());
          return copy.innerHTML;
        }"""
    )
    return str(found)
