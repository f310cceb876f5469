"""A file's way from the browser to its place, and from there off the disk."""

import asyncio
import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from quart import current_app

from chat.attachments import reading
from chat.attachments.disk import made_folder, on_disk
from chat.attachments.domain import Attachment, Limits, clean_name
from chat.attachments.reading import Reading
from chat.attachments.repository import (
    SQL,
    AttachmentRepository,
    BeingDeleted,
    Content,
    no_room,
)
from chat.attachments.store import PIECE, Store, unkept
from chat.db.database import Database
from chat.errors import Invalid, TooLarge

log = logging.getLogger(__name__)
PATIENCE = 10.0  # seconds that somebody may take to remove the same content
TYPES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG": "image/png", b"RIFF": "image/webp"}


class Arriving:
    """One file on its way in: written and hashed piece by piece, in a thread."""

    def __init__(self, folder: Path, name: str, limits: Limits, room: int) -> None:
        self.name = clean_name(name)
        self.size = 0
        self.sha256 = ""
        self._limits = limits
        self._room = room
        self._waiting: list[bytes] = []
        self._hash = hashlib.sha256()
        with _room_needed():
            handle, path = tempfile.mkstemp(dir=made_folder(folder))
        self.path = Path(path)
        self._file = os.fdopen(handle, "wb", buffering=0)

    async def write(self, data: bytes) -> None:
        self.size += len(data)
        if self.size > self._limits.upload_bytes:
            raise too_large(self.name, self._limits.upload_bytes)
        if self.size > self._room:
            raise no_room(self.name)
        self._waiting.append(data)
        if sum(map(len, self._waiting)) >= PIECE:
            await self._flush()

    async def close(self) -> None:
        await self._flush()
        self._file.close()
        self.sha256 = self._hash.hexdigest()
        if not self.size:
            raise Invalid("%(name)s is empty.", name=self.name)

    def drop(self) -> None:
        """Leaves nothing behind, wherever it was."""
        self._file.close()
        self.path.unlink(missing_ok=True)

    async def _flush(self) -> None:
        pieces, self._waiting = self._waiting, []
        with _room_needed():
            await on_disk(self._write, pieces)

    def _write(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            self._hash.update(piece)
            if self._file.write(piece) != len(piece):
                raise OSError("the disk is full")


class Files:
    """The store, and the rows that say what is in it."""

    def __init__(self, db: Database, store: Store, folder: Path, clock: Callable[[], int]) -> None:
        self.store = store
        self.folder = folder  # temporary files
        self.freed = asyncio.Event()  # something may be held by nobody any more
        self._db = db
        self._rows = AttachmentRepository(db)
        self._clock = clock

    async def keep(self, arrived: Arriving, account_id: str, limits: Limits) -> Attachment:
        """Reads it, gives it a place, and puts it there. Errors: TooLarge, OverLimit, Unavailable.

        What is known already is read and written once more: nobody can tell by the time it takes.
        """
        with _room_needed():
            beside = Path(await on_disk(tempfile.mkdtemp, dir=self.folder))
        try:
            found = await reading.read(arrived.path, arrived.name, beside)
            pictures = _pictures(found)
            derived = await on_disk(_types, pictures)
            content = Content(_named(arrived.sha256, found), arrived.size, found, derived)
            attachment_id = await self._place(content, arrived.name, account_id, limits)
            try:
                for name, path in pictures.items():
                    await self.store.keep(path, f"{content.file}.{name}")
                await self.store.keep(arrived.path, content.file)
            except BaseException:
                await asyncio.shield(self._rows.delete(attachment_id, account_id))
                self.freed.set()
                raise
        finally:
            await asyncio.shield(on_disk(shutil.rmtree, beside, ignore_errors=True))
        return await self._rows.get(attachment_id, account_id)

    async def checked(self, files: Sequence[Attachment]) -> tuple[Attachment, ...]:
        """The same, for a page; the `trouble` of those whose content was lost is `missing`."""
        lost = await self.store.lost([each.file for each in files]) if files else frozenset()
        return tuple(replace(f, trouble="missing") if f.file in lost else f for f in files)

    async def discard(self, attachments: list[Attachment], account_id: str) -> None:
        """What was kept a moment ago is not wanted after all."""
        for each in attachments:
            await self._db.run(SQL["discard"], id=each.id, account_id=account_id)
        self.freed.set()

    async def _place(self, content: Content, name: str, account_id: str, limits: Limits) -> str:
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    try:
                        return await self._rows.add(
                            content, name, account_id, self._clock(), limits
                        )
                    except BeingDeleted:
                        await asyncio.sleep(0.05)
        except TimeoutError as error:
            raise unkept() from error


def current_files() -> Files:
    found: Files = current_app.extensions["files"]
    return found


def too_large(name: str, most: int) -> TooLarge:
    amount = f"{most / 1e6:.4g} MB" if most >= 1e6 else f"{most / 1e3:.4g} kB"
    return TooLarge(
        "%(name)s is too large: a file may have at most %(limit)s.",
        code="upload_too_large",
        name=name,
        limit=amount,
    )


@contextmanager
def _room_needed() -> Iterator[None]:
    """Unavailable when the disk gives none."""
    try:
        yield
    except OSError as error:
        raise unkept() from error


def _named(sha256: str, found: Reading) -> str:
    """The name of a content. Of text, what it was called says how it is read: `a.txt` and `a.html`
    of the same bytes are two, or whoever sends the second would change the first."""
    if found.kind != "text" or found.type == "text/plain":
        return sha256
    return hashlib.sha256(f"{found.type} {sha256}".encode()).hexdigest()


def _pictures(found: Reading) -> dict[str, Path]:
    pictures = {"model": found.model, "thumb": found.thumb}
    pages = {f"page{n}": path for n, path in enumerate(found.pages_as_images, 1)}
    return {name: path for name, path in {**pictures, **pages}.items() if path}


def _types(pictures: dict[str, Path]) -> str:
    """`derived` of an attachment: our own encoders made them, each is one of three types."""
    found = {}
    for name, path in pictures.items():
        with path.open("rb") as file:
            head = file.read(4)
        found[name] = next(kind for magic, kind in TYPES.items() if head.startswith(magic))
    return " ".join(f"{name}:{kind}" for name, kind in found.items())
