"""Conversations in the database. Every query is scoped by account_id."""

import asyncio
from itertools import groupby

from chat.accounts.domain import DAY
from chat.conversations.domain import Conversation, Entry, History, Message
from chat.db.database import Database
from chat.db.queries import load_queries
from chat.errors import Invalid
from chat.web.filters import age
from chat.web.i18n import gettext

SQL = load_queries("conversations")
PAGE = 30  # lines of history
SHOWN = 40  # messages of a conversation
PINNED = 50
END = 2**62
_searching = asyncio.Semaphore(1)  # a search takes long: pages keep a reader for themselves


class ConversationRepository:
    """ "Not yours" and "not there" look the same: NotFound."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def get(self, conversation_id: str, account_id: str) -> Conversation:
        row = await self._db.one(SQL["get"], id=conversation_id, account_id=account_id)
        return Conversation(**row)

    async def history(self, account_id: str, now: int, before: str = "", q: str = "") -> History:
        """A page of lines, newest first; `before` is the cursor of the page before it."""
        moment, _, before_id = before.partition("-")
        if before and not (moment.isascii() and moment.isdigit() and len(moment) < 18):
            raise Invalid("This page of the history does not exist.")
        where = {"account_id": account_id, "before": int(moment or END), "before_id": before_id}
        if q:
            async with _searching:
                rows = await self._db.all(
                    SQL["search"], pattern=_pattern(q), limit=PAGE + 1, **where
                )
            pinned = []
        else:
            first = 0 if before else PINNED
            found = await self._db.all(SQL["page"], pinned=first, limit=PAGE + 1, **where)
            pinned = [row for row in found if row["pinned"]]
            rows = found[len(pinned) :]
        entries = [Entry(**row) for row in rows[:PAGE]]
        older = f"{entries[-1].updated_at}-{entries[-1].id}" if len(rows) > PAGE else ""
        groups = _grouped(entries, now)
        if pinned:
            groups.insert(0, (gettext("Pinned"), tuple(Entry(**row) for row in pinned)))
        return History(tuple(groups), older, q)

    async def messages(
        self, conversation: Conversation, account_id: str, before: str = ""
    ) -> tuple[list[Message], str]:
        """The newest messages of the shown path, or those above `before`; oldest first.

        Beside them the id of the first one when there are more above it, else ''.
        """
        start = conversation.leaf_id
        ids = {"conversation_id": conversation.id, "account_id": account_id}
        if before:
            start = str((await self._db.one(SQL["parent"], id=before, **ids))["parent_id"])
        rows = await self._db.all(SQL["path"], from_id=start, limit=SHOWN, **ids)
        found = [Message(**row) for row in rows]
        return found, found[0].id if found and found[0].parent_id else ""

    async def rename(self, conversation_id: str, account_id: str, title: str) -> Conversation:
        row = await self._db.one(
            SQL["rename"], id=conversation_id, account_id=account_id, title=title
        )
        return Conversation(**row)

    async def set_model(self, conversation_id: str, account_id: str, model: str) -> Conversation:
        row = await self._db.one(
            SQL["set_model"], id=conversation_id, account_id=account_id, model=model
        )
        return Conversation(**row)

    async def pin(self, conversation_id: str, account_id: str, on: bool) -> Conversation:
        row = await self._db.one(
            SQL["pin"], id=conversation_id, account_id=account_id, is_on=int(on)
        )
        return Conversation(**row)

    async def archive(self, conversation_id: str, account_id: str, on: bool) -> Conversation:
        row = await self._db.one(
            SQL["archive"], id=conversation_id, account_id=account_id, is_on=int(on)
        )
        return Conversation(**row)

    async def delete(self, conversation_id: str, account_id: str) -> None:
        """With everything that hangs on it."""
        await self._db.one(SQL["delete"], id=conversation_id, account_id=account_id)


def _grouped(entries: list[Entry], now: int) -> list[tuple[str, tuple[Entry, ...]]]:
    groups: dict[str, list[Entry]] = {}
    for _, found in groupby(entries, key=lambda entry: entry.updated_at // DAY):
        same_day = list(found)
        groups.setdefault(age(same_day[0].updated_at, now), []).extend(same_day)
    return [(label, tuple(found)) for label, found in groups.items()]


def _pattern(q: str) -> str:
    """What LIKE looks for: the words as typed, its own signs meant literally."""
    escaped = q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
