"""How many streams are open, and for whom; each one ends soon after its session has."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from quart import current_app

from chat.accounts.repository import SessionRepository
from chat.errors import OverLimit, Unavailable

LOOK_EVERY = 3  # seconds between two looks at the session
MOST = 2_000  # of this process


class Streams:
    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: Counter[str] = Counter()

    def check(self, account_id: str) -> None:
        """OverLimit or Unavailable when one more would be too many."""
        if self._open[account_id] >= self._limit:
            raise OverLimit(
                "Too many pages are following answers for you. Close some of them.",
                code="too_many",
                retry_after=5,
            )
        if self._open.total() >= MOST:
            raise Unavailable("Too many people are reading at once.", code="busy", retry_after=5)

    @contextmanager
    def place(self, account_id: str) -> Iterator[None]:
        """A place among the open streams. Of many that were let in at once, some find it taken."""
        self.check(account_id)
        self._open[account_id] += 1
        try:
            yield
        finally:
            self._open[account_id] -= 1
            self._open += Counter()  # drops those at zero


class SessionWatch:
    """Whether a stream may go on: asks the database every few seconds."""

    def __init__(self, sessions: SessionRepository, session_id: str, account_id: str) -> None:
        self._sessions = sessions
        self._ids = (session_id, account_id)
        self._next = time.monotonic() + LOOK_EVERY

    @property
    def due(self) -> bool:
        return time.monotonic() >= self._next

    async def ended(self) -> bool:
        self._next = time.monotonic() + LOOK_EVERY
        return not await self._sessions.lives(*self._ids)


def current_streams() -> Streams:
    found: Streams = current_app.extensions["streams"]
    return found
