"""SQLite through aiosqlite: WAL, one writer with group commit, two readers."""

import asyncio
import logging
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import aiosqlite

from chat.db.database import Hearer, Row, Transaction
from chat.db.migrations import migrate_sqlite
from chat.db.queries import Query
from chat.errors import NotFound, Unavailable
from chat.settings import BadSettings

log = logging.getLogger(__name__)
OLDEST = (3, 43, 0)  # contentless-delete in FTS5
READERS = 2
# What is wrong with the disk or its neighbours, and not with what was asked.
PASSING = tuple(f"SQLITE_{name}" for name in ("BUSY", "LOCKED", "FULL", "IOERR", "CANTOPEN"))
PATIENCE = 5.0  # seconds that a writer waits for other processes
PRAGMAS = (
    "PRAGMA foreign_keys = 1",
    "PRAGMA cache_size = -8192",
    "PRAGMA mmap_size = 268435456",
    "PRAGMA temp_store = MEMORY",
)
WRITER_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # an acknowledged message survives a power cut
    "PRAGMA journal_size_limit = 67108864",
)


class _Group:
    """Transactions that share one commit. `committed` resolves when all of them are on disk."""

    def __init__(self) -> None:
        self.members = 0
        self.committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.committed.add_done_callback(_retrieve)


class SQLite:
    """One file, one process. Readers see what is committed; writers queue and commit in groups."""

    shared = False
    worker = 0

    def __init__(self, writer: aiosqlite.Connection, readers: list[aiosqlite.Connection]) -> None:
        self._writer = writer
        self._all = [writer, *readers]
        self._readers: asyncio.LifoQueue[aiosqlite.Connection] = asyncio.LifoQueue()
        for reader in readers:
            self._readers.put_nowait(reader)
        self._turn = asyncio.Lock()  # first come, first served
        self._patience = PATIENCE  # as the writer has it at the moment
        self._failing = False  # since the last commit
        self._group: _Group | None = None
        self._committing: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, path: Path) -> "SQLite":
        """The migrated database in `path`, made when absent; BadSettings when it cannot be used."""
        if sqlite3.sqlite_version_info < OLDEST:
            raise BadSettings([f"SQLite {sqlite3.sqlite_version} is too old: 3.43 is needed."])
        connections: list[aiosqlite.Connection] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            writer = await _connect(path, connections, *WRITER_PRAGMAS)
            await migrate_sqlite(writer)
            for _ in range(READERS):
                await _connect(path, connections, "PRAGMA query_only = 1")
        except (OSError, sqlite3.Error) as error:
            for connection in connections:
                await connection.close()
            raise BadSettings([f"The database {path} cannot be used: {error}."]) from error
        except BaseException:
            for connection in connections:
                await connection.close()
            raise
        return cls(writer, connections[1:])

    async def close(self) -> None:
        async with self._turn:
            with suppress(sqlite3.Error):  # a connection left open would hold the process for ever
                await self._writer.execute("PRAGMA optimize")
        for connection in reversed(self._all):  # the writer last: it checkpoints
            await connection.close()

    async def one(self, query: Query, **values: object) -> Row:
        async with self._for(query) as connection:
            return _only(await _fetch(connection, query, values))

    async def all(self, query: Query, **values: object) -> Sequence[Row]:
        async with self._for(query) as connection:
            return await _fetch(connection, query, values)

    async def value(self, query: Query, **values: object) -> Any:
        async with self._for(query) as connection:
            return _first(await _fetch(connection, query, values))

    async def run(self, query: Query, **values: object) -> int:
        async with self._write(savepoint=False) as connection:
            return await _change(connection, query, values)

    async def many(self, query: Query, rows: Sequence[Mapping[str, object]]) -> None:
        async with self._write(savepoint=True) as connection:
            await connection.executemany(query.text, rows)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self._write(savepoint=True) as connection:
            yield _Transaction(connection)

    def hear(self, hearer: Hearer) -> None:
        """There is nobody else to be heard."""

    @asynccontextmanager
    async def _for(self, query: Query) -> AsyncIterator[aiosqlite.Connection]:
        if query.writes:
            async with self._write(savepoint=False) as connection:
                yield connection
            return
        reader = await self._readers.get()
        try:
            with _translated():
                yield reader
        finally:
            self._readers.put_nowait(reader)

    @asynccontextmanager
    async def _write(self, *, savepoint: bool) -> AsyncIterator[aiosqlite.Connection]:
        """A turn on the writer. Left only when what was done in it is committed.

        A single statement undoes itself when it fails, so only blocks of several need a savepoint,
        and of those only the ones that join a group already begun by others.
        """
        asked = time.monotonic()
        async with self._turn:
            group = await self._joined(asked)
            nested = savepoint and group.members > 0
            try:
                with _translated():
                    if nested:
                        await self._writer.execute("SAVEPOINT turn")
                    yield self._writer
            except BaseException:
                await asyncio.shield(self._undo(group, nested=nested, whole=savepoint))
                raise
            group.members += 1
            if nested:  # whoever is cancelled from here on has written all the same
                await asyncio.shield(self._release(group))
        await asyncio.shield(group.committed)

    async def _release(self, group: _Group) -> None:
        try:
            await self._writer.execute("RELEASE turn")
        except sqlite3.Error:  # there is none any more: a full disk has ended the transaction
            await self._undo(group, nested=False, whole=False)
            raise _unsaved() from None

    async def _joined(self, asked: float) -> _Group:
        if self._group is None:
            try:
                with _translated():
                    await self._begin(asked)
            except BaseException:  # cancelled while it began: the thread may begin it all the same
                await asyncio.shield(self._writer.rollback())
                raise
            self._group = _Group()
            # The commit queues for its turn behind everybody who waits now: they share it.
            task = asyncio.create_task(self._commit(self._group))
            self._committing.add(task)
            task.add_done_callback(self._committing.discard)
        return self._group

    async def _begin(self, asked: float) -> None:
        """Who queued behind somebody that waited in vain has waited too: only the rest counts."""
        waited = time.monotonic() - asked
        patience = PATIENCE if waited < PATIENCE / 50 else max(0.0, PATIENCE - waited)
        if patience != self._patience:
            self._patience = patience
            await self._writer.execute(f"PRAGMA busy_timeout = {patience * 1000:.0f}")
        await self._writer.execute("BEGIN IMMEDIATE")

    async def _commit(self, group: _Group) -> None:
        async with self._turn:
            if self._group is not group:  # undone as a whole: nothing is left to commit
                return
            self._group = None
            try:
                # Not commit(): that is silent when a full disk has ended the transaction.
                await self._writer.execute("COMMIT")
            except Exception as error:
                if not self._failing:  # once: logs may share the disk that is full
                    log.error("Nothing could be committed: %s", error)
                self._failing = True
                group.committed.set_exception(_unsaved())  # first: nobody waits if that fails too
                await self._writer.rollback()
            else:
                self._failing = False
                group.committed.set_result(None)

    async def _undo(self, group: _Group, *, nested: bool, whole: bool) -> None:
        if not self._writer.in_transaction:  # a full disk rolls back on its own
            self._group = None
            group.committed.set_exception(_unsaved())
        elif nested:
            await self._writer.execute("ROLLBACK TO turn")
            await self._writer.execute("RELEASE turn")
        elif whole:  # the first of its group, so nobody else is in it yet
            self._group = None
            await self._writer.rollback()


