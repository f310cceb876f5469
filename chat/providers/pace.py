"""How often the words of models are taken in and rendered: a process has one core for all."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager

TICK, LONGEST_TICK = 0.1, 0.8  # seconds
MOST_EVENTS = 500  # a second on one core: beyond that everybody gets fewer, larger ones
TOGETHER = 12  # replies that are read and rendered in one go: waking up for each costs more
_TURNS = 3  # of the event loop: to ask for it, get it and hand it on


class Pace:
    """Replies are read and rendered less often the more pages read along.

    `readers`: pages of this process; `share` says how many there are in those beside it, which may
    have to do with the same cores. `cores`: as many as this process may use by default.
    """

    def __init__(self, cores: int = 0) -> None:
        self.readers = 0
        self._cores = cores or _usable()
        self._others = 0
        self._beside = 0
        self._resting: dict[float, set[asyncio.Future[None]]] = {}  # by the moment they wait for

    @contextmanager
    def reader(self) -> Iterator[None]:
        self.readers += 1
        try:
            yield
        finally:
            self.readers -= 1

    @property
    def tick(self) -> float:
        """Seconds."""
        of_a_core = (self.readers + self._beside) / min(self._cores, 1 + self._others)
        return min(LONGEST_TICK, max(TICK, max(self.readers, of_a_core) / MOST_EVENTS))

    def after(self, moment: float) -> float:
        """When what was done at `moment` (of the loop) is done again: about a tick later.

        At moments that are the same for several replies, but not for all: to wake up costs more
        than much of what is done then, and what is done in one go holds up everybody else.
        """
        tick = self.tick
        slot = tick / max(1, self.readers // TOGETHER)
        return round(moment / slot) * slot + tick

    def share(self, others: int, readers: int) -> None:
        """So many other processes on this machine have pages that read along, so many in all."""
        self._others, self._beside = others, readers

    async def until(self, moment: float, woken: "asyncio.Future[None] | None" = None) -> None:
        """Until that moment of the loop, or somebody hurries, or `woken` is done.

        One timer wakes all who wait for the same moment.
        """
        loop = asyncio.get_running_loop()
        woken = woken or loop.create_future()
        if (resting := self._resting.get(moment)) is None:
            resting = self._resting[moment] = set()
            loop.call_at(moment, self._wake, moment)
        resting.add(woken)
        try:
            await woken
        finally:
            resting.discard(woken)
            if not resting and self._resting.get(moment) is resting:
                del self._resting[moment]

    async def hurry(self) -> None:
        """What has come by now is read when this returns."""
        for moment in list(self._resting):
            self._wake(moment)
        await self.taken_in()
        await self.taken_in()  # to be sure: there is no next time

    async def taken_in(self) -> None:
        """Whoever was woken up just now has read what had come when this returns."""
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    def _wake(self, moment: float) -> None:
        for woken in self._resting.pop(moment, ()):
            if not woken.done():
                woken.set_result(None)


def _usable() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


PACE = Pace()
