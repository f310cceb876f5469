"""The more pages read along, the fewer and larger their events: a process has one core."""

import asyncio
import time
from contextlib import ExitStack

import pytest

from chat.providers.pace import PACE, Pace
from tests.people import Person, reply_of
from tests.site import Site
from tests.upstream import Answer, Upstream


@pytest.mark.parametrize(
    ("readers", "tick"), [(1, 0.1), (50, 0.1), (150, 0.3), (375, 0.75), (2_000, 0.8)]
)
def test_the_events_of_a_process_are_limited(readers: int, tick: float) -> None:
    pace = Pace()
    with ExitStack() as reading:
        for _ in range(readers):
            reading.enter_context(pace.reader())
        assert pace.tick == tick
    assert (pace.readers, pace.tick) == (0, 0.1)


@pytest.mark.parametrize(
    ("cores", "others", "beside", "tick"),
    [(1, 1, 90, 0.48), (1, 2, 90, 0.48), (2, 1, 90, 0.3), (2, 2, 300, 0.45), (8, 2, 300, 0.3)],
)
def test_processes_share_the_cores_and_none_uses_two(
    cores: int, others: int, beside: int, tick: float
) -> None:
    pace = Pace(cores)
    pace.share(others, beside)
    with ExitStack() as reading:
        for _ in range(150):
            reading.enter_context(pace.reader())
        assert pace.tick == tick


@pytest.mark.parametrize(("readers", "moments"), [(1, 1), (10, 1), (30, 2), (120, 10), (600, 50)])
def test_replies_are_taken_in_together_but_not_all_at_once(readers: int, moments: int) -> None:
    pace, now = Pace(1), 1234.5
    with ExitStack() as reading:
        for _ in range(readers):
            reading.enter_context(pace.reader())
        tick = pace.tick
        began = [now + tick * number / 1_000 for number in range(1_000)]
        again = [pace.after(moment) for moment in began]
        late = [pace.after(moment + tick / moments / 3) for moment in again]

    uneven = tick / moments / 2 + 1e-9
    assert all(
        abs(then - moment - tick) <= uneven for moment, then in zip(began, again, strict=True)
    )
    assert len({round(then % tick, 6) % round(tick, 6) for then in again}) == moments
    assert [round(then - moment, 6) for moment, then in zip(again, late, strict=True)] == [
        round(tick, 6)
    ] * 1_000  # who is a little late is not later and later


async def test_who_waits_is_woken_at_the_moment_or_by_somebody_in_a_hurry() -> None:
    pace, loop = Pace(1), asyncio.get_running_loop()
    soon, far = loop.time() + 0.05, loop.time() + 3_600
    early = [asyncio.create_task(pace.until(soon)) for _ in range(3)]
    late, called = asyncio.create_task(pace.until(far)), loop.create_future()
    alone = asyncio.create_task(pace.until(far, called))

    async with asyncio.timeout(15):
        await asyncio.gather(*early)
        assert loop.time() > soon - 0.002
        assert not (late.done() or alone.done())
        called.set_result(None)
        await alone
        assert not late.done()
        await pace.hurry()
    assert late.done()


def test_a_moment_whose_loop_has_ended_comes_in_the_next_one_all_the_same() -> None:
    pace, moment = Pace(1), time.monotonic() + 0.5

    async def give_up() -> None:
        resting = asyncio.create_task(pace.until(moment))
        await asyncio.sleep(0)
        resting.cancel()

    async def wait() -> None:
        async with asyncio.timeout(15):
            await pace.until(moment)

    asyncio.run(give_up())
    asyncio.run(wait())


async def test_every_open_stream_counts_until_it_ends(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    before, go = PACE.readers, asyncio.Event()
    upstream.will(Answer(["Once", " upon"], held=go))
    reply = reply_of(await ada.send("Tell me a story"))

    async with asyncio.TaskGroup() as watching:
        watchers = [watching.create_task(ada.watched(reply)) for _ in range(3)]
        async with asyncio.timeout(15):
            while PACE.readers < before + 3:  # noqa: ASYNC110 (the server is in this process)
                await asyncio.sleep(0.01)
        go.set()

    assert [len(watcher.result()) > 0 for watcher in watchers] == [True] * 3
    assert PACE.readers == before
