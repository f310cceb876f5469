"""SQLite through aiosqlite: WAL, one writer with group commit, two readers.

What finds a few rows by their keys takes microseconds, ten times as long with a thread there and
back: a connection of the event loop's own is asked that (`Query.quick`).
"""

import asyncio
import contextvars
import logging
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

from chat.db.database import Hearer, Row, Transaction, first, only
from chat.db.migrations import migrate_sqlite
from chat.db.queries import Query
from chat.db.trouble import orphaned, unsaved
from chat.settings import BadSettings

T = TypeVar("T")
Work = Callable[[Transaction], Awaitable[Any]]
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
READER_PRAGMA = "PRAGMA query_only = 1"
WRITER_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # an acknowledged message survives a power cut
    "PRAGMA journal_size_limit = 67108864",
)


class _Connection(aiosqlite.Connection):
    async def call(self, function: Callable[..., T], *arguments: object) -> T:
        """A whole function on the thread of this connection: one way there and back."""
        found: T = await self._execute(function, self._conn, *arguments)  # type: ignore[no-untyped-call] # theirs
        return found


@dataclass(slots=True, eq=False)
class _Job:
    """A transaction that somebody waits for; `asked` is when, on the monotonic clock."""

    work: Work
    context: contextvars.Context
    asked: float
    done: "asyncio.Future[Any]"


