"""Conversations in the database. Every query is scoped by account_id."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from chat.accounts.domain import DAY
from chat.attachments.repository import AttachmentRepository
from chat.conversations.domain import Conversation, Entry, History, Message
from chat.db.database import Database, Transaction, columns
from chat.db.queries import load_queries
from chat.errors import Invalid
from chat.web.filters import age
from chat.web.i18n import gettext

SQL = load_queries("conversations")
PAGE = 30  # lines of history
SHOWN = 40  # messages of a conversation
ABOVE = 3  # messages above one that was asked for
MOST_SHOWN = 400
LONGEST_HISTORY = 400  # messages that can go into a prompt
PINNED = 50
END = 2**62
Place = tuple[str | None, int]  # what stands there are versions of each other: the parent, the side
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
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
            exact = _pattern(q)
            patterns = {"exact": exact, "rough": _BEYOND_ASCII.sub("_", exact)}
            async with _searching:
                rows = await self._db.all(SQL["search"], **patterns, limit=PAGE + 1, **where)
            pinned = []
        else:
            first = 0 if before else PINNED
            found = await self._db.all(SQL["page"], pinned=first, limit=PAGE + 1, **where)
            pinned = [row for row in found if row["pinned"]]
            rows = found[len(pinned) :]
        entries = [Entry._make(columns(row)) for row in rows[:PAGE]]
        older = f"{entries[-1].updated_at}-{entries[-1].id}" if len(rows) > PAGE else ""
        groups = _grouped(entries, now)
        if pinned:
            lines = tuple(Entry._make(columns(row)) for row in pinned)
            groups.insert(0, (gettext("Pinned"), lines))
        return History(tuple(groups), older, q)

    async def messages(
        self, conversation: Conversation, account_id: str, before: str = "", at: str = ""
    ) -> tuple[list[Message], str]:
        """The newest messages of the shown path, or those above `before`; oldest first.

        With `at` of the path through that message instead, down to the newest one below it.
        Beside them the id of the first one when there are more above it, else ''.
        """
        start, limit = conversation.leaf_id, SHOWN
        ids = {"conversation_id": conversation.id, "account_id": account_id}
        if before:
            start = str((await self._db.one(SQL["parent"], id=before, **ids))["parent_id"])
        elif at:
            below = await self._db.one(SQL["newest_below"], id=at, **ids)
            start, limit = str(below["id"]), min(max(SHOWN, below["depth"] + ABOVE), MOST_SHOWN)
        rows = await self._db.all(SQL["path"], from_id=start, limit=limit, thoughts=1, **ids)
        found = await self.versioned([Message(**row) for row in rows], conversation.id, account_id)
        found = await self._with_files(found, account_id)
        return found, found[0].id if found and found[0].parent_id else ""

    async def path(
        self, conversation: Conversation, account_id: str, most: int = LONGEST_HISTORY
    ) -> list[Message]:
        """The newest messages of the remembered path, oldest first."""
        rows = await self._db.all(
            SQL["path"],
            from_id=conversation.leaf_id,
            conversation_id=conversation.id,
            account_id=account_id,
            limit=most,
            thoughts=0,
        )
        return [Message(**row) for row in rows]

    async def versioned(
        self, path: Sequence[Message], conversation_id: str, account_id: str
    ) -> list[Message]:
        """The messages, each below the one before it, with the ids of all their versions."""
        if not path:
            return []
        rows = await self._db.all(
            SQL["siblings"],
            from_id=path[-1].id,
            conversation_id=conversation_id,
            account_id=account_id,
            limit=len(path),
        )
        versions: dict[Place, tuple[str, ...]] = {}
        for row in rows:
            place = row["parent_id"], row["side"]
            versions[place] = (*versions.get(place, ()), row["id"])
        path = [replace(each, versions=versions.get(_place(each), ())) for each in path]
        if not any(each.side for each in path):
            return path
        others = await self._db.all(
            SQL["beside"],
            from_id=path[-1].id,
            conversation_id=conversation_id,
            account_id=account_id,
            limit=len(path),
        )
        return _side_by_side(path, [Message(**row, chosen=False) for row in others], versions)

    async def ends_at(self, message: Message, conversation: Conversation, account_id: str) -> bool:
        """Whether the remembered path ends here, or in a reply beside this one."""
        if not message.side or not conversation.leaf_id:
            return conversation.leaf_id == message.id
        row = await self._db.one(
            SQL["parent"],
            id=conversation.leaf_id,
            conversation_id=conversation.id,
            account_id=account_id,
        )
        return bool(row["parent_id"] == message.parent_id)

    async def compared(self, question_id: str, account_id: str) -> list[str]:
        """Ids of the models that answered this question side by side; none when one did alone."""
        rows = await self._db.all(SQL["sides"], id=question_id, account_id=account_id)
        return list({row["side"]: str(row["model"]) for row in rows}.values())

    async def _with_files(self, messages: Sequence[Message], account_id: str) -> list[Message]:
        asked = [message.id for message in messages if message.role == "user"]
        files = await AttachmentRepository(self._db).of_messages(account_id, asked, texts=False)
        return [replace(message, files=files.get(message.id, ())) for message in messages]

    async def question(self, message_id: str, account_id: str) -> tuple[Conversation, str]:
        """The conversation that somebody's message is in, and its text."""
        row = await self._db.one(SQL["question"], id=message_id, account_id=account_id)
        return await self.get(row["conversation_id"], account_id), str(row["text"])

    async def turn_to(self, message_id: str, account_id: str) -> str:
        """Shows the path through this message from now on; answers the conversation's id.

        Of several replies side by side that chooses one, and its model for what comes next.
        """

        async def turn(tx: Transaction) -> str:
            place = await tx.one(SQL["place"], id=message_id, account_id=account_id)
            ids = {"conversation_id": place["conversation_id"], "account_id": account_id}
            below = await tx.one(SQL["newest_below"], id=message_id, **ids)
            await tx.run(
                SQL["set_path"],
                id=place["conversation_id"],
                account_id=account_id,
                leaf_id=below["id"],
            )
            if place["side"]:
                ids = {"id": place["conversation_id"], "account_id": account_id}
                await tx.one(SQL["set_model"], model=place["model"], **ids)
            return str(place["conversation_id"])

        return await self._db.transaction(turn)

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


def _place(message: Message) -> Place:
    return message.parent_id, message.side


def _side_by_side(
    path: Sequence[Message], others: Sequence[Message], versions: dict[Place, tuple[str, ...]]
) -> list[Message]:
    others = [replace(each, versions=versions.get(_place(each), ())) for each in others]
    beside = {
        message.id: tuple(each for each in others if each.parent_id == message.parent_id)
        for message in path
        if message.side
    }
    return [replace(each, beside=beside.get(each.id, ())) for each in path]


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
