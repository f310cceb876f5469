"""R34, G8: told to leave, the app stores every character that arrived, and is gone in time."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults.process import Process, environment, serving, start, survivors, until
from tests.faults.spoken import Disk, Spoken, Watcher
from tests.people import Person, reply_of
from tests.upstream import Answer, Upstream

PAUSE = 0.05  # seconds between two words
LEAVE = 5.0  # seconds, from the signal to the end of the process


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


async def speaking(
    person: Person, upstream: Upstream, count: int, *, held: bool
) -> tuple[dict[str, Spoken], list[str]]:
    """`count` replies being written, by the mark of their words; and the ids of the replies.

    A held answer has said all but its last word; the others go on.
    """
    pause, wait = (0.0, asyncio.Event()) if held else (PAUSE, None)
    spoken = {f"{held}{n}": Spoken(f"{held}{n}", 50 if held else 400) for n in range(count)}
    upstream.will(*(Answer(words, pause=pause, held=wait) for words in spoken.values()))
    sent = await asyncio.gather(*(person.send(f"question {n}") for n in range(count)))
    assert {answer.status for answer in sent} == {200}
    enough = 50 if held else 10
    await until(lambda: all(words.given >= enough for words in spoken.values()))
    for words in spoken.values():
        words.given -= held  # the last one is only about to be said
    return spoken, [reply_of(answer) for answer in sent]


def stored(disk: Disk, replies: list[str]) -> dict[str, str]:
    """The texts of the replies by the mark of their words."""
    return {disk.texts[reply].split("-")[0]: disk.texts[reply] for reply in replies}


async def test_g8_with_fifty_replies_being_written_no_character_is_lost(
    tmp_path: Path, process: Process, person: Person, upstream: Upstream
) -> None:
    held, still = await speaking(person, upstream, 25, held=True)
    going, moving = await speaking(person, upstream, 25, held=False)
    watchers = [Watcher(person, reply) for reply in [*still, *moving]]
    await until(lambda: all(watcher.seen for watcher in watchers))
    sure = {mark: words.said for mark, words in going.items()}
    await person.get("/healthz")  # what was said before it has arrived when it is answered

    process.signal(signal.SIGTERM)
    code = await process.left(LEAVE)

    assert code == 0
    assert process.complaints() == []
    disk = Disk(tmp_path / "data", tmp_path / "copy")
    assert disk.damage == ["ok"]
    assert {disk.states[reply] for reply in [*still, *moving]} == {"interrupted"}
    assert stored(disk, still) == {mark: words.said for mark, words in held.items()}
    kept = stored(disk, moving)
    for mark, words in going.items():
        assert words.said.startswith(kept[mark])
        assert kept[mark].startswith(sure[mark])
    await _every_page_has_its_final_bubble(watchers, disk)
    assert not survivors(tmp_path / "data")
    print(f"50 replies: gone after {process.gone_at - process.asked_at:.2f} s")


async def _every_page_has_its_final_bubble(watchers: list[Watcher], disk: Disk) -> None:
    async with asyncio.timeout(60):
        await asyncio.gather(*(watcher.task for watcher in watchers))
    for watcher in watchers:
        assert watcher.final
        assert watcher.final["data-state"] == "interrupted"
        text = watcher.final.select_one("[data-part=text]")
        assert text and text.get_text(" ").split() == disk.texts[watcher.reply].split()


@pytest.mark.parametrize(
    "signals",
    [[signal.SIGINT], [signal.SIGHUP], [signal.SIGTERM] * 3],
    ids=lambda signals: "+".join(each.name for each in signals),
)
async def test_r34_other_signals_and_impatient_ones_lose_nothing_either(
    tmp_path: Path, process: Process, person: Person, upstream: Upstream, signals: list[int]
) -> None:
    held, replies = await speaking(person, upstream, 4, held=True)
    await person.get("/healthz")

    for number in signals:
        process.signal(number)
        await asyncio.sleep(0.005)  # between two: the same signal at once counts as one
        if process.child.returncode is not None:
            break

    assert await process.left(LEAVE) == 0
    assert process.complaints() == []
    disk = Disk(tmp_path / "data", tmp_path / "copy")
    assert stored(disk, replies) == {mark: words.said for mark, words in held.items()}
    assert set(disk.states.values()) == {"interrupted"}
    assert not survivors(tmp_path / "data")


async def test_r34_a_signal_at_any_moment_of_the_start_leaves_a_sound_installation(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    codes = []
    for step in range(6):
        process = await start("serve", env=environment(data))
        await asyncio.sleep(0.15 * step)
        process.signal(signal.SIGTERM)
        codes.append(await process.left(LEAVE))
        assert process.complaints() == []
    assert set(codes) <= {0, -signal.SIGTERM}
    assert not survivors(data)

    async with serving(data):
        pass
    assert Disk(data, tmp_path / "copy").damage == ["ok"]


async def test_an_interrupted_reply_is_retried_after_the_restart(
    tmp_path: Path, process: Process, person: Person, upstream: Upstream
) -> None:
    _, (reply,) = await speaking(person, upstream, 1, held=True)
    process.signal(signal.SIGTERM)
    assert await process.left(LEAVE) == 0

    async with serving(tmp_path / "data", OPENAI_BASE_URL=upstream.url) as again:
        person.base = again.base
        upstream.will(Answer(["Here ", "again."]))
        shown = await person.get(f"/replies/{reply}")
        retried = await person.partial(f"/replies/{reply}/retry")
        await person.watched(reply_of(retried))
        page = await person.get(f"/replies/{reply_of(retried)}")

    assert shown.one("[data-reply]")["data-state"] == "interrupted"
    assert "interrupted by a restart" in shown.words("[data-reply]")
    assert reply_of(retried) != reply
    assert page.words("[data-part=text]") == "Here again."
