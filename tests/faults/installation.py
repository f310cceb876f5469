"""An installation that is killed again and again, and what has to be true then."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.process import Process, environment, free_port, start
from tests.faults.spoken import Disk, Spoken, Watcher
from tests.people import Person, conversation_of, reply_of
from tests.upstream import Upstream

BEHIND = 1.0  # seconds that the disk may be behind what anyone was shown
AGAIN = 5.0  # seconds after a start in which what was left over is marked
START = 2.0  # seconds that a start takes where nothing else runs, at most


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


def new_form(text: str) -> Sent:
    form = {"text": text, "model": "openai/tiny", "key": secrets.token_hex(8)}
    return Sent(form)


async def check_after_kill(
    installation: Installation, sent: Sequence[Sent], spoken: Sequence[Spoken]
) -> tuple[float, float]:
    """To be called when the process is gone; a new one serves afterwards.

    Answers by how many seconds the disk was behind what was shown, and when after its start the
    new process had told every page that was open how its reply ended.
    """
    assert installation.process
    await installation.process.left()
    killed_at = installation.process.asked_at or installation.process.gone_at
    disk = installation.disk()
    assert disk.damage == ["ok"]
    late = [_check_disk(disk, each, spoken, killed_at) for each in sent if each.watcher]
    process = await installation.start()
    marked = [0.0]
    for each in sent:
        if each.watcher:
            marked.append(await _check_ending(each.watcher, disk, process))
            await _check_page(installation, each)
        await _check_sent_again(installation, each)
    assert process.complaints() == []
    return max(late, default=0.0), max(marked)


def check_everything(installation: Installation, sent: Sequence[Sent]) -> None:
    """At the end, when each of them was acknowledged: it is there once, with one answer."""
    disk = installation.disk()
    assert disk.questions == {each.form["text"]: 1 for each in sent}
    assert set(disk.states.values()) <= {"complete", "interrupted"}
    assert len(disk.states) == len(sent)


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


async def _check_ending(watcher: Watcher, disk: Disk, process: Process) -> float:
    """The page that was open all the time ends as the disk says, and soon."""
    async with asyncio.timeout(60):
        await watcher.task
    after = watcher.ended_at - process.began
    slow = max(1.0, process.took / START)  # of a machine that does something else
    assert after < AGAIN * slow, f"{after:.1f} s after a start, ready after {process.took:.1f} s"
    assert watcher.final
    was = disk.states[watcher.reply]
    assert watcher.final["data-state"] == ("complete" if was == "complete" else "interrupted")
    text = watcher.final.select_one("[data-part=text]")
    assert text and text.get_text(" ").split() == disk.texts[watcher.reply].split()
    assert watcher.final.select_one(f"form[action='/replies/{watcher.reply}/retry']")
    return after


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
    async with asyncio.timeout(60):
        await sent.watcher.task
    if known:
        assert (sent.conversation, sent.watcher.reply) == (conversation, known.reply)
        assert installation.asked(sent) == asked <= 1
    assert installation.asked(sent) <= 1
