"""Three processes behind nginx as the README has it: plain round robin, no sticky sessions."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import pytest

from tests import upstream as upstreams
from tests.databases import Server
from tests.faults.cluster import Cluster, clustered
from tests.faults.nginx import in_front
from tests.faults.process import free_port
from tests.faults.spoken import Spoken, Watcher
from tests.faults.test_many_processes import ends, sees
from tests.people import Person, conversation_of, reply_of
from tests.upstream import Answer, Upstream


@dataclass
class Fronted:
    cluster: Cluster
    upstream: Upstream
    log: Path

    @property
    def ada(self) -> Person:
        return self.cluster.person

    def answered(self, what: str) -> Counter[str]:
        """How many requests like this each process has answered, the finished ones."""
        lines = re.findall(rf"^{what}.* (\S+)$", self.log.read_text(), re.MULTILINE)
        return Counter(lines)


@pytest.fixture
async def fronted(postgres: Server, tmp_path: Path) -> AsyncIterator[Fronted]:
    port = free_port()
    front = f"http://127.0.0.1:{port}"
    ports = [free_port() for _ in range(3)]
    async with (
        upstreams.running() as upstream,
        clustered(
            postgres, tmp_path / "data", upstream, 3, ports, PUBLIC_URL=front, TRUSTED_PROXIES="1"
        ) as cluster,
    ):
        bases = [f"http://127.0.0.1:{each}" for each in ports]
        with in_front(tmp_path / "nginx", port, bases) as log:
            cluster.person.base = front
            await _answers(cluster.person)
            await cluster.person.register()
            yield Fronted(cluster, upstream, log)


async def _answers(person: Person) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                if (await person.get("/healthz")).status == 200:
                    return
            except OSError:
                await asyncio.sleep(0.05)


async def test_a_talk_goes_through_whichever_process_is_next(fronted: Fronted) -> None:
    spoken = Spoken("a", 3_000)
    fronted.upstream.will(Answer(spoken, pause=0.01))

    sent = await fronted.ada.send("Tell me a story")
    watchers = [Watcher(fronted.ada, reply_of(sent)) for _ in range(4)]
    for watcher in watchers:
        await sees(watcher, 20)
    behind = list[list[int]]()
    for _ in range(10):
        behind.append([spoken.given - len(watcher.seen[-1][1]) for watcher in watchers])
        await asyncio.sleep(0.1)
    stopped = await fronted.ada.partial(f"/replies/{reply_of(sent)}/stop")

    assert [await ends(watcher) for watcher in watchers] == ["stopped"] * 4
    assert stopped.one("[data-reply]")["data-state"] == "stopped"
    usually = max(median(each) for each in zip(*behind, strict=True))
    assert usually < 100  # a second: nothing on the way has collected the stream
    for n in range(6):
        again = await fronted.ada.send(f"And {n}?", conversation_of(sent))
        assert await ends(Watcher(fronted.ada, reply_of(again))) == "complete"
    assert len(fronted.answered("POST /conversations")) == 3
    assert len(fronted.answered("GET /replies/[0-9a-f]+/stream")) == 3


async def test_one_that_dies_is_noticed_by_nobody_who_comes_later(fronted: Fronted) -> None:
    held = asyncio.Event()
    answers = [Answer(Spoken(f"b{n}", 200), pause=0.01, held=held) for n in range(3)]
    fronted.upstream.will(*answers)
    replies = [reply_of(await fronted.ada.send(f"Story {n}")) for n in range(3)]
    watchers = [Watcher(fronted.ada, reply) for reply in replies]
    for watcher in watchers:
        await sees(watcher, 20)

    await fronted.cluster.processes[1].kill()
    pages = [await fronted.ada.get("/conversations") for _ in range(9)]

    assert {page.status for page in pages} == {200}
    async with asyncio.timeout(60):
        while "interrupted" not in [await fronted.cluster.state(each) for each in replies]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    took = time.monotonic() - fronted.cluster.processes[1].asked_at
    assert took < 15
    states = [await fronted.cluster.state(reply) for reply in replies]
    assert sorted(states) == ["interrupted", "streaming", "streaming"]
    for reply, watcher in zip(replies, watchers, strict=True):
        await fronted.ada.partial(f"/replies/{reply}/stop")
        assert await ends(watcher) in ("stopped", "interrupted")
    print(f"noticed after {took:.1f} s")
