"""R11, R12: a database that others hold, and many who write at once."""

import asyncio
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from chat.db import sqlite
from chat.replies import generation, ownership
from tests.conftest import ON_SQLITE, SiteMaker
from tests.faults.process import Process, serving, until
from tests.faults.spoken import Disk, Spoken, Watcher
from tests.people import Answer as Page
from tests.people import Person, reply_of
from tests.upstream import Answer, Upstream

HELD, PATIENCE, SLACK = 7.0, 5.0, 4.0  # seconds


@pytest.fixture
async def process(tmp_path: Path, upstream: Upstream) -> AsyncIterator[Process]:
    async with serving(tmp_path / "data", OPENAI_BASE_URL=upstream.url) as found:
        yield found
    upstream.answers.clear()


@pytest.fixture
async def person(process: Process) -> AsyncIterator[Person]:
    made = Person(process.base)
    await made.register()
    yield made
    await made.close()


@contextmanager
def locked(data: Path) -> Iterator[None]:
    """Another program in the middle of a write."""
    with closing(sqlite3.connect(data / "chat.db", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("ROLLBACK")


def disk(folder: Path) -> Disk:
    return Disk(folder / "data", folder / "copy")


async def timed(person: Person, text: str, after: float) -> tuple[Page, float]:
    await asyncio.sleep(after)
    began = time.monotonic()
    answer = await person.send(text)
    return answer, time.monotonic() - began


async def test_r11_a_lock_of_seven_seconds_costs_a_few_sends_and_no_text(
    tmp_path: Path, process: Process, person: Person, upstream: Upstream
) -> None:
    data, words, few = tmp_path / "data", Spoken("w", 800), Spoken("e", 50)
    go, last = asyncio.Event(), asyncio.Event()
    upstream.will(Answer(words, pause=0.01, held=last))
    running = await _watched(person, "before")
    upstream.will(Answer(few, held=go))
    ending = await _watched(person, "ends")

    with locked(data):
        go.set()
        sends = [asyncio.create_task(timed(person, f"at {n}", n / 4)) for n in range(6)]
        began = time.monotonic()
        page = await person.get("/")
        read_in = time.monotonic() - began
        results = await asyncio.gather(*sends)
        shown = len(running.seen[-1][1])
        await asyncio.sleep(began + HELD - time.monotonic())
        found, seen = disk(tmp_path), running.seen[-1][1]
        assert not ending.final, "the last message comes after the final state is stored"

    assert (page.status, read_in < PATIENCE - 1) == (200, True)
    for answer, spent in results:
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.one("[data-code]")["data-code"] == "busy"
        assert spent < PATIENCE + SLACK
    assert shown > len(found.texts[running.reply].split()) + 200, "watchers saw it grow meanwhile"

    await until(lambda: disk(tmp_path).texts[running.reply].split()[: len(seen)] == seen)
    assert disk(tmp_path).states[running.reply] == "streaming"
    last.set()
    again = await person.send("after")
    async with asyncio.timeout(60):
        await asyncio.gather(running.task, ending.task)
    assert again.status == 200
    found = disk(tmp_path)
    for watcher, spoken in ((running, words), (ending, few)):
        assert watcher.final and watcher.final["data-state"] == "complete"
        assert found.texts[watcher.reply] == "".join(spoken)
    assert found.questions == {"before": 1, "ends": 1, "after": 1}
    assert process.complaints() == []


async def _watched(person: Person, text: str) -> Watcher:
    """A new reply of which something has been seen."""
    watcher = Watcher(person, reply_of(await person.send(text)))
    await until(lambda: watcher.seen)
    return watcher


@ON_SQLITE
async def test_an_ending_is_stored_however_long_the_database_was_held(
    tmp_path: Path,
    make_site: SiteMaker,
    people: Callable[..., Person],
    upstream: Upstream,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sqlite, "PATIENCE", 0.1)
    monkeypatch.setattr(generation, "SAVE_AGAIN", (0.05, 0.1))
    site, go = await make_site(tmp_path / "data"), asyncio.Event()
    ada = people(site)
    await ada.register()
    upstream.will(Answer(["Hello, ", "world."], held=go))
    watcher = Watcher(ada, reply_of(await ada.send("hello")))

    with locked(tmp_path / "data"):
        await asyncio.sleep(0.6)  # its first words cannot be stored
    await until(lambda: disk(tmp_path).states[watcher.reply] == "streaming")
    with locked(tmp_path / "data"):
        go.set()
        await asyncio.sleep(1.5)  # many times as long as all of its first tries
        assert not watcher.final

    async with asyncio.timeout(30):
        await watcher.task
    found = disk(tmp_path)
    assert found.states == {watcher.reply: "complete"}
    assert found.texts == {watcher.reply: "Hello, world."}


@ON_SQLITE
async def test_a_left_over_reply_that_cannot_be_rendered_does_not_stop_the_start(
    tmp_path: Path,
    make_site: SiteMaker,
    people: Callable[..., Person],
    upstream: Upstream,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(tmp_path / "data", OPENAI_BASE_URL=upstream.url) as process:
        ada = people(process)
        await ada.register()
        upstream.will(Answer(["<b>Hello, ", "world."], held=asyncio.Event()))
        reply = reply_of(await ada.send("hello"))
        await until(lambda: disk(tmp_path).texts[reply])
        await process.kill()

    def fail(text: str) -> str:
        raise RecursionError(text)

    monkeypatch.setattr(ownership, "render", fail)
    site = await make_site(tmp_path / "data")
    ada.base = site.base
    shown = await ada.get(f"/replies/{reply}")

    assert shown.one("[data-reply]")["data-state"] == "interrupted"
    assert shown.words("[data-part=text]") == "<b>Hello,"


async def test_r12_two_hundred_first_messages_at_once_are_all_answered_once(
    tmp_path: Path, process: Process, person: Person, upstream: Upstream
) -> None:
    before = len(upstream.asked)
    began = time.monotonic()
    sent = await asyncio.gather(*(person.send(f"question {n}") for n in range(200)))
    acknowledged = time.monotonic() - began
    await until(lambda: not disk(tmp_path).running)
    spent = time.monotonic() - began

    assert Counter(answer.status for answer in sent) == {200: 200}
    assert len({answer.headers["HX-Push-Url"] for answer in sent}) == 200
    found = disk(tmp_path)
    assert found.questions == {f"question {n}": 1 for n in range(200)}
    assert Counter(found.states.values()) == {"complete": 200}
    assert Counter(found.texts.values()) == {"Hello, world.": 200}
    asked = [body["messages"][-1]["content"] for body in upstream.asked[before:]]
    assert sorted(asked) == sorted(found.questions)
    assert process.complaints() == []
    print(f"200 messages: acknowledged in {acknowledged:.2f} s, all answered in {spent:.2f} s")
