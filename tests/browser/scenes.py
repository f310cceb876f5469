"""Conversations in the states that are seldom seen, for pictures."""

import asyncio
from typing import Any

from playwright.async_api import Page

from tests.attachments.made import encoded, pdf_by_reportlab, scene
from tests.browser.camera import Camera
from tests.browser.chromium import BOX, answered, says
from tests.rows import change
from tests.sides import GUIDE, LARGE
from tests.site import Site
from tests.upstream import Answer, Thought, Upstream

PROSE = "Lisbon. It has been the capital since 1255, when the court moved there from Coimbra."
THOUGHTS = [
    Thought("The question is about the capital. It was Guimarães first, then Coimbra."),
    Thought("\n\nSo the year matters: 1255, under Afonso III. I should say both."),
]
BUSY = Answer(status=429, error={"message": "slow down"})
NOTES = "The minutes of our meeting. " * 40
FILES = [
    ("Harbour at dusk.png", encoded(scene(1200, 800), "PNG")),
    ("Minutes of the meeting in Lisbon, third draft.pdf", pdf_by_reportlab(NOTES[:80], NOTES[:80])),
    ("notes.txt", NOTES.encode()),
]


async def send(page: Page, text: str) -> None:
    await page.fill(BOX, text)
    await page.click(".send")


def given(*files: tuple[str, bytes]) -> Any:
    return [{"name": name, "mimeType": "", "buffer": data} for name, data in files]


async def thoughts(at: Camera, site: Site, upstream: Upstream) -> None:
    page, more, over = at.page, asyncio.Event(), asyncio.Event()
    await at.sign_up(site.base)
    upstream.will(Answer([*THOUGHTS, "Lisbon."], held=more))
    await send(page, "What is the capital of Portugal, and since when?")
    await page.wait_for_selector(".reasoning summary:visible")
    await at.shot("20-thinking")
    await page.click(".reasoning summary")
    await at.shot("20-thinking-unfolded")
    more.set()
    await answered(page)
    await at.shot("20-thought-unfolded")
    upstream.will(Answer([*THOUGHTS, PROSE, " Nothing"], held=over))
    await send(page, "And before that?")
    await says(page, "Coimbra")
    await at.shot("20-thought-and-writing")
    over.set()
    await answered(page, 2)
    await at.shot("20-thought")


async def versions(at: Camera, site: Site, upstream: Upstream) -> None:
    page = at.page
    await at.sign_up(site.base)
    upstream.will(Answer([PROSE]), Answer(["Lisbon, for seven hundred years and more."]))
    await send(page, "What is the capital of Portugal?")
    await answered(page)
    await page.locator(".reply form[action$='/retry'] button").click()
    await says(page, "seven hundred", "complete")
    await at.shot("21-versions")
    await page.locator(".actions >> text=Edit").click()
    await page.wait_for_selector("form.edit")
    await at.shot("21-edit")
    await page.locator("form.edit >> text=Cancel").click()
    await page.locator("form.edit").wait_for(state="detached")
    upstream.will(Answer([PROSE, "x"], held=asyncio.Event()))
    await send(page, "And of Spain?")
    await says(page, "Coimbra")
    await page.keyboard.press("Escape")
    await page.wait_for_selector("[data-state=stopped]")
    await at.shot("21-stopped")
    talk = page.url.split("/")[-1].split("?")[0]
    sql = """UPDATE replies SET since = (SELECT parent_id FROM messages WHERE id = replies.id)
              WHERE conversation_id = :talk AND state = 'stopped'"""
    await change(site, sql, talk=talk)
    await page.goto(f"{site.base}/conversations/{talk}")
    await at.shot("21-boundary")
    await page.goto(f"{site.base}/conversations/{talk}/instructions")
    await at.whole("21-instructions")


async def files(at: Camera, site: Site, upstream: Upstream) -> None:
    page, going = at.page, asyncio.Event()
    await at.sign_up(site.base)
    field = page.locator("input[name=files]")
    await field.set_input_files(given(*FILES))
    await page.wait_for_function("() => document.querySelectorAll('#chips [data-id]').length > 2")

    async def hold(route: Any) -> None:
        await going.wait()
        await route.abort()

    await page.route("**/attachments", hold)
    await field.set_input_files(given(("Interview with the harbour master.mp3", b"x" * 400_000)))
    await page.wait_for_selector(".chip progress")
    await page.fill(BOX, "What is in these?")
    await page.click(".send")
    await at.shot("22-chips-going")
    going.set()
    await page.wait_for_selector(".chip.failed")
    await page.unroute("**/attachments")
    large = "label => { label.dataset.mostBytes = 3 }"
    await page.locator("[data-attach]").evaluate(large)
    await field.set_input_files(given(("film.mkv", b"12345")))
    await at.shot("22-chips-failed")
    for _ in range(2):
        await page.locator(".chip.failed [aria-label^=Remove]").first.click()
    await at.shot("22-chips")
    upstream.will(Answer(["A harbour, the minutes of a meeting, and some notes."]))
    await page.click(".send")
    await answered(page)
    await page.wait_for_load_state("networkidle")
    await at.shot("22-files")
    await at.visit(site.base, **{"22_my_files": "/account/files"})
    await page.go_back()
    await page.locator(".picture img").dispatch_event("error")
    await page.wait_for_selector(".missing")
    await at.shot("22-missing")
    await page.locator(".card >> text=What the model reads").last.click()
    await at.shot("22-text")


async def sides(at: Camera, site: Site, upstream: Upstream) -> None:
    page, held = at.page, asyncio.Event()
    await at.sign_up(site.base)
    upstream.will(
        Answer([*THOUGHTS, PROSE, " Nobody."], held=held, model="tiny"),
        *[Answer(status=429, error={"message": "slow down"}, model="large")] * 3,
    )
    await page.click(".compare > button")
    await page.locator("#compare select").nth(0).select_option(LARGE)
    await page.locator("#compare select").nth(1).select_option(GUIDE)
    await page.keyboard.press("Escape")
    await at.shot("23-three-asked")
    await send(page, "What is the capital of Portugal?")
    await page.wait_for_selector(".side:nth-child(2) [data-state=failed]", state="attached")
    await page.wait_for_selector(".side:nth-child(3) [data-state=complete]", state="attached")
    await at.shot("23-three")
    if at.size == "phone":
        await page.locator(".side > label").nth(1).click()
        await at.shot("23-three-failed")
        await page.locator(".side > label").first.click()
    held.set()
    await page.wait_for_selector("#send .send")
    await at.shot("23-three-ended")
    await page.locator(".choose button:visible").first.click() if at.size != "phone" else None
    await page.wait_for_load_state()
    await at.shot("23-chosen")
    upstream.will(Answer([PROSE]))
    await send(page, "And then?")
    await says(page, "Coimbra", "complete")
    await page.reload()
    await page.click("details.others > summary")
    await page.locator("details.others").evaluate("part => part.scrollIntoView()")
    await at.shot("23-others")


async def plain(at: Camera, site: Site, upstream: Upstream) -> None:
    """Without scripts."""
    page, held = at.page, asyncio.Event()
    await at.sign_up(site.base)
    await at.shot("24-plain-new")
    upstream.will(Answer([*THOUGHTS, PROSE, " The end."], held=held))
    await page.set_input_files("input[name=files]", given(*FILES))
    await page.fill(BOX, "What is the capital of Portugal?")
    await page.click(".send", no_wait_after=True)
    await page.wait_for_selector(".tail:has-text('Lisbon')")
    await at.shot("24-plain-writing")
    held.set()
    await page.wait_for_selector("form#composer")
    await at.shot("24-plain")
