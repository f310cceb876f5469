"""How often somebody may try. Counted in rows, so that every process counts the same."""

from chat.db.database import Statements
from chat.db.queries import load_queries
from chat.errors import OverLimit

SQL = load_queries("throttles")
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000


class Throttle:
    """Inside a transaction a try that is refused later does not count either."""

    def __init__(self, db: Statements, now: int) -> None:
        self._db = db
        self._now = now

    async def count(self, key: str, limit: int, window: int, message: str) -> None:
        """One more try under `key`; OverLimit with `message` past `limit` within `window` ms."""
        row = await self._db.one(SQL["count"], key=key, now=self._now, since=self._now - window)
        if row["count"] > limit:
            left = row["started_at"] + window - self._now
            raise OverLimit(message, code="too_many", retry_after=max(1, -(-left // SECOND)))

    async def forget(self) -> None:
        """Drops what no window reaches back to any more."""
        await self._db.run(SQL["forget"], since=self._now - 24 * HOUR)
