"""How often the words of models are taken in and rendered: a process has one core for all."""

from collections.abc import Iterator
from contextlib import contextmanager

TICK, LONGEST_TICK = 0.1, 0.5  # seconds
MOST_EVENTS = 600  # a second, of this process: beyond that everybody gets fewer, larger ones


class Pace:
    """Replies are read and rendered less often the more pages of this process read along."""

    def __init__(self) -> None:
        self.readers = 0

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


PACE = Pace()