class SQLite:
    """One file, one process. Readers see what is committed; writers queue and commit in groups.

    `quick`: a connection that waits for nothing.
    """

    shared = False
    worker = 0

    def __init__(
        self, writer: _Connection, readers: list[_Connection], quick: sqlite3.Connection
    ) -> None:
        self._writer = writer
        self._quick = quick
        self._all = [writer, *readers]
        self._readers: asyncio.LifoQueue[_Connection] = asyncio.LifoQueue()
        for reader in readers:
            self._readers.put_nowait(reader)
        self._jobs: list[_Job] = []
        self._writing: asyncio.Task[None] | None = None
        self._failing = False  # since the last commit

    @classmethod
    async def open(cls, path: Path) -> "SQLite":
        """The migrated database in `path`, made when absent; BadSettings when it cannot be used."""
        if sqlite3.sqlite_version_info < OLDEST:
            raise BadSettings([f"SQLite {sqlite3.sqlite_version} is too old: 3.43 is needed."])
        connections: list[_Connection] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            writer = await _connect(path, connections, *WRITER_PRAGMAS)
            await migrate_sqlite(writer)
            for _ in range(READERS):
                await _connect(path, connections, READER_PRAGMA)
            quick = _opened(path, patience=0)
            for pragma in (READER_PRAGMA, *PRAGMAS):
                quick.execute(pragma)
        except (OSError, sqlite3.Error) as error:
            for connection in connections:
                await connection.close()
            raise BadSettings([f"The database {path} cannot be used: {error}."]) from error
        except BaseException:
            for connection in connections:
                await connection.close()
            raise
        return cls(writer, connections[1:], quick)

    async def close(self) -> None:
        while self._writing:
            await asyncio.wait({self._writing})
        with suppress(sqlite3.Error):  # a connection left open would hold the process for ever
            await self._writer.execute("PRAGMA optimize")
        self._quick.close()
        for connection in reversed(self._all):  # the writer last: it checkpoints
            await connection.close()

    def hear(self, hearer: Hearer) -> None:
        """There is nobody else to be heard."""

    async def one(self, query: Query, **values: object) -> Row:
        return only(await self.all(query, **values))

    async def all(self, query: Query, **values: object) -> Sequence[Row]:
        if query.writes:
            return await self.transaction(lambda tx: tx.all(query, **values))
        if query.quick and (rows := self._at_once(query, values)) is not None:
            return rows
        async with self._reader() as reader:
            return await reader.call(_fetch, query, values)

    async def value(self, query: Query, **values: object) -> Any:
        return first(await self.all(query, **values))

    async def run(self, query: Query, **values: object) -> int:
        return await self.transaction(lambda tx: tx.run(query, **values))

    async def many(self, query: Query, rows: Sequence[Mapping[str, object]]) -> None:
        await self.transaction(lambda tx: tx.many(query, rows))

    async def tell(self, notes: Sequence[str]) -> None:
        """The one process knows already."""

    async def many_and_tell(
        self, query: Query, rows: Sequence[Mapping[str, object]], notes: Sequence[str]
    ) -> None:
        await self.many(query, rows)

    async def transaction(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.append(_Job(work, contextvars.copy_context(), time.monotonic(), done))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return await done

    def _at_once(self, query: Query, values: Mapping[str, object]) -> Sequence[Row] | None:
        """None when there is something to wait for: a thread does."""
        try:
            return _fetch(self._quick, query, values)
        except sqlite3.OperationalError as error:
            if _passing(error):
                return None
            raise

    @asynccontextmanager
    async def _reader(self) -> AsyncIterator[_Connection]:
        reader = await self._readers.get()
        try:
            with _translated():
                yield reader
        finally:
            self._readers.put_nowait(reader)

    async def _write(self) -> None:
        """Everybody who waits, as one group; then everybody who came meanwhile, as the next."""
        while self._jobs:
            jobs = [job for job in self._jobs if not job.done.cancelled()]
            self._jobs = []
            try:
                answers = await self._writer.call(_written, jobs) if jobs else []
            except sqlite3.Error as error:
                self._fail(jobs, error)
            except Exception as error:  # a mistake of ours: still nobody waits for ever
                log.exception("writing to the database failed")
                _settle(jobs, [error] * len(jobs))
            else:
                self._failing = self._failing and not answers
                _settle(jobs, answers)
        self._writing = None

    def _fail(self, jobs: list[_Job], error: sqlite3.Error) -> None:
        if not self._failing:  # once: logs may share the disk that is full
            busy = getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY")
            log.log(
                logging.WARNING if busy else logging.ERROR, "Nothing could be committed: %s", error
            )
        self._failing = True
        _settle(jobs, [unsaved() if _passing(error) else error] * len(jobs))


class _Transaction:
    """The verbs inside a transaction, on the thread of its connection: nothing is waited for."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    async def one(self, query: Query, **values: object) -> Row:
        return only(_fetch(self._db, query, values))

    async def all(self, query: Query, **values: object) -> Sequence[Row]:
        return _fetch(self._db, query, values)

    async def value(self, query: Query, **values: object) -> Any:
        return first(_fetch(self._db, query, values))

    async def run(self, query: Query, **values: object) -> int:
        return self._db.execute(query.text, values).rowcount

    async def many(self, query: Query, rows: Sequence[Mapping[str, object]]) -> None:
        self._db.executemany(query.text, rows)

    async def lock(self, name: str) -> None:
        """There is one writer at a time."""

    async def tell(self, notes: Sequence[str]) -> None:
        """The one process knows already."""


def _written(db: sqlite3.Connection, jobs: Sequence[_Job]) -> list[Any]:
    """Each job in a savepoint of one transaction; their answers or errors once it is on disk.

    Raises what the database says when none of them is.
    """
    # Who queued behind somebody that waited in vain has waited too: only the rest counts.
    waited = time.monotonic() - min(job.asked for job in jobs)
    patience = PATIENCE if waited < PATIENCE / 50 else max(0.0, PATIENCE - waited)
    db.execute(f"PRAGMA busy_timeout = {patience * 1000:.0f}")
    db.execute("BEGIN IMMEDIATE")
    try:
        answers = [_in_savepoint(db, job) for job in jobs]
        # Not commit(): that is silent when a full disk has ended the transaction.
        db.execute("COMMIT")
    except BaseException:
        db.rollback()
        raise
    return answers


def _in_savepoint(db: sqlite3.Connection, job: _Job) -> Any:
    db.execute("SAVEPOINT job")
    try:
        answer = job.context.run(_driven, job.work(_Transaction(db)))
    except Exception as error:
        if not db.in_transaction:  # a full disk rolls back on its own, and all before it
            raise
        db.execute("ROLLBACK TO job")
        answer = _said(error)
    db.execute("RELEASE job")
    return answer


def _driven(work: Awaitable[T]) -> T:
    """The answer of a coroutine that waits for nothing but verbs of a transaction."""
    steps = work.__await__()
    try:
        next(steps)
    except StopIteration as end:
        answer: T = end.value
        return answer
    raise RuntimeError("a transaction has waited for something else than its statements")


def _settle(jobs: Sequence[_Job], answers: Sequence[Any]) -> None:
    for job, answer in zip(jobs, answers, strict=True):
        if job.done.done():  # whoever asked has gone away; it is written all the same
            continue
        if isinstance(answer, BaseException):
            job.done.set_exception(answer)
        else:
            job.done.set_result(answer)


async def _connect(path: Path, opened: list[_Connection], *pragmas: str) -> _Connection:
    connection = _Connection(lambda: _opened(path, PATIENCE), iter_chunk_size=64)
    await connection
    opened.append(connection)
    for pragma in (*pragmas, *PRAGMAS):
        await connection.execute(pragma)
    return connection


def _opened(path: Path, patience: float) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=patience)
    connection.row_factory = sqlite3.Row
    connection.create_function("upper", 1, str.upper, deterministic=True)  # SQLite's knows ASCII
    return connection


def _fetch(db: sqlite3.Connection, query: Query, values: Mapping[str, object]) -> list[Row]:
    return db.execute(query.text, values).fetchall()


@contextmanager
def _translated() -> Iterator[None]:
    """The driver's errors in the words of the domain; mistakes in our SQL stay what they are."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if _passing(error):
            raise unsaved() from error
        raise


def _said(error: Exception) -> Exception:
    if str(error) == "FOREIGN KEY constraint failed":  # not every driver has a name for it
        return orphaned(error)
    return unsaved() if _passing(error) else error


def _passing(error: Exception) -> bool:
    return getattr(error, "sqlite_errorname", "").startswith(PASSING)
