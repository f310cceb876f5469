"""Attachments in the database. Every query is scoped by account_id."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from chat.attachments.domain import MOST_UNSENT, Attachment, Limits, Listed
from chat.attachments.reading import Reading
from chat.db.database import Database, Statements, Transaction
from chat.db.queries import load_queries
from chat.errors import Invalid, NotFound, OverLimit, TooLarge
from chat.web.text import clean

SQL = load_queries("attachments")
STALE = 60_000  # milliseconds after which whoever removes a file has died
PAGE = 50
END = 2**62


class BeingDeleted(Exception):
    """This content leaves the disk at this moment; in a moment it is gone."""


@dataclass(frozen=True, slots=True)
class Content:
    """A file that has arrived. `derived` as in `Attachment`."""

    file: str
    size: int
    reading: Reading
    derived: str


class FileGone(NotFound):
    """Only a file that the form names is; what else it builds on is there."""


class AttachmentRepository:
    """ "Not yours" and "not there" look the same: NotFound."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def add(
        self, content: Content, name: str, account_id: str, now: int, limits: Limits
    ) -> str:
        """A place for a content, which may be kept only after this; answers the attachment's id.

        From here on nobody removes the content. Errors: TooLarge, OverLimit, BeingDeleted.
        """

        async def add(tx: Transaction) -> str:
            await tx.lock(f"stored {account_id}")
            await tx.lock(f"file {content.file}")
            await _admit(tx, content, name, account_id, limits)
            known = await tx.all(SQL["file"], file=content.file)
            if known and known[0]["deleting_at"] and known[0]["deleting_at"] > now - STALE:
                raise BeingDeleted
            await tx.run(SQL["add_file"], now=now, **_columns(content))
            attachment_id = secrets.token_hex(16)
            await _add(tx, attachment_id, None, 0, name, content.file, account_id, now)
            return attachment_id

        return await self._db.transaction(add)

    async def get(self, attachment_id: str, account_id: str) -> Attachment:
        """With its text."""
        row = await self._db.one(SQL["get"], id=attachment_id, account_id=account_id)
        return Attachment(**row)

    async def some(self, ids: Sequence[str], account_id: str) -> tuple[Attachment, ...]:
        """Those of them that are this account's, in the order of the ids; without texts."""
        return await _some(self._db, ids, account_id)

    async def of_messages(
        self, account_id: str, message_ids: Sequence[str], *, texts: bool = True
    ) -> dict[str, tuple[Attachment, ...]]:
        """By message, in their order; messages without files are not in it."""
        if not message_ids:
            return {}
        rows = await self._db.all(
            SQL["of_messages"],
            account_id=account_id,
            ids=json.dumps(list(message_ids)),
            texts=int(texts),
        )
        found: dict[str, list[Attachment]] = {}
        for row in rows:
            found.setdefault(row["message_id"], []).append(Attachment(**row))
        return {message_id: tuple(files) for message_id, files in found.items()}

    async def used(self, account_id: str) -> int:
        """Bytes of all that an account keeps."""
        return int((await self._db.one(SQL["used"], account_id=account_id))["bytes"])

    async def page(self, account_id: str, before: str = "") -> tuple[list[Listed], str]:
        """One's files, newest first; beside them the cursor of the next page, '' at the end."""
        moment, _, before_id = before.partition("-")
        if before and not (moment.isascii() and moment.isdigit() and len(moment) < 18):
            raise Invalid("This page of your files does not exist.")
        rows = await self._db.all(
            SQL["page"],
            account_id=account_id,
            before=int(moment or END),
            before_id=before_id,
            limit=PAGE + 1,
        )
        found = [_listed(dict(row)) for row in rows[:PAGE]]
        last = found[-1].attachment if len(rows) > PAGE else None
        return found, f"{last.created_at}-{last.id}" if last else ""

    async def delete(self, attachment_id: str, account_id: str) -> None:
        """Also out of a message that was sent."""
        await self._db.one(SQL["delete"], id=attachment_id, account_id=account_id)

    async def discard(self, attachment_id: str, account_id: str) -> None:
        """Only if it was never sent."""
        await self._db.run(SQL["discard"], id=attachment_id, account_id=account_id)


