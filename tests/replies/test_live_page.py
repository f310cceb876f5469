"""Without scripts: a page that is kept open and written as the reply grows."""

import asyncio
from collections.abc import AsyncIterator

from bs4 import BeautifulSoup

from tests.people import Answer as Page
from tests.people import Person, conversation_of, reply_of
from tests.raw import ask, written
from tests.rows import rows, until
from tests.screen import normal
from tests.site import Site
from tests.upstream import Answer, Upstream

TEXT = ["# A story\n\n", "Once upon ", "a time.\n\n", "They lived. ", "THE END"]


def live(sent: Page) -> str:
    return f"/conversations/{conversation_of(sent)}/live"


async def read_until(page: AsyncIterator[str], mark: str) -> str:
    seen = ""
    async for piece in page:
        seen += piece
        if mark in seen:
            return seen
    raise AssertionError(f"the page ended without {mark}: {seen}")


async def the_rest(page: AsyncIterator[str]) -> str:
    return "".join([piece async for piece in page])


async def test_the_reply_is_seen_growing(site: Site, ada: Person, upstream: Upstream) -> None:
    more, held = asyncio.Event(), asyncio.Event()
    upstream.will(Answer(TEXT, held=held, waits={3: more}))
    sent = await ada.send("Tell me a story")

    page = written(ada, live(sent))
    early = await read_until(page, "Once upon")
    more.set()
    grown = await read_until(page, "They lived.")
    held.set()
    rest = await the_rest(page)

    assert "They lived." not in early
    assert "THE END" not in early + grown
    assert "THE END" in rest
    found = BeautifulSoup(early + grown + rest, "html.parser")
    text = found.select_one("[data-reply] [data-part=text]")
    assert text is not None
    for tail in text.select(".tail"):
        tail.decompose()
    sql = "SELECT html FROM messages WHERE id = :id"
    stored = (await rows(site, sql, id=reply_of(sent)))[0]["html"]
    assert "".join(normal(text.decode_contents()).split()) == "".join(normal(stored).split())


async def test_it_begins_with_a_stop_button_and_ends_with_a_composer(
    ada: Person, upstream: Upstream
) -> None:
    held = asyncio.Event()
    upstream.will(Answer(TEXT, held=held))
    sent = await ada.send("Tell me a story")

    page = written(ada, live(sent))
    begun = await read_until(page, "They lived.")
    held.set()
    rest = await the_rest(page)

    head = BeautifulSoup(begun, "html.parser")
    assert head.select_one(f"form[method=post][action='/replies/{reply_of(sent)}/stop'] button")
    assert head.select_one("#composer") is None
    assert rest.rstrip().endswith("</html>")
    whole = BeautifulSoup(begun + rest, "html.parser")
    composer = whole.select_one("#composer")
    assert composer is not None
    assert composer["action"] == f"/conversations/{conversation_of(sent)}/messages"
    assert composer.select_one("select[name=model] option[selected]") is not None
    assert composer.select_one("#send .stop") is None


async def test_stopping_ends_the_page_with_what_had_arrived(
    ada: Person, upstream: Upstream
) -> None:
    upstream.will(Answer(TEXT, held=asyncio.Event()))
    sent = await ada.send("Tell me a story")
    page = written(ada, live(sent))
    begun = await read_until(page, "They lived.")

    await ada.post(f"/replies/{reply_of(sent)}/stop")
    rest = await the_rest(page)

    outcome = BeautifulSoup(begun + rest, "html.parser").select_one(".outcome")
    assert outcome is not None and outcome["data-state"] == "stopped"
    assert "THE END" not in rest


async def test_a_failure_is_told_at_the_end(ada: Person, upstream: Upstream) -> None:
    upstream.will(Answer(TEXT, pause=0.05, cut=True))
    sent = await ada.send("Tell me a story")

    page = await the_rest(written(ada, live(sent)))

    outcome = BeautifulSoup(page, "html.parser").select_one(".outcome")
    assert outcome is not None and outcome["data-state"] == "failed"
    assert outcome.select_one(f"form[action='/replies/{reply_of(sent)}/retry'] button") is not None


async def test_without_scripts_a_running_conversation_leads_there(
    ada: Person, upstream: Upstream
) -> None:
    held = asyncio.Event()
    upstream.will(Answer(TEXT, held=held))
    sent = await ada.send("Tell me a story")

    running = await ada.get(f"/conversations/{conversation_of(sent)}")
    held.set()
    await ada.watched(reply_of(sent))
    finished = await ada.get(f"/conversations/{conversation_of(sent)}")
    over = await ask(ada, "GET", live(sent))

    assert running.one("noscript meta[http-equiv=refresh]")["content"] == f"0;url={live(sent)}"
    assert finished.html.select_one("meta[http-equiv=refresh]") is None
    assert over.status == 303
    assert over.headers["Location"] == f"/conversations/{conversation_of(sent)}"


async def test_a_page_of_what_is_deleted_ends(ada: Person, upstream: Upstream) -> None:
    upstream.will(Answer(TEXT, held=asyncio.Event()))
    sent = await ada.send("Tell me a story")
    page = written(ada, live(sent))
    await read_until(page, "They lived.")

    await ada.post(f"/conversations/{conversation_of(sent)}/deletion")
    rest = await the_rest(page)

    assert "THE END" not in rest
    assert "composer" not in rest


async def test_a_look_at_the_head_waits_for_nothing(ada: Person, upstream: Upstream) -> None:
    held = asyncio.Event()
    upstream.will(Answer(TEXT, held=held))
    sent = await ada.send("Tell me a story")

    async with asyncio.timeout(10):
        looked = await ask(ada, "HEAD", live(sent))
    held.set()

    assert looked.status == 200
    assert looked.text == ""
    await ada.watched(reply_of(sent))


async def test_nobody_who_leaves_keeps_a_place(site: Site, ada: Person, upstream: Upstream) -> None:
    """The page that is closed frees its place among the open streams."""
    held = asyncio.Event()
    upstream.will(Answer(TEXT, held=held))
    sent = await ada.send("Tell me a story")
    page = written(ada, live(sent))
    await read_until(page, "They lived.")
    opened = site.app.extensions["streams"]._open.total()

    await page.aclose()

    async def freed() -> bool:
        return bool(site.app.extensions["streams"]._open.total() < opened)

    await until(freed, within=15)
    held.set()
    await ada.watched(reply_of(sent))
