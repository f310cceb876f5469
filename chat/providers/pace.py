"""How often the words of models are taken in and rendered: a process has one core for all."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager

TICK, LONGEST_TICK = 0.1, 0.8  # seconds
MOST_EVENTS = 500  # a second on one core: beyond that everybody gets fewer, larger ones
TOGETHER = 12  # replies that are read and rendered in one go: waking up for each costs more
_TURNS = 6  # of the event loop, to ask for it, get it and hand it on; half of them to spare


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
        self._resting: set[asyncio.Future[None]] = set()

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

    async def rest(self, seconds: float) -> None:
        """Until so much time has passed, or somebody hurries."""
        loop = asyncio.get_running_loop()
        resting: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(seconds, _wake, resting)
        self._resting.add(resting)
        try:
            await resting
        finally:
            self._resting.discard(resting)
            timer.cancel()

    async def hurry(self) -> None:
        """What has come by now is read when this returns."""
        for resting in self._resting:
            _wake(resting)
        for _ in range(_TURNS):
            await asyncio.sleep(0)


def _wake(resting: asyncio.Future[None]) -> None:
    if not resting.done():
        resting.set_result(None)


def _usable() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


PACE = Pace()
