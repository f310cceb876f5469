"""R04, R05, R09, R10, R13: the n-th call on the database's files fails, kills, or takes long."""

import asyncio
import os
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from statistics import median, quantiles

import aiohttp

from tests.faults.installation import (
    Installation,
    Sent,
    check_after_kill,
    check_everything,
    new_form,
)
from tests.faults.process import until
from tests.faults.spoken import Spoken, Watcher
from tests.faults.strace import SYNCS, WRITES, injected
from tests.people import Answer as Page
from tests.people import conversation_of, reply_of
from tests.upstream import Answer

LONG = bool(os.environ.get("CHAOS"))
# One send is 22 writes and 1 sync, a saving 2 to 6 writes and 1 sync.
KILLS = {
    WRITES: range(1, 321) if LONG else (1, 60),
    SYNCS: range(1, 81) if LONG else (1, 4),
}
FAILURES = {
    f"{WRITES}:error=ENOSPC": range(1, 201) if LONG else (1, 23),
    f"{SYNCS}:error=EIO": range(1, 61) if LONG else (1, 3),
}
RESTART_EVERY = 20
SLOW = 500_000  # microseconds that a sync takes
WORDS = 500 if LONG else 150  # of the one who is watched, 20 ms apart
SLACK = 0.25  # seconds that others may have to wait longer meanwhile, usually


async def test_killed_at_the_nth_call_it_loses_and_doubles_nothing(
    installation: Installation,
) -> None:
    everything, late, marked = list[Sent](), list[float](), list[float]()
    for calls, n in ((calls, n) for calls, numbers in KILLS.items() for n in numbers):
        spoken, sent = await _killed_at(installation, calls, n)
        behind, after = await check_after_kill(installation, sent, spoken)
        late.append(behind)
        marked.append(after)
        everything += sent

    check_everything(installation, everything)
    print(
        f"{len(late)} kills at a call, {len(everything)} messages, disk behind by at most"
        f" {max(late):.2f} s, all marked {max(marked):.2f} s after a start"
    )


async def _killed_at(
    installation: Installation, calls: str, n: int
) -> tuple[list[Spoken], list[Sent]]:
    """Two who talk without a pause, until the n-th call kills the process."""
    process, spoken, sent = installation.process, list[Spoken](), list[Sent]()
    assert process

    async def talk() -> None:
        while process.child.returncode is None:
            mark = f"{calls[0]}{n}.{len(sent)}"
            words, each = Spoken(mark, 20 + 15 * (len(sent) % 3)), new_form(f"question {mark}")
            spoken.append(words)
            sent.append(each)
            installation.upstream.will(Answer(words, pause=0.01))
            try:
                await installation.send(each)
            except (aiohttp.ClientError, OSError):
                return
            if each.watcher:
                await asyncio.wait({each.watcher.task, gone}, return_when=asyncio.FIRST_COMPLETED)

    gone = asyncio.create_task(process.child.wait())
    async with injected(process, installation.data, f"{calls}:signal=KILL:when={n}"):
        async with asyncio.timeout(60):
            await asyncio.gather(talk(), talk())
            await gone
    installation.upstream.answers.clear()
    return spoken, sent


async def test_what_cannot_be_written_is_never_acknowledged(installation: Installation) -> None:
    """R09, R10: one call fails, and whatever it was for is refused or tried again."""
    everything, total = list[Sent](), Counter[int]()
    faults = [f"{what}:when={n}" for what, numbers in FAILURES.items() for n in numbers]
    for turn, fault in enumerate(faults):
        sent = await _one_failure(installation, fault, turn, total)
        await _all_answered(sent)
        if turn % RESTART_EVERY == 0:
            await _killed(installation)
        questions = installation.disk().questions
        assert all(questions.get(each.form["text"]) == 1 for each in sent if each.watcher)
        refused = [each for each in sent if not each.watcher]
        for each in refused:
            await installation.send(each)
        # What was written but not synced may come back after a crash, refused or not: once, and
        # with nobody who answers it by then.
        await _all_answered(refused, "complete", "interrupted")
        everything += sent

    await _killed(installation)
    check_everything(installation, everything)
    assert total[503] > 0 < total[200]
    print(
        f"of {total.total()} sends beside {len(faults)} failures {total[200]} were"
        f" stored, {total[503]} refused and stored when sent again; {len(everything)} in all"
    )


async def _one_failure(
    installation: Installation, fault: str, turn: int, total: Counter[int]
) -> list[Sent]:
    """Two who talk until a call has failed. `watcher` tells who was acknowledged."""
    process, sent = installation.process, list[Sent]()
    assert process
    async with injected(process, installation.data, fault) as injection:

        async def talk() -> None:
            while not injection.hits:
                each = new_form(f"question {turn}.{len(sent)}")
                sent.append(each)
                installation.upstream.will(Answer(Spoken("w", 25), pause=0.01))
                answer = await installation.person.partial("/conversations", each.form)
                total[answer.status] += 1
                if answer.status == 200:
                    each.conversation = conversation_of(answer)
                    each.watcher = Watcher(installation.person, reply_of(answer))
                    await asyncio.wait({each.watcher.task}, timeout=10)
                else:
                    _refused(answer)
                    installation.upstream.answers.pop()

        async with asyncio.timeout(60):
            await asyncio.gather(talk(), talk())
        assert injection.hits == 1
    assert not [line for line in process.lines if "Traceback" in line]
    return sent


