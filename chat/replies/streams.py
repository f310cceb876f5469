"""How many streams are open, and for whom; each one ends soon after its session has."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from quart import current_app

from chat.accounts.repository import SessionRepository
from chat.errors import OverLimit, Unavailable

LOOK_EVERY = 3  # seconds between two looks at the sessions
MOST = 2_000  # of this process
log = logging.getLogger(__name__)


class Streams:
    def __init__(self, limit: int, sessions: SessionRepository) -> None:
        self._limit = limit
        self._sessions = sessions
        self._open: Counter[str] = Counter()  # by account
        self._watching: Counter[str] = Counter()  # by session
        self._ended: set[str] = set()

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
    def place(self, account_id: str, session_id: str) -> Iterator[None]:
        """A place among the open streams. Of many that were let in at once, some find it taken."""
        self.check(account_id)
        counted = (self._open, account_id), (self._watching, session_id)
        for counter, name in counted:
            counter[name] += 1
        try:
            yield
        finally:
            for counter, name in counted:
                counter[name] -= 1
                if not counter[name]:
                    del counter[name]

    def ended(self, session_id: str) -> bool:
        """Whether a session with an open stream was over at the last look."""
        return session_id in self._ended

    async def look_forever(self) -> None:
        """One look for all of them: a question of each would be hundreds a second."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                watching = set(self._watching)
                living = await self._sessions.living(watching) if watching else set()
                self._ended = watching - living
            except Unavailable:
                continue  # who reads along goes on
            except Exception:
                log.exception("looking at the sessions of open streams failed")


def current_streams() -> Streams:
    found: Streams = current_app.extensions["streams"]
    return found
