"""R01, R04, R05: the process is killed at any moment, and nothing acknowledged is lost."""

import asyncio
import os
import random
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests import upstream as upstreams
from tests.faults.process import Process, environment, free_port, start
from tests.faults.spoken import Disk, Spoken, Watcher
from tests.people import Person, conversation_of, reply_of
from tests.upstream import Answer, Upstream

KILLS = 200 if os.environ.get("CHAOS") else 15
PAUSE = 0.01  # seconds between two words
BEHIND = 1.0  # seconds that the disk may be behind what anyone was shown
AGAIN = 5.0  # seconds after a start in which what was left over is marked


@dataclass
class Sent:
    """A form, and what came back. `watcher` is None as long as it is not acknowledged."""

    form: dict[str, str]
    conversation: str = ""
    watcher: Watcher | None = None


class Installation:
    """One data folder and one port, on which one process after the other serves."""

    def __init__(self, folder: Path, upstream: Upstream) -> None:
        self.data, self.scratch, self.upstream = folder / "data", folder / "copy", upstream
        self.env = environment(self.data, PORT=free_port(), OPENAI_BASE_URL=upstream.url)
        self.person = Person(f"http://127.0.0.1:{self.env['PORT']}")
        self.process: Process | None = None

    async def start(self) -> Process:
        self.process = await start("serve", env=self.env)
        await self.process.ready()
        return self.process

    async def close(self) -> None:
        await self.person.close()
        if self.process:
            await self.process.kill()

    def disk(self) -> Disk:
        return Disk(self.data, self.scratch)

    def asked(self, sent: Sent) -> int:
        """How often the provider was asked this question."""
        last = [body["messages"][-1]["content"] for body in self.upstream.asked]
        return last.count(sent.form["text"])

    async def send(self, sent: Sent) -> None:
        answer = await self.person.partial("/conversations", sent.form)
        assert answer.status == 200, (answer.status, answer.text)
        sent.conversation = conversation_of(answer)
        sent.watcher = Watcher(self.person, reply_of(answer))


@pytest.fixture
async def installation(tmp_path: Path) -> AsyncIterator[Installation]:
    async with upstreams.running() as upstream:
        made = Installation(tmp_path, upstream)
        try:
            await made.start()
            await made.person.register()
            yield made
        finally:
            await made.close()


def new_form(text: str) -> Sent:
    form = {"text": text, "model": "openai/tiny", "key": secrets.token_hex(8)}
    return Sent(form)


async def test_killed_at_any_moment_it_loses_and_doubles_nothing(
    installation: Installation,
) -> None:
    chance, late = random.Random(os.environ.get("SEED", "prosa")), list[float]()
    everything: list[Sent] = []
    for number in range(KILLS):
        spoken, sent = await _killed_while_speaking(installation, number, chance)
        killed_at = time.monotonic()
        disk = installation.disk()
        assert disk.damage == ["ok"]
        late += [_check_disk(disk, each, spoken, killed_at) for each in sent if each.watcher]

        process = await installation.start()
        for each in sent:
            if each.watcher:
                await _check_ending(each.watcher, disk, process)
                await _check_page(installation, each)
            await _check_sent_again(installation, each)
        assert process.complaints() == []
        everything += sent

    disk = installation.disk()
    assert disk.questions == {each.form["text"]: 1 for each in everything}
    assert set(disk.states.values()) <= {"complete", "interrupted"}
    assert len(disk.states) == len(everything)
    assert [installation.asked(each) for each in everything if each.watcher].count(1) > KILLS
    print(f"{KILLS} kills, {len(everything)} messages, disk behind by at most {max(late):.2f} s")


async def _killed_while_speaking(
    installation: Installation, number: int, chance: random.Random
) -> tuple[Sequence[Spoken], list[Sent]]:
    """Three questions: a long answer, one that ends about now, and one that is being sent."""
    moment = chance.uniform(0.02, 1.6 if number % 3 == 0 else 0.8)
    short = max(1, int(moment / (PAUSE * 1.15)) - chance.randrange(12))
    spoken = [Spoken(f"{number}.{n}", length) for n, length in enumerate((600, short, 600))]
    installation.upstream.will(*(Answer(words, pause=PAUSE) for words in spoken))
    sent = [new_form(f"question {number}.{n}") for n in range(3)]
    kill_at = time.monotonic() + moment
    await installation.send(sent[0])
    await installation.send(sent[1])
    sending = asyncio.create_task(_sent_too_late(installation, sent[2], kill_at, chance))
    await asyncio.sleep(kill_at - time.monotonic())
    assert installation.process
    await installation.process.kill()
    await sending
    installation.upstream.answers.clear()
    return spoken, sent


async def _sent_too_late(
    installation: Installation, sent: Sent, kill_at: float, chance: random.Random
) -> None:
    await asyncio.sleep(kill_at - time.monotonic() - chance.uniform(0, 0.04))
    try:
        await installation.send(sent)
    except (aiohttp.ClientError, OSError):
        assert sent.watcher is None


def _check_disk(disk: Disk, sent: Sent, spoken: Sequence[Spoken], killed_at: float) -> float:
    """Answers by how many seconds the disk is behind what was shown."""
    watcher = sent.watcher
    assert watcher
    assert disk.questions[sent.form["text"]] == 1
    stored = disk.texts[watcher.reply]
    assert any(words.said.startswith(stored) for words in spoken)
    words = stored.split()
    shown = watcher.seen_before(killed_at - BEHIND)
    assert words[: len(shown)] == shown
    ahead = [when for when, seen in watcher.seen if when < killed_at and len(seen) > len(words)]
    return killed_at - ahead[0] if ahead else 0.0


async def _check_ending(watcher: Watcher, disk: Disk, process: Process) -> None:
    """The page that was open all the time ends as the disk says, and soon."""
    async with asyncio.timeout(AGAIN + 2):
        await watcher.task
    assert watcher.ended_at - process.began < AGAIN
    assert watcher.final
    was = disk.states[watcher.reply]
    assert watcher.final["data-state"] == ("complete" if was == "complete" else "interrupted")
    text = watcher.final.select_one("[data-part=text]")
    assert text and text.get_text(" ").split() == disk.texts[watcher.reply].split()
    assert watcher.final.select_one(f"form[action='/replies/{watcher.reply}/retry']")


async def _check_page(installation: Installation, sent: Sent) -> None:
    page = await installation.person.get(f"/conversations/{sent.conversation}")
    assert page.words("[data-role=user] [data-part=text]") == sent.form["text"]
    assert len(page.html.select("[data-role=user]")) == 1
    assert len(page.html.select("[data-role=assistant]")) == 1
    assert not page.html.select("[hx-sse\\:connect]")


async def _check_sent_again(installation: Installation, sent: Sent) -> None:
    """R05: a browser that got no answer, or is asked to send again, sends the same form."""
    known, asked = sent.watcher, installation.asked(sent)
    conversation = sent.conversation
    await installation.send(sent)
    assert sent.watcher
    async with asyncio.timeout(AGAIN):
        await sent.watcher.task
    if known:
        assert (sent.conversation, sent.watcher.reply) == (conversation, known.reply)
        assert installation.asked(sent) == asked <= 1
    assert installation.asked(sent) <= 1
