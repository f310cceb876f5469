"""R09: a disk without room. Reading goes on, nothing unsaved is acknowledged, and it comes back."""

import asyncio
import os
import resource
import secrets
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Protocol

import pytest

from tests.faults.process import Process, environment, serving, start, until
from tests.faults.spoken import Disk, Spoken, Watcher
from tests.people import Answer as Page
from tests.people import Person, reply_of
from tests.raw import written
from tests.upstream import Answer, Upstream

SIZE = 16  # MB
BOUND = 10.0  # seconds that a write may wait


class Place(Protocol):
    data: Path

    def fill(self, process: Process, left: int = 0) -> None:
        """No room from here on, but for `left` bytes."""

    def free(self, process: Process) -> None: ...


class SmallDisk:
    """A real one, of its own: writing fails with ENOSPC."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self._ballast = folder / "ballast"

    def fill(self, process: Process, left: int = 0) -> None:
        with self._ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\0" * 4096)
            except OSError:
                os.truncate(file.fileno(), max(0, file.tell() - left))

    def free(self, process: Process) -> None:
        self._ballast.unlink()


class Quota:
    """A limit on the size of files, which needs no rights: writing fails with EFBIG."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"

    def fill(self, process: Process, left: int = 0) -> None:
        size = (self.data / "chat.db-wal").stat().st_size + left if left else 0
        resource.prlimit(process.child.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def free(self, process: Process) -> None:
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(process.child.pid, resource.RLIMIT_FSIZE, unlimited)


@pytest.fixture(params=["disk", "quota"] if os.environ.get("CHAOS") else ["either"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A small disk of its own; where nothing may be mounted, and in the long form too, a quota."""
    folder = tmp_path / "small"
    folder.mkdir()
    if request.param == "quota" or not _mounted(folder):
        if request.param == "disk":
            pytest.skip("nothing can be mounted here: ENOSPC is NOT tested, only EFBIG is")
        yield Quota(tmp_path)
        return
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", str(folder)], check=True, timeout=10)


def _mounted(folder: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}m,mode=0700", "prosa-test", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=10)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


@pytest.fixture
async def process(place: Place, upstream: Upstream) -> AsyncIterator[Process]:
    async with serving(place.data, OPENAI_BASE_URL=upstream.url) as found:
        yield found
    upstream.answers.clear()


@pytest.fixture
async def person(process: Process) -> AsyncIterator[Person]:
    made = Person(process.base)
    await made.register()
    yield made
    await made.close()


class Sends:
    """Forms and what came back: what was acknowledged is what must be stored."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.forms: dict[str, dict[str, str]] = {}
        self.acknowledged: set[str] = set()

    async def send(self, text: str) -> Page:
        form = self.forms.setdefault(text, {"key": secrets.token_hex(8)})
        began = time.monotonic()
        answer = await self.person.send(text, **form)
        assert time.monotonic() - began < BOUND
        if answer.status == 200:
            self.acknowledged.add(text)
        else:
            refused(answer)
        return answer


def refused(answer: Page) -> None:
    """503 in plain words, with the time after which it makes sense to try again."""
    assert answer.status == 503, answer.text
    assert int(answer.headers["Retry-After"]) > 0
    assert "Nothing can be saved at the moment" in answer.html.get_text(" ")


def tracebacks(process: Process) -> list[str]:
    return [line for line in process.lines if "Traceback" in line]


async def test_with_a_full_disk_reading_goes_on_and_nothing_is_acknowledged_unsaved(
    place: Place,
    process: Process,
    person: Person,
    people: Callable[..., Person],
    upstream: Upstream,
    tmp_path: Path,
) -> None:
    words, few, go, last = Spoken("w", 900), Spoken("e", 50), asyncio.Event(), asyncio.Event()
    sends = Sends(person)
    upstream.will(Answer(words, pause=0.01, held=last))
    running = await _watched(sends, "before")
    upstream.will(Answer(few, held=go))
    ending = await _watched(sends, "ends")
    plain = asyncio.create_task(_without_scripts(person, "ends"))
    _long_ago(place.data)

    place.fill(process)
    page = await person.get("/")
    assert page.status == 200, "also where the session's last use cannot be noted"
    assert "before" in page.text
    shown = len(running.seen[-1][1])
    answers = [await sends.send(f"during {n}" * 100) for n in range(12)]
    assert {answer.status for answer in answers[-4:]} == {503}
    go.set()
    await until(lambda: running.warning and ending.warning)
    assert "cannot be saved at the moment" in running.warning
    for way in (person.log_in, people(process).register):
        refused(await way())
    assert (await person.get("/account")).status == 200, "and nobody was signed out"
    assert (await person.get("/readyz")).status == 200
    assert not ending.final, "the last message comes after the final state is stored"
    assert len(running.seen[-1][1]) > shown

    place.free(process)
    assert (await sends.send("after")).status == 200, "the first one, without a restart"
    assert (await person.log_in()).status == 200
    await until(lambda: not running.warning)
    last.set()
    async with asyncio.timeout(30):
        await asyncio.gather(running.task, ending.task)
        assert "cannot be saved at the moment" in await plain
    for text in [text for text in sends.forms if text not in sends.acknowledged]:
        assert (await sends.send(text)).status == 200, "the same form, sent again"
    await until(lambda: not Disk(place.data, tmp_path / "copy").running)

    found = Disk(place.data, tmp_path / "copy")
    assert found.damage == ["ok"]
    assert found.questions == dict.fromkeys(sends.forms, 1)
    for watcher, spoken in ((running, words), (ending, few)):
        assert watcher.final and watcher.final["data-state"] == "complete"
        assert found.texts[watcher.reply] == "".join(spoken)
    assert tracebacks(process) == []


async def test_of_many_sends_at_once_those_are_acknowledged_that_are_stored(
    place: Place, process: Process, person: Person, tmp_path: Path
) -> None:
    sends, total = Sends(person), Counter[int]()
    for turn, left in enumerate((20_000, 60_000, 120_000, 200_000, 300_000)):
        place.fill(process, left)
        answers = await asyncio.gather(
            *(sends.send(f"{turn}.{n} " + "x" * 3_000) for n in range(30))
        )
        total.update(answer.status for answer in answers)
        stored = _questions(place.data, tmp_path)
        assert {text for text in sends.forms if text in stored} == sends.acknowledged
        place.free(process)
        assert (await sends.send(f"after {turn}")).status == 200

    assert total[200] > 0 < total[503], total
    await until(lambda: not Disk(place.data, tmp_path / "copy").running)
    found = Disk(place.data, tmp_path / "copy")
    assert found.damage == ["ok"]
    assert found.questions == dict.fromkeys(sends.acknowledged, 1)
    assert set(found.states.values()) == {"complete"}
    assert tracebacks(process) == []
    print(f"of {total.total()} sends at once {total[200]} were stored and {total[503]} refused")


async def test_a_stop_does_not_wait_for_room(
    place: Place, process: Process, person: Person, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.will(Answer(Spoken("w", 2_000), pause=0.01))
    watcher = await _watched(Sends(person), "hello")
    place.fill(process)
    for _ in range(40):  # what is left in the log's file is used up
        await person.send("x" * 20_000)

    began = time.monotonic()
    answer = await person.partial(f"/replies/{watcher.reply}/stop")
    spent = time.monotonic() - began
    assert (answer.status, spent < BOUND) == (503, True)
    assert "The answer has stopped" in answer.html.get_text(" ")
    shown = watcher.seen[-1][1]

    place.free(process)
    async with asyncio.timeout(15):
        await watcher.task
    assert watcher.final and watcher.final["data-state"] == "stopped"
    assert Disk(place.data, tmp_path / "copy").texts[watcher.reply].split()[: len(shown)] == shown


async def test_without_room_it_leaves_in_time_and_does_not_start(
    place: Place, process: Process, person: Person, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.will(Answer(Spoken("w", 2_000), pause=0.01))
    watcher = await _watched(Sends(person), "hello")
    place.fill(process)
    await until(lambda: watcher.warning)

    process.signal(signal.SIGTERM)
    await process.left(within=9)
    watcher.task.cancel()
    assert tracebacks(process) == []
    env = environment(place.data, OPENAI_BASE_URL=upstream.url)
    if isinstance(place, SmallDisk):  # the quota went with the process
        again = await start("serve", env=env)
        try:
            assert await again.left() == 1
        finally:
            await again.kill()
        assert "Prosa could not start" in again.lines[-1]
        place.free(again)
    async with serving(place.data, OPENAI_BASE_URL=upstream.url):
        found = Disk(place.data, tmp_path / "copy")
    assert (found.damage, set(found.states.values())) == (["ok"], {"interrupted"})


async def _watched(sends: Sends, text: str) -> Watcher:
    watcher = Watcher(sends.person, reply_of(await sends.send(text)))
    await until(lambda: watcher.seen)
    return watcher


async def _without_scripts(person: Person, title: str) -> str:
    """The page of a conversation that is kept open, until its reply has ended."""
    start = await person.get("/")
    (link,) = (each for each in start.html.select("#history a") if title in each.get_text())
    return "".join([part async for part in written(person, f"{link['href']}/live", 60)])


def _long_ago(data: Path) -> None:
    """Every session was last used so long ago that its next use is noted."""
    with closing(sqlite3.connect(data / "chat.db", timeout=10)) as db:
        db.execute("UPDATE sessions SET seen_at = seen_at - 3600000")
        db.commit()


def _questions(data: Path, scratch: Path) -> dict[str, int]:
    return Disk(data, scratch / "copy").questions