def _refused(answer: Page) -> None:
    assert answer.status == 503, answer.text
    assert int(answer.headers["Retry-After"]) > 0
    assert "Nothing can be saved at the moment" in answer.html.get_text(" ")


async def _all_answered(sent: list[Sent], *endings: str) -> None:
    """`complete` unless told, although a saving or an ending failed in between."""
    for each in sent:
        if each.watcher:
            async with asyncio.timeout(60):
                await each.watcher.task
            assert each.watcher.final
            assert each.watcher.final["data-state"] in (endings or ("complete",))


async def _killed(installation: Installation) -> None:
    assert installation.process
    await installation.process.kill()
    await installation.start()


async def test_r10_while_no_sync_succeeds_nothing_is_acknowledged_and_reading_goes_on(
    installation: Installation,
) -> None:
    process, person, words = installation.process, installation.person, Spoken("w", 150)
    go = asyncio.Event()
    assert process
    installation.upstream.will(Answer(words, pause=0.01, held=go))
    running = new_form("before")
    await installation.send(running)
    watcher = running.watcher
    assert watcher
    await until(lambda: watcher.seen)

    async with injected(process, installation.data, f"{SYNCS}:error=EIO") as injection:
        go.set()
        refused = [await person.send(f"during {n}") for n in range(5)]
        page = await person.get("/")
        await until(lambda: watcher.warning)
        assert injection.hits >= len(refused)
    after = await person.send("after")

    for answer in refused:
        _refused(answer)
    assert (page.status, after.status) == (200, 200)
    await until(lambda: watcher.final or not watcher.warning)
    await _all_answered([running])
    await until(lambda: not installation.disk().running)
    await _killed(installation)
    disk = installation.disk()
    assert disk.damage == ["ok"]
    assert disk.questions == {"before": 1, "after": 1}
    assert disk.texts[watcher.reply] == "".join(words)


class Timed(Spoken):
    """Notes when each word was handed over."""

    def __init__(self, mark: str, length: int) -> None:
        super().__init__(mark, length)
        self.times: list[float] = []

    def __iter__(self) -> Iterator[str]:
        for word in super().__iter__():
            self.times.append(time.monotonic())
            yield word


async def test_r13_slow_syncs_keep_no_words_from_those_who_watch(
    installation: Installation,
) -> None:
    process = installation.process
    assert process
    usual, calm, _ = await _beside_others(installation)
    fault = f"{SYNCS}:delay_enter={SLOW}"
    async with injected(process, installation.data, fault) as injection:
        slow, pages, sends = await _beside_others(installation)
        assert injection.hits > 2
    print(
        f"each sync {SLOW / 1e6} s: words after {_worst(slow):.3f} s, usually after"
        f" {_worst(usual):.3f} s; pages in at most {max(pages):.2f} s, sends in {max(sends):.2f} s"
    )
    assert min(sends) > SLOW / 1e6, "they waited for the disk"
    assert median(slow) < median(usual) + SLACK
    assert median(pages) < median(calm) + SLACK


async def _beside_others(
    installation: Installation,
) -> tuple[list[float], list[float], list[float]]:
    """Seconds: from a word's arrival to the watcher, for a page, for a send of somebody else."""
    words, pages, sends = Timed("w", WORDS), list[float](), list[float]()
    installation.upstream.will(Answer(words, pause=0.02))
    sent = new_form(f"long {secrets.token_hex(4)}")
    await installation.send(sent)
    watcher = sent.watcher
    assert watcher

    async def others() -> None:
        while not watcher.final:
            began = time.monotonic()
            answer = await installation.person.send(f"short {secrets.token_hex(4)}")
            sends.append(time.monotonic() - began)
            assert answer.status == 200

    async def reader() -> None:
        while not watcher.final:
            began = time.monotonic()
            assert (await installation.person.get("/")).status == 200
            pages.append(time.monotonic() - began)
            await asyncio.sleep(0.1)

    await asyncio.gather(others(), others(), reader(), watcher.task)
    return _delays(words, watcher), pages, sends


def _delays(words: Timed, watcher: Watcher) -> list[float]:
    """Of every word that was shown while the reply grew; its last ones come with its end."""
    found, at = list[float](), 0
    for when, shown in watcher.seen[:-1]:
        found += [when - given for given in words.times[at : len(shown)]]
        at = max(at, len(shown))
    assert len(found) > len(words) * 0.5
    return found


def _worst(seconds: list[float]) -> float:
    """All but one in a hundred are faster."""
    return quantiles(seconds, n=100, method="inclusive")[-1]
