"""Files in a browser: chosen, dropped, pasted, removed, sent; on a phone; without scripts."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import Page

from tests.attachments.pictures import photo, understand_images
from tests.browser.chromium import BOX, answered
from tests.browser.conftest import TabMaker
from tests.conftest import ON_SQLITE
from tests.site import Site

pytestmark = [pytest.mark.browser, ON_SQLITE]
NEEDS_WORDS = "() => document.querySelector('#composer textarea').matches(':invalid')"
GIVE = """([kind, name, type, bytes]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([new Uint8Array(bytes)], name, { type }));
  const target = document.querySelector("#composer textarea");
  const event = kind === "paste"
    ? new ClipboardEvent(kind, { clipboardData: transfer, bubbles: true, cancelable: true })
    : new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true });
  target.dispatchEvent(event);
}"""


async def give(page: Page, kind: str, name: str, type: str, data: bytes) -> None:
    await page.evaluate(GIVE, [kind, name, type, list(data)])


async def chips(page: Page, count: int) -> list[str]:
    """Names of the chips, once there are so many that have arrived."""
    await page.wait_for_function(
        "n => document.querySelectorAll('#chips [data-id]').length === n", arg=count
    )
    return await page.locator("#chips [data-id] bdi").all_inner_texts()


def chosen(name: str, data: bytes) -> Any:
    return {"name": name, "mimeType": "", "buffer": data}


async def test_files_are_chosen_dropped_pasted_removed_and_sent(
    site: Site, tab: TabMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    understand_images(monkeypatch)
    page = await tab("/", viewport={"width": 390, "height": 844}, has_touch=True)
    field = page.locator("input[name=files]")
    await field.set_input_files([chosen("notes.txt", b"a note"), chosen("list.csv", b"a;b")])
    assert await chips(page, 2) == ["notes.txt", "list.csv"]
    await give(page, "paste", "image.png", "image/png", photo(colour="peru"))
    await give(page, "dragover", "x", "", b"")
    assert "dropping" in (await page.get_attribute("#composer", "class") or "")
    await give(page, "drop", "sea.png", "image/png", photo(90, 160))
    assert await chips(page, 4) == ["notes.txt", "list.csv", "image.png", "sea.png"]
    assert await page.locator("#chips img").count() == 2
    blind = page.locator(".blind")
    assert await blind.is_visible()
    assert "cannot see images" in await blind.inner_text()

    await page.click("#chips [aria-label='Remove list.csv']")
    assert await chips(page, 3) == ["notes.txt", "image.png", "sea.png"]
    large = site.settings.limit_upload_mb * 1_000_000 + 1
    await give(page, "drop", "empty.txt", "text/plain", b"")
    await page.evaluate(
        """most => {
          const file = new File([new ArrayBuffer(most)], "film.mkv");
          const transfer = new DataTransfer();
          transfer.items.add(file);
          document.querySelector("#composer").dispatchEvent(
            new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
        }""",
        large,
    )
    failed = await page.locator(".chip.failed small").all_inner_texts()
    assert failed == ["is empty", "too large: at most 20 MB"]

    await page.reload()
    assert await chips(page, 3) == ["notes.txt", "image.png", "sea.png"]
    await page.fill(BOX, "Look at these")
    await page.click(".send")
    await answered(page)
    pictures = page.locator("[data-role=user] .picture img")
    assert await pictures.count() == 2
    await page.wait_for_function(
        """() => [...document.querySelectorAll(".picture img")].every(
             image => image.complete && image.naturalWidth)"""
    )
    assert await pictures.first.get_attribute("loading") == "lazy"
    assert await page.locator("[data-role=user] .card a bdi").inner_text() == "notes.txt"
    assert await page.locator("#chips .chip").count() == 0
    overflow = "() => document.documentElement.scrollWidth - innerWidth"
    assert await page.evaluate(overflow) <= 0
    await page.reload()
    assert await page.locator("#chips .chip").count() == 0

    card = page.locator(".card >> text=What the model reads")
    await card.click()
    assert await page.locator("pre").inner_text() == "a note"


async def test_send_waits_for_what_is_on_its_way_and_a_failure_can_be_tried_again(
    tab: TabMaker,
) -> None:
    page = await tab()
    going, asked = asyncio.Event(), asyncio.Event()

    async def hold(route: Any) -> None:
        asked.set()
        await going.wait()
        await route.continue_()

    await page.route("**/attachments", hold)
    await page.fill(BOX, "With a file")
    await page.set_input_files("input[name=files]", chosen("slow.txt", b"slowly"))
    await asked.wait()
    assert await page.locator(".chip progress").count() == 1
    await page.press(BOX, "Enter")
    await page.wait_for_selector(".waits:has-text('as soon as the files have arrived')")
    assert await page.locator(".message").count() == 0
    going.set()
    await answered(page)
    assert await page.locator("[data-role=user] .card bdi").inner_text() == "slow.txt"

    await page.unroute("**/attachments")
    await page.route("**/attachments", lambda route: route.abort())
    await page.set_input_files("input[name=files]", chosen("again.txt", b"again"))
    await page.wait_for_selector(".chip.failed:has-text('did not arrive')")
    await page.unroute("**/attachments")
    await page.click(".chip.failed >> text=Retry")
    assert await chips(page, 1) == ["again.txt"]
    assert await page.evaluate(NEEDS_WORDS) is False
    await page.press(BOX, "Enter")  # without a word
    await answered(page, 2)
    assert await page.evaluate(NEEDS_WORDS) is True
    await page.click(".send")  # nothing to send
    assert await page.locator("[data-role=user] .bubble:visible").all_inner_texts() == [
        "With a file"
    ]
    assert await page.locator("[data-role=user] .card bdi").all_inner_texts() == [
        "slow.txt",
        "again.txt",
    ]


async def test_the_form_alone_brings_files(tab: TabMaker) -> None:
    page = await tab("/", java_script_enabled=False)
    await page.set_input_files(
        "input[name=files]", [chosen("Relatório.txt", b"one"), chosen("b.txt", b"two")]
    )
    await page.fill(BOX, "Read both")
    await page.click(".send")

    await page.wait_for_selector("[data-reply] .actions form")
    names = await page.locator("[data-role=user] .card bdi").all_inner_texts()
    assert names == ["Relatório.txt", "b.txt"]
