"""R30: a thousand who send within a second and read for a minute: no error, no character wrong."""

import asyncio
import html
import os
import re
import time
from collections import Counter
from pathlib import Path

from tests import upstream as upstreams
from tests.faults.process import Process, serving
from tests.faults.spoken import Disk, Spoken
from tests.people import Person
from tests.upstream import Answer as Said

LONG = bool(os.environ.get("CHAOS"))
MANY, WORDS, PAUSE = (1_000, 60, 1.0) if LONG else (60, 10, 0.15)
WITHIN = 1.0  # seconds in which all are sent
MOST = 400  # MB resident, at any time
LONGEST = 300  # seconds
REPLY = re.compile(r'data-reply="(\w+)"')
PART = re.compile(r'<hx-partial hx-target="([^"]*)" hx-swap="(\w+)">(.*?)</hx-partial>', re.DOTALL)
FINAL = re.compile(r'data-state="(\w+)"')
TEXT = re.compile(r'<div[^>]*data-part="text"[^>]*>(.*?)</div>', re.DOTALL)
TAG = re.compile(r"<[^>]*>")


class Light:
    """What a page shows of a reply, as text without spaces: cheap enough for a thousand."""

    def __init__(self, reply: str, words: Spoken) -> None:
        self.state = self.wrong = ""
        self.events = 0
        self._reply = f"#m-{reply}"
        self._whole = squeezed(words.whole)
        self._blocks = self._tail = ""

    def take(self, data: str) -> None:
        self.events += 1
        for target, swap, inside in PART.findall(data):
            text, grows = squeezed(html.unescape(TAG.sub("", inside))), swap == "beforeend"
            if target == self._reply:
                self._end(inside)
            elif target == f"{self._reply}-blocks":
                self._blocks = self._blocks + text if grows else text
            elif target.startswith(f"{self._reply}-tail"):
                self._tail = self._tail + text if grows else text
        if not self.state and not self._whole.startswith(self._blocks + self._tail):
            self.wrong = self.wrong or self._blocks + self._tail

    def _end(self, article: str) -> None:
        state, text = FINAL.search(article), TEXT.search(article)
        assert state and text, article
        self.state = state[1]
        if squeezed(html.unescape(TAG.sub("", text[1]))) != self._whole:
            self.wrong = self.wrong or text[1]


def squeezed(text: str) -> str:
    return "".join(text.split())


class Crowd:
    """One account, and as many connections as it likes."""

    def __init__(self, person: Person, words: Spoken) -> None:
        self.lights: list[Light] = []
        self.sends: list[float] = []  # seconds until each was acknowledged
        self.pages: list[float] = []  # and until a page was there, meanwhile
        self.all_there = asyncio.Event()  # at once, each with something to read
        self._open = 0
        self._person, self._words = person, words

    async def run(self) -> None:
        began = time.monotonic()
        looking = asyncio.create_task(self._look())
        await asyncio.gather(*(self._one(n, began + WITHIN * n / MANY) for n in range(MANY)))
        looking.cancel()

    async def _one(self, number: int, when: float) -> None:
        await asyncio.sleep(when - time.monotonic())
        answer = await self._person.send(f"question {number}")
        assert answer.status == 200, (answer.status, answer.text)
        self.sends.append(time.monotonic() - when)
        reply = REPLY.findall(answer.text)[-1]
        light = Light(reply, self._words)
        self.lights.append(light)
        async for event in self._person.events(reply, limit=LONGEST):
            if not light.events:
                self._open += 1
            if self._open == MANY:
                self.all_there.set()
            light.take(event.data)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            began = time.monotonic()
            assert (await self._person.get("/")).status == 200
            self.pages.append(time.monotonic() - began)


async def test_many_send_within_a_second_and_each_reads_every_character_once(
    tmp_path: Path,
) -> None:
    words = Spoken("w", WORDS)
    async with (
        upstreams.running() as upstream,
        serving(tmp_path / "data", OPENAI_BASE_URL=upstream.url) as process,
    ):
        person = Person(process.base, connections=0)
        await person.register()
        before, began, crowd = resident(process, "VmRSS"), time.monotonic(), Crowd(person, words)
        upstream.usual = Said(words, pause=PAUSE, held=crowd.all_there)
        try:
            await crowd.run()
        finally:
            await person.close()
        spent, most = time.monotonic() - began, resident(process, "VmHWM")
        assert process.complaints() == []

    print(
        f"{MANY} sends in {WITHIN} s, acknowledged after {sorted(crowd.sends)[MANY // 2]:.2f} s"
        f" (half) and {max(crowd.sends):.2f} s (all); all streams at once, over after"
        f" {spent:.1f} s; {sum(light.events for light in crowd.lights)} events; a page in at most"
        f" {max(crowd.pages):.2f} s; memory {before} MB, at most {most} MB"
    )
    assert Counter(light.state for light in crowd.lights) == {"complete": MANY}
    assert [light.wrong for light in crowd.lights if light.wrong] == []
    check_disk(Disk(tmp_path / "data", tmp_path / "copy"), words)
    assert len(upstream.asked) == MANY
    assert crowd.all_there.is_set()
    assert most <= MOST


def check_disk(disk: Disk, words: Spoken) -> None:
    assert disk.questions == {f"question {n}": 1 for n in range(MANY)}
    assert Counter(disk.states.values()) == {"complete": MANY}
    assert set(disk.texts.values()) == {words.whole}


def resident(process: Process, what: str) -> int:
    """MB of memory: VmRSS at this moment, VmHWM at most so far."""
    status = Path(f"/proc/{process.child.pid}/status").read_text()
    found = re.search(rf"^{what}:\s+(\d+) kB$", status, re.MULTILINE)
    assert found
    return int(found[1]) // 1024
