"""A reply that another process writes: notes make it quick, rows make it whole."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from chat.providers import pace
from chat.replies import generations
from tests.databases import Installer, Server
from tests.people import Person, conversation_of, reply_of
from tests.rows import change, rows, state, text_of, until
from tests.screen import Screen
from tests.site import Site
from tests.upstream import Answer, Thought, Upstream

WORDS = [f"word{n} " for n in range(40)]


@pytest.fixture
async def pair(
    postgres: Server, upstream: Upstream, tmp_path: Path
) -> AsyncIterator[tuple[Site, Site]]:
    """Two installations that share a database: to it they are two processes."""
    installer = Installer(postgres)
    env = {"OPENAI_BASE_URL": upstream.url, **await installer.settings(tmp_path)}
    async with (
        installer.running(tmp_path / "one", env) as one,
        installer.running(tmp_path / "two", env) as two,
    ):
        yield one, two


@pytest.fixture
async def both(pair: tuple[Site, Site], people: Callable[..., Person]) -> tuple[Person, Person]:
    """The same person at each of them."""
    first = people(pair[0])
    await first.register()
    second = people(pair[1], first.email)
    await second.log_in()
    return first, second


def shown(events: list[Any]) -> str:
    final = next(event for event in reversed(events) if "data-state" in event.data)
    return str(final.html.select_one("[data-part=text]").get_text())


async def test_text_comes_by_notes_without_a_look_at_the_rows(
    pair: tuple[Site, Site], both: tuple[Person, Person], upstream: Upstream
) -> None:
    pair[1].app.extensions["generations"]._mirrors._silence = 60
    more, go = asyncio.Event(), asyncio.Event()
    upstream.will(Answer(["Once ", "upon", " a time."], held=go, waits={1: more}))
    reply = reply_of(await both[0].send("Tell me a story"))
    stream = both[1].events(reply)

    async with asyncio.timeout(15):
        async for event in stream:
            more.set()  # what came first may have been read in the rows as the stream began
            if "upon" in event.data:
                break
    go.set()
    rest = [event async for event in stream]

    assert shown(rest) == "Once upon a time."


async def test_first_words_do_not_wait_for_a_tick(
    pair: tuple[Site, Site],
    both: tuple[Person, Person],
    upstream: Upstream,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pace, "TICK", 60)
    monkeypatch.setattr(pace, "LONGEST_TICK", 60)
    monkeypatch.setattr(generations, "SAVE_EVERY", 60)
    mirrors = pair[1].app.extensions["generations"]._mirrors
    mirrors._silence = 60
    begin, go = asyncio.Event(), asyncio.Event()
    upstream.will(Answer(["Once ", "upon a time."], waits={0: begin}, held=go))
    reply = reply_of(await both[0].send("Tell me a story"))
    watching = asyncio.ensure_future(anext(both[1].events(reply)))

    async def reads_along() -> bool:
        return reply in mirrors._all and mirrors._all[reply]._epoch > 0

    await until(reads_along, within=20)
    begin.set()
    assert "Once" in (await watching).data
    go.set()


async def test_thoughts_come_from_another_process_too_and_from_any_point(
    pair: tuple[Site, Site], both: tuple[Person, Person], upstream: Upstream
) -> None:
    begun, go = asyncio.Event(), asyncio.Event()
    many = [Thought(f"thought {n} " * 40) for n in range(40)]  # some too long for a note
    pieces = [Thought("Hm.\n\n"), *many, "Once ", "upon."]
    upstream.will(Answer(pieces, pause=0.01, held=go, waits={pieces.index("Once "): begun}))
    sent = await both[0].send("Tell me a story")
    reply, screen = reply_of(sent), Screen(sent, reply_of(sent))
    headings = []

    async for event in both[1].events(reply):
        screen.apply(event)
        headings.append(screen.thinking)
        begun.set()
        if "Once" in screen.text:
            break
    go.set()
    while "data-state" not in event.data:  # comes back with what it has
        async for event in both[1].events(reply, screen.held):
            screen.apply(event)

    assert headings[0] == "Thinking…" and headings[-1] in ("Thinking…", "Thoughts")
    assert screen.thinking.startswith("Thought for ")
    assert screen.thoughts == f"<p>Hm.</p><p>{''.join(many).strip()}</p>"
    assert shown([event]) == "Once upon."


async def test_lost_notes_cost_time_and_no_text(
    pair: tuple[Site, Site], both: tuple[Person, Person], upstream: Upstream
) -> None:
    two: Any = pair[1].db
    two._listening.hearers.clear()
    upstream.will(Answer(WORDS, pause=0.1))

    reply = reply_of(await both[0].send("Tell me a story"))
    events = await both[1].watched(reply)

    assert shown(events).split() == "".join(WORDS).split()
    assert await text_of(pair[0], reply) == "".join(WORDS)
    assert "data-state" not in events[0].data  # it was seen to grow, if not often


async def test_a_listening_connection_that_is_shot_comes_back(
    pair: tuple[Site, Site], both: tuple[Person, Person], upstream: Upstream
) -> None:
    async def listeners() -> list[int]:
        sql = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 77"
        mine = " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        return sorted(row["pid"] for row in await rows(pair[0], sql + mine))

    before = await listeners()
    upstream.will(Answer(WORDS, pause=0.05))
    reply = reply_of(await both[0].send("Tell me a story"))
    watching = asyncio.create_task(both[1].watched(reply))
    await asyncio.sleep(0.3)
    with suppress(AssertionError):  # whose sleep it is does not matter
        for pid in before:
            await rows(pair[0], "SELECT pg_terminate_backend(CAST(:pid AS INT))", pid=pid)

    assert shown(await watching).split() == "".join(WORDS).split()
    assert await state(pair[0], reply) == "complete"

    async def back() -> bool:
        found = await listeners()
        return len(found) == 2 and not set(found) & set(before)

    await until(back, within=15)


async def test_a_stop_reaches_a_process_that_hears_nothing(
    pair: tuple[Site, Site], both: tuple[Person, Person], upstream: Upstream
) -> None:
    one: Any = pair[0].db
    one._listening.hearers.clear()
    upstream.will(Answer(["Once upon ", "never"], held=asyncio.Event()))
    sent = await both[0].send("Tell me a story")
    async for _ in both[0].events(reply_of(sent)):
        break

    stopped = await both[1].partial(f"/replies/{reply_of(sent)}/stop")

    assert stopped.status == 200
    assert await state(pair[0], reply_of(sent)) == "stopped"
    assert await text_of(pair[0], reply_of(sent)) == "Once upon "


async def test_whoever_still_beats_is_left_alone(
    pair: tuple[Site, Site], both: tuple[Person, Person], upstream: Upstream
) -> None:
    """A process whose connection is gone is not gone itself, as long as it says so."""
    sent = await both[0].send("Hello")
    await both[0].watched(reply_of(sent))
    await change(pair[0], "INSERT INTO workers (no, beat) VALUES (4711, 1)")
    back = "UPDATE replies SET state = 'streaming', worker = 4711, epoch = 7 WHERE id = :id"
    await change(pair[0], back, id=reply_of(sent))

    for _ in range(12):
        await change(pair[0], "UPDATE workers SET beat = beat + 1 WHERE no = 4711")
        await asyncio.sleep(0.5)
    during = await state(pair[0], reply_of(sent))

    async def marked() -> bool:
        return await state(pair[0], reply_of(sent)) == "interrupted"

    await until(marked, within=15)
    page = await both[1].get(f"/conversations/{conversation_of(sent)}")
    assert during == "streaming"
    assert page.words("[data-reply] [data-part=text]") == "Hello, world."