class _Transaction:
    """The verbs inside a transaction's block."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def one(self, query: Query, **values: object) -> Row:
        return _only(await _fetch(self._connection, query, values))

    async def all(self, query: Query, **values: object) -> Sequence[Row]:
        return await _fetch(self._connection, query, values)

    async def value(self, query: Query, **values: object) -> Any:
        return _first(await _fetch(self._connection, query, values))

    async def run(self, query: Query, **values: object) -> int:
        return await _change(self._connection, query, values)

    async def many(self, query: Query, rows: Sequence[Mapping[str, object]]) -> None:
        await self._connection.executemany(query.text, rows)

    async def lock(self, name: str) -> None:
        """There is one writer at a time."""

    async def tell(self, notes: Sequence[str]) -> None:
        """The one process knows already."""


async def _connect(
    path: Path, opened: list[aiosqlite.Connection], *pragmas: str
) -> aiosqlite.Connection:
    connection = await aiosqlite.connect(path, isolation_level=None, timeout=PATIENCE)
    opened.append(connection)
    connection.row_factory = sqlite3.Row
    for pragma in (*pragmas, *PRAGMAS):
        await connection.execute(pragma)
    return connection


async def _fetch(
    connection: aiosqlite.Connection, query: Query, values: dict[str, object]
) -> list[Row]:
    return list(await connection.execute_fetchall(query.text, values))  # type: ignore[arg-type] # rows are mappings


async def _change(connection: aiosqlite.Connection, query: Query, values: dict[str, object]) -> int:
    cursor = await connection.execute(query.text, values)
    return cursor.rowcount


def _only(rows: Sequence[Row]) -> Row:
    if not rows:
        raise NotFound
    return rows[0]


def _first(rows: Sequence[Row]) -> Any:
    return rows[0][next(iter(rows[0].keys()))] if rows else None


@contextmanager
def _translated() -> Iterator[None]:
    """The driver's errors in the words of the domain; mistakes in our SQL stay what they are."""
    try:
        yield
    except sqlite3.OperationalError as error:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(PASSING):
            raise _unsaved() from error
        raise


def _unsaved() -> Unavailable:
    return Unavailable(
        "Nothing can be saved at the moment. Try again in a few seconds.",
        code="busy",
        retry_after=5,
    )


def _retrieve(future: asyncio.Future[None]) -> None:
    if not future.cancelled():
        future.exception()  # whoever waited has it; nobody waiting is no news
