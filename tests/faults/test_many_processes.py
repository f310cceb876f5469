"""R35: any process serves any reply, whoever writes it; what counts is in rows, so it is shared."""

import asyncio
import secrets
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median

import pytest

from chat.replies.ownership import LOOK_EVERY
from tests import upstream as upstreams
from tests.databases import Server
from tests.faults.cluster import Cluster, clustered
from tests.faults.process import until
from tests.faults.spoken import Spoken, Watcher
from tests.people import conversation_of, reply_of
from tests.upstream import Answer, Upstream


@pytest.fixture
async def own_upstream() -> AsyncIterator[Upstream]:
    async with upstreams.running() as found:
        yield found


@pytest.fixture
async def cluster(
    postgres: Server, tmp_path: Path, own_upstream: Upstream
) -> AsyncIterator[Cluster]:
    async with clustered(postgres, tmp_path, own_upstream) as found:
        yield found


async def sees(watcher: Watcher, words: int) -> None:
    await until(lambda: watcher.seen and len(watcher.seen[-1][1]) >= words)


async def ends(watcher: Watcher) -> str:
    """The state in which the watching page ends."""
    async with asyncio.timeout(60):
        await watcher.task
    assert watcher.final
    return str(watcher.final["data-state"])


async def test_sent_here_watched_there_stopped_elsewhere(
    cluster: Cluster, own_upstream: Upstream
) -> None:
    behind, took = list[int](), list[float]()
    for turn in range(3):
        spoken = Spoken(f"a{turn}", 2_000)
        own_upstream.will(Answer(spoken, pause=0.01))

        reply = reply_of(await cluster.at(0).send("Tell me a story"))
        watcher = Watcher(cluster.at(1), reply)
        await sees(watcher, 20)
        behind.append(spoken.given - len(watcher.seen[-1][1]))
        began = time.monotonic()
        stopped = await cluster.at(2).partial(f"/replies/{reply}/stop")
        took.append(time.monotonic() - began)

        assert await ends(watcher) == "stopped"
        text = await cluster.text(reply)
        assert stopped.one("[data-reply]")["data-state"] == "stopped"
        assert stopped.words("[data-part=text]").split() == text.split()
        assert spoken.said.startswith(text)

    assert median(took) < 1
    print(
        f"another process shows up to {max(behind)} words less (10 ms each), a stop takes up to"
        f" {max(took):.2f} s"
    )


async def test_every_process_shows_the_same_to_the_end(
    cluster: Cluster, own_upstream: Upstream
) -> None:
    own_upstream.will(Answer(Spoken("b", 300), pause=0.003))

    sent = await cluster.at(0).send("Tell me a story")
    watchers = [Watcher(cluster.at(n), reply_of(sent)) for n in (0, 1, 1, 2)]
    states = [await ends(watcher) for watcher in watchers]

    assert states == ["complete"] * 4
    shown = {watcher.final.get_text() for watcher in watchers if watcher.final}
    assert len(shown) == 1
    stored = await cluster.text(reply_of(sent))
    assert stored == Spoken("b", 300).said or stored == "".join(Spoken("b", 300))
    pages = [await cluster.at(n).get(f"/conversations/{conversation_of(sent)}") for n in range(3)]
    assert len({page.words("[data-reply] [data-part=text]") for page in pages}) == 1


async def test_limits_and_sessions_are_shared(
    postgres: Server, tmp_path: Path, own_upstream: Upstream
) -> None:
    own_upstream.usual = Answer(Spoken("c", 2_000), pause=0.01)
    async with clustered(postgres, tmp_path, own_upstream, LIMIT_REPLIES="2") as cluster:
        first = await cluster.at(0).send("One")
        second = await cluster.at(1).send("Two")
        third = await cluster.at(2).send("Three")
        again = await cluster.at(2).send("And?", conversation_of(first))
        watcher = Watcher(cluster.at(2), reply_of(second))
        await sees(watcher, 5)
        await cluster.at(1).post("/logout")
        began = time.monotonic()
        with pytest.raises(
            AssertionError, match=r"^\((200|401), "
        ):  # a stream is refused from now on
            async with asyncio.timeout(20):
                await watcher.task
        took = time.monotonic() - began
        page = await cluster.at(0).get("/account")

    assert (first.status, second.status, third.status, again.status) == (200, 200, 429, 409)
    assert third.one("[data-code]")["data-code"] == "too_many"
    assert page.url.partition("?")[0].endswith("/login")
    assert took < 10


async def test_one_form_sent_everywhere_at_once_is_one_message(
    cluster: Cluster, own_upstream: Upstream
) -> None:
    """G10 across processes: one message, one call of the provider."""
    for turn in range(4):
        key, text = secrets.token_hex(8), f"Only once {turn}"
        answers = await asyncio.gather(*(cluster.at(n % 3).send(text, key=key) for n in range(9)))

        assert {answer.status for answer in answers} == {200}
        assert len({reply_of(answer) for answer in answers}) == 1
        await ends(Watcher(cluster.at(2), reply_of(answers[0])))
        assert [body["messages"][-1]["content"] for body in own_upstream.asked].count(text) == 1
        counted = await cluster.rows("SELECT count(*) FROM messages WHERE text = $1", text)
        assert counted[0][0] == 1


