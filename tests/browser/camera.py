"""A browser window of one size whose pictures are taken twice: light and dark."""

import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, Page

from tests.browser.chromium import sign_up
from tests.people import PASSWORD

FOLDER = Path("screenshots")
README = Path("static/conversation.png")
SHOWN = "8-code-desk-light.png"
SIZES = {"phone": (390, 844), "desk": (1280, 800), "wide": (1920, 1080)}
LONGEST = 6_000  # pixels: a picture of a whole page is no taller


@dataclass
class Camera:
    """`email`: of whoever signed up last."""

    page: Page
    size: str
    email: str = ""

    async def shot(self, name: str) -> None:
        """What the window shows."""
        for theme in ("dark", "light"):
            await self.page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
            await self.page.wait_for_timeout(150)  # fonts and transitions: a picture, not a test
            path = FOLDER / f"{name}-{self.size}-{theme}.png"
            await self.page.screenshot(path=path)
            if path.name == SHOWN:
                shutil.copy(path, README)

    async def whole(self, name: str) -> None:
        """All of a page that scrolls."""
        width, height = SIZES[self.size]
        tall = await self.page.eval_on_selector("main", "main => main.scrollHeight")
        await self.page.set_viewport_size(
            {"width": width, "height": max(height, min(tall, LONGEST))}
        )
        await self.shot(name)
        await self.page.set_viewport_size({"width": width, "height": height})

    async def visit(self, base: str, **pages: str) -> None:
        """Pictures of whole pages; names to paths."""
        for name, path in pages.items():
            await self.page.goto(base + path)
            await self.whole(name.replace("_", "-"))

    async def sign_up(self, base: str) -> str:
        """Somebody new; their address."""
        self.email = f"ada.{secrets.token_hex(3)}@example.com"
        await sign_up(self.page, base, self.email, PASSWORD)
        return self.email


@asynccontextmanager
async def camera(browser: Browser, size: str, *, scripts: bool = True) -> AsyncIterator[Camera]:
    width, height = SIZES[size]
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        has_touch=size == "phone",
        is_mobile=size == "phone",
        java_script_enabled=scripts,
        reduced_motion="reduce",
    )
    yield Camera(await context.new_page(), size)
    await context.close()
