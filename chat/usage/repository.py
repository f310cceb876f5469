"""An account's replies, summed. Every query is scoped by account_id."""

from chat.db.database import Database
from chat.db.queries import load_queries
from chat.usage.domain import Line

SQL = load_queries("usage")
MOST = 20  # models and conversations that are listed


class UsageRepository:
    """`since`: the first day that counts, in days since 1970, UTC; a reply counts where it ended.

    What belonged to a deleted conversation is gone with it.
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    async def by_day(self, account_id: str, since: int) -> list[Line]:
        """Oldest first; days on which nothing was used are left out."""
        rows = await self._db.all(SQL["by_day"], account_id=account_id, since=since)
        return [Line(**row) for row in rows]

    async def by_model(self, account_id: str, since: int) -> list[Line]:
        """The dearest first."""
        rows = await self._db.all(SQL["by_model"], account_id=account_id, since=since, limit=MOST)
        return [Line(**row) for row in rows]

    async def by_conversation(self, account_id: str, since: int) -> list[Line]:
        """The dearest first."""
        rows = await self._db.all(
            SQL["by_conversation"], account_id=account_id, since=since, limit=MOST
        )
        return [Line(**row) for row in rows]