async def test_two_processes_never_answer_in_one_conversation_at_once(
    cluster: Cluster, own_upstream: Upstream
) -> None:
    sent = await cluster.at(0).send("Hello")
    await ends(Watcher(cluster.at(0), reply_of(sent)))
    own_upstream.usual = Answer(Spoken("d", 100), pause=0.01, held=asyncio.Event())
    talk = conversation_of(sent)

    answers = await asyncio.gather(*(cluster.at(n % 3).send(f"Next {n}", talk) for n in range(12)))

    assert sorted(answer.status for answer in answers) == [200] + [409] * 11
    running = "SELECT count(*) FROM replies WHERE state IN ('pending', 'streaming')"
    assert (await cluster.rows(running))[0][0] == 1


async def test_what_a_killed_process_was_writing_is_interrupted_on_every_page(
    cluster: Cluster, own_upstream: Upstream
) -> None:
    """R01 with many: within 15 s, nothing lost that was shown a second before, and it goes on."""
    spoken = Spoken("e", 3_000)
    own_upstream.will(Answer(spoken, pause=0.01))
    sent = await cluster.at(0).send("Tell me a story")
    watchers = [Watcher(cluster.at(n), reply_of(sent)) for n in (1, 2)]
    for watcher in watchers:
        await sees(watcher, 150)
    await cluster.processes[0].kill()
    killed_at = cluster.processes[0].asked_at
    shown = max((watcher.seen_before(killed_at - 1) for watcher in watchers), key=len)

    states = [await ends(watcher) for watcher in watchers]

    took = max(watcher.ended_at for watcher in watchers) - killed_at
    text = await cluster.text(reply_of(sent))
    assert states == ["interrupted"] * 2
    assert took < 15
    assert spoken.said.startswith(text)
    assert text.split()[: len(shown)] == shown
    own_upstream.will(Answer([" And that was", " that."]))
    gone_on = await cluster.at(2).partial(f"/replies/{reply_of(sent)}/continuation")
    assert gone_on.status == 200
    assert await ends(Watcher(cluster.at(1), reply_of(sent))) == "complete"
    assert await cluster.text(reply_of(sent)) == f"{text} And that was that."
    print(f"interrupted on other processes {took:.1f} s after the kill")


async def test_a_process_that_was_stopped_for_long_changes_nothing_when_it_wakes(
    cluster: Cluster, own_upstream: Upstream
) -> None:
    own_upstream.will(Answer(Spoken("f", 5_000), pause=0.01))
    sent = await cluster.at(0).send("Tell me a story")
    reply = reply_of(sent)
    watchers = [Watcher(cluster.at(n), reply) for n in (0, 1)]
    await sees(watchers[1], 100)
    stopped_at = time.monotonic()
    cluster.processes[0].signal(signal.SIGSTOP)
    try:
        assert await ends(watchers[1]) == "interrupted"
        took = watchers[1].ended_at - stopped_at
        assert took < 15
        own_upstream.will(Answer([" The", " end."]))
        await cluster.at(1).partial(f"/replies/{reply}/continuation")
        assert await ends(Watcher(cluster.at(2), reply)) == "complete"
        everything = "SELECT * FROM replies r JOIN messages m USING (id) WHERE id = $1"
        before = (await cluster.rows(everything, reply))[0]
        await asyncio.sleep(max(0.0, stopped_at + 20 - time.monotonic()))
    finally:
        cluster.processes[0].signal(signal.SIGCONT)

    assert await ends(watchers[0]) == "complete"
    await asyncio.sleep(LOOK_EVERY + 0.5)  # it looks for what is not its own any more
    assert (await cluster.rows(everything, reply))[0] == before
    assert (await cluster.rows("SELECT count(*) FROM reply_chunks"))[0][0] == 0
    again = await cluster.at(0).send("Hello")
    assert await ends(Watcher(cluster.at(2), reply_of(again))) == "complete"
    print(f"interrupted {took:.1f} s after its process was stopped; awake, it changed nothing")


async def test_one_that_leaves_hands_its_watchers_on(
    cluster: Cluster, own_upstream: Upstream
) -> None:
    """R34 with many: a deploy, one process after the other."""
    own_upstream.will(Answer(Spoken("g", 400), pause=0.01))
    sent = await cluster.at(0).send("Tell me a story")
    watcher = Watcher(cluster.at(1), reply_of(sent))
    await sees(watcher, 50)

    cluster.processes[1].signal(signal.SIGTERM)
    assert await cluster.processes[1].left(5) == 0
    watcher._person.base = cluster.processes[2].base

    assert await ends(watcher) == "complete"
    assert await cluster.text(reply_of(sent)) == "".join(Spoken("g", 400))
    assert len(await cluster.rows("SELECT no FROM workers")) == 2
