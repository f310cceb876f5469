"""How often the words of models are taken in and rendered: a process has one core for all."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

TICK, LONGEST_TICK = 0.1, 0.8  # seconds
MOST_EVENTS = 600  # a second, of this process: beyond that everybody gets fewer, larger ones
_TURNS = 6  # of the event loop, to ask for it, get it and hand it on; half of them to spare


class Pace:
    """Replies are read and rendered less often the more pages of this process read along."""

    def __init__(self) -> None:
        self.readers = 0
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
        return min(LONGEST_TICK, max(TICK, self.readers / MOST_EVENTS))

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


PACE = Pace()