async def attached(
    tx: Statements, ids: Sequence[str], message_id: str, account_id: str
) -> tuple[Attachment, ...]:
    """Puts them into a message; NotFound unless each is this account's, and was never sent."""
    for position, attachment_id in enumerate(ids):
        found = _is_one(attachment_id) and await tx.all(
            SQL["attach"],
            id=attachment_id,
            message_id=message_id,
            position=position,
            account_id=account_id,
        )
        if not found:
            raise FileGone("A file of this message is gone, or was sent already. Leave it out.")
    return await _some(tx, ids, account_id)


async def carried(
    tx: Statements, message_id: str, to_message_id: str, account_id: str, now: int
) -> tuple[Attachment, ...]:
    """The same files in another version of their message."""
    files = await held(tx, message_id, account_id)
    copies = [secrets.token_hex(16) for _ in files]
    for position, (copy, each) in enumerate(zip(copies, files, strict=True)):
        await _add(tx, copy, to_message_id, position, each.name, each.file, account_id, now)
    return await _some(tx, copies, account_id)


async def held(tx: Statements, message_id: str, account_id: str) -> tuple[Attachment, ...]:
    """The files of a message, without their texts."""
    ids = json.dumps([message_id])
    rows = await tx.all(SQL["of_messages"], account_id=account_id, ids=ids, texts=0)
    return tuple(Attachment(**row) for row in rows)


async def same(
    tx: Statements, ids: Sequence[str], message_id: str, account_id: str
) -> tuple[Attachment, ...] | None:
    """What a message holds when a form with these ids brings the same once more, else None.

    What came with the form anew, and waits unsent, is discarded then.
    """
    there = await held(tx, message_id, account_id)
    given = await _some(tx, ids, account_id)
    if sorted(each.file for each in given) != sorted(each.file for each in there):
        return None
    for each in given:
        await tx.run(SQL["discard"], id=each.id, account_id=account_id)
    return there


def _is_one(attachment_id: str) -> bool:
    """What is no id is nobody's; and PostgreSQL knows no NUL."""
    return attachment_id.isascii() and attachment_id.isalnum()


async def _some(tx: Statements, ids: Sequence[str], account_id: str) -> tuple[Attachment, ...]:
    asked = [each for each in ids if _is_one(each)]
    if not asked:
        return ()
    rows = await tx.all(SQL["some"], account_id=account_id, ids=json.dumps(asked))
    found = {row["id"]: Attachment(**row) for row in rows}
    return tuple(found[each] for each in dict.fromkeys(asked) if each in found)


async def _admit(
    tx: Statements, content: Content, name: str, account_id: str, limits: Limits
) -> None:
    used = await tx.one(SQL["used"], account_id=account_id)
    if used["unsent"] >= MOST_UNSENT:
        raise OverLimit(
            "Too many files wait to be sent. Send some, or remove them.",
            code="too_many",
            retry_after=60,
        )
    if used["bytes"] + content.size > limits.stored_bytes and not await tx.all(
        SQL["holds"], account_id=account_id, file=content.file
    ):
        raise no_room(name)


def no_room(name: str) -> TooLarge:
    return TooLarge(
        "There is no room left for %(name)s. Delete files on your account page.",
        code="upload_too_large",
        name=name,
    )


async def _add(
    tx: Statements,
    attachment_id: str,
    message_id: str | None,
    position: int,
    name: str,
    file: str,
    account_id: str,
    now: int,
) -> None:
    await tx.run(
        SQL["add"],
        id=attachment_id,
        account_id=account_id,
        message_id=message_id,
        position=position,
        name=name,
        file=file,
        now=now,
    )


def _columns(content: Content) -> dict[str, object]:
    found = content.reading
    return {
        "file": content.file,
        "size": content.size,
        "type": found.type,
        "kind": found.kind,
        "trouble": found.trouble,
        "cut": int(found.cut),
        "pages": found.pages,
        "width": found.width,
        "height": found.height,
        "derived": content.derived,
        "text": clean(found.text),
    }


def _listed(row: dict[str, object]) -> Listed:
    place, title = str(row.pop("conversation_id")), str(row.pop("title"))
    return Listed(Attachment(**row), place, title)  # type: ignore[arg-type] # the columns of `page`
