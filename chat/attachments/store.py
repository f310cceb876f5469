"""Where the content of files is, under names that are made of it: a folder, or an object store."""

import os
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from chat.attachments.disk import made_folder, on_disk, synced
from chat.errors import Unavailable

PIECE = 256 * 1024  # bytes
NAME = re.compile(r"[0-9a-f]{64}(\.(model|thumb|page\d{1,2}))?")


class Store(Protocol):
    """Contents by name. What is not there is a FileNotFoundError; Unavailable: not reachable."""

    async def keep(self, given: Path, name: str) -> None:
        """Moves a file of `temporary()` there; on disk then. What is there already is the same."""
        ...

    async def size(self, name: str) -> int:
        """In bytes."""
        ...

    async def lost(self, names: Sequence[str]) -> frozenset[str]:
        """Those of them that are not there; none where that is dear to know, for each page asks."""
        ...

    def stream(self, name: str, start: int, stop: int) -> AsyncIterator[bytes]:
        """The bytes from `start` up to `stop`, which are there, in pieces."""
        ...

    async def delete(self, name: str) -> None:
        """Gone, or never there."""
        ...

    def names(self, before: int) -> AsyncIterator[str]:
        """Those that were kept before then, in milliseconds since 1970, UTC."""
        ...


class Folder:
    """`ab/<name>` for a name that begins with ab."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def keep(self, given: Path, name: str) -> None:
        try:
            await on_disk(_move, given, self._path(name))
        except OSError as error:
            raise unkept() from error

    async def size(self, name: str) -> int:
        return (await on_disk(self._path(name).stat)).st_size

    async def lost(self, names: Sequence[str]) -> frozenset[str]:
        return await on_disk(
            lambda: frozenset(name for name in names if not os.path.exists(self._path(name)))
        )

    async def stream(self, name: str, start: int, stop: int) -> AsyncIterator[bytes]:
        opened = await on_disk(os.open, self._path(name), os.O_RDONLY)
        try:
            while start < stop:
                piece = await on_disk(os.pread, opened, min(PIECE, stop - start), start)
                if not piece:
                    raise FileNotFoundError(name)
                start += len(piece)
                yield piece
        finally:
            os.close(opened)

    async def delete(self, name: str) -> None:
        await on_disk(self._path(name).unlink, missing_ok=True)

    async def names(self, before: int) -> AsyncIterator[str]:
        for name in await on_disk(lambda: list(_old(self._folder, before))):
            yield name

    def _path(self, name: str) -> Path:
        return self._folder / name[:2] / name


async def content(store: Store, name: str) -> bytes:
    """All of it, for what is known to be small."""
    return b"".join([piece async for piece in store.stream(name, 0, await store.size(name))])


def unkept() -> Unavailable:
    return Unavailable(
        "Files cannot be stored at the moment. Try again in a few seconds.",
        code="busy",
        retry_after=5,
    )


def _move(given: Path, target: Path) -> None:
    if not target.parent.is_dir():
        made_folder(target.parent)
        synced(target.parent.parent)
    synced(given)
    os.replace(given, target)  # the same content takes the same place
    synced(target.parent)


def _old(folder: Path, before: int) -> Iterator[str]:
    for path in folder.glob("[0-9a-f][0-9a-f]/*"):
        if NAME.fullmatch(path.name) and path.stat().st_mtime * 1000 < before:
            yield path.name
