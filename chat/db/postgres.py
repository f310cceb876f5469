"""PostgreSQL through asyncpg: a pool for statements, a connection of its own for listening."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, TypeVar

import asyncpg

from chat.db.database import CHANNEL, Hearer, Row, Transaction, first, only
from chat.db.ends import shown
from chat.db.listening import Listening
from chat.db.migrations import migrate_postgres
from chat.db.queries import Query
from chat.db.single import connected, speaking
from chat.db.trouble import orphaned, unsaved
from chat.db.turns import Turns
from chat.errors import Unavailable

T = TypeVar("T")
log = logging.getLogger(__name__)
MOST = 8  # connections of this process, beside the one that listens
PATIENCE = 5.0  # seconds without progress that a statement waits, and for other people's locks
BACK_SOON = 1.0  # seconds that a server may take to restart
IDLE = 8.0  # seconds that a transaction may stand still: who froze must not hold up its heirs
LONGEST = 30.0  # seconds that a statement may take, and may wait before that
RESTS = 60.0  # seconds without work after which a connection is given to nobody
TRIES = 3  # of what met others in its way
AWAY = (asyncpg.CannotConnectNowError, ConnectionRefusedError, FileNotFoundError)
LOST = (asyncpg.PostgresConnectionError, OSError)  # a TimeoutError is one of these
# What is wrong with the server or its neighbours, and not with what was asked.
PASSING = (
    *LOST,
    asyncpg.OperatorInterventionError,  # it is shut down, starts up, or was asked to give up
    asyncpg.InsufficientResourcesError,  # too many connections, no memory, a full disk
    asyncpg.LockNotAvailableError,
    asyncpg.TransactionRollbackError,  # deadlocks
    asyncpg.ReadOnlySQLTransactionError,  # a standby
    asyncpg.PostgresIOError,
)


class Postgres:
    """One database, any number of processes. Every process hears what the others tell."""

    shared = True

    def __init__(self, pool: "asyncpg.Pool", listening: Listening) -> None:
        self._pool = pool
        self._turns = Turns(MOST)
        self._resting: list[tuple[asyncpg.Connection, float]] = []  # since when; monotonic
        self._closing = False
        self._listening = listening

    @classmethod
    async def open(cls, url: str) -> "Postgres":
        """The migrated database of this address; BadSettings when it cannot be used."""
        async with connected(url) as connection:
            await migrate_postgres(connection)
        with speaking(shown(url)):
            pool = await asyncpg.create_pool(
                url, connect=_connect, min_size=1, max_size=MOST, reset=_nothing
            )
        return cls(pool, Listening(lambda: _connect(url)))

    @property
    def worker(self) -> int:
        return self._listening.worker

    async def join(self) -> None:
        """Becomes one of the processes that serve: with a number, hearing the others."""
        with _translated():
            await self._listening.open()

    def hear(self, hearer: Hearer) -> None:
        self._listening.hearers.append(hearer)

    async def close(self) -> None:
        await self._listening.close()
        self._closing = True
        while self._resting:
            connection, _ = self._resting.pop()
            await self._pool.release(connection, timeout=PATIENCE)
        try:
            async with asyncio.timeout(PATIENCE):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    async def one(self, query: Query, **values: object) -> Row:
        return only(await self.all(query, **values))

    async def all(self, query: Query, **values: object) -> Sequence[Row]:
        return await self._tried(
            lambda connection: _fetch(connection, query, values), reads=not query.writes
        )

    async def value(self, query: Query, **values: object) -> Any:
        rows = await self.all(query, **values)
        return first(rows)

    async def run(self, query: Query, **values: object) -> int:
        return await self._tried(lambda connection: _change(connection, query, values), reads=False)

    async def many(self, query: Query, rows: Sequence[Mapping[str, object]]) -> None:
        await self._tried(lambda connection: _many(connection, query, rows), reads=False)

    async def tell(self, notes: Sequence[str]) -> None:
        await self._tried(lambda connection: _tell(connection, notes), reads=False)

    async def many_and_tell(
        self, query: Query, rows: Sequence[Mapping[str, object]], notes: Sequence[str]
    ) -> None:
        await self._tried(lambda connection: _told(connection, query, rows, notes), reads=False)

    async def transaction(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        async def done(connection: "asyncpg.Connection") -> T:
            async with connection.transaction():
                return await work(_Transaction(connection))

        return await self._tried(done, reads=False)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator["asyncpg.Connection"]:
        """One of the pool, when it is this one's turn.

        What went well goes on to the next one as it is. The pool, which sees to what was given up
        half way, takes part only otherwise: its own handing over costs as much as a statement.
        """
        async with self._turns.one(PATIENCE, LONGEST):
            connection = await self._rested() or await self._acquired()
            try:
                yield connection
            except BaseException as error:
                if isinstance(error, asyncpg.InternalClientError):
                    connection.terminate()  # or the next one is given it
                await self._pool.release(connection, timeout=PATIENCE)
                raise
            await self._rest(connection)

    async def _rest(self, connection: "asyncpg.Connection") -> None:
        """Keeps it for the next one; what many needed once is let go of one by one."""
        if self._closing:
            await self._pool.release(connection, timeout=PATIENCE)
            return
        now = time.monotonic()
        self._resting.append((connection, now))
        if now - self._resting[0][1] > RESTS:
            await self._let_go(self._resting.pop(0)[0])

    async def _rested(self) -> "asyncpg.Connection | None":
        """The one that was used last; what has rested for long may be dead, and nobody told us."""
        while self._resting:
            connection, since = self._resting.pop()
            with suppress(asyncpg.InterfaceError):  # it broke, and is back in the pool by itself
                if time.monotonic() - since < RESTS and not connection.is_closed():
                    return connection
            await self._let_go(connection)
        return None

    async def _let_go(self, connection: "asyncpg.Connection") -> None:
        with suppress(asyncpg.InterfaceError):
            connection.terminate()
        await self._pool.release(connection, timeout=PATIENCE)

    async def _acquired(self) -> "asyncpg.Connection":
        """Waited for also where the server has no room for a new one."""
        asked = time.monotonic()
        while True:
            try:
                return await self._pool.acquire()  # connecting has its own PATIENCE
            except (asyncpg.TooManyConnectionsError, *AWAY) as error:
                patience = BACK_SOON if isinstance(error, AWAY) else PATIENCE
                if time.monotonic() - asked > patience:
                    raise
                await asyncio.sleep(0.05)

    async def _tried(
        self, work: Callable[["asyncpg.Connection"], Awaitable[T]], *, reads: bool
    ) -> T:
        """Done again where that cannot do anything twice."""
        for tries_left in reversed(range(TRIES)):
            try:
                with _translated():
                    async with self._connection() as connection:
                        return await work(connection)
            except Unavailable as error:
                if not tries_left or not _repeatable(error.__cause__, reads=reads):
                    raise
        raise AssertionError("unreachable")


class _Transaction:
    """The verbs inside a transaction's block."""

    def __init__(self, connection: "asyncpg.Connection") -> None:
        self._connection = connection

    async def one(self, query: Query, **values: object) -> Row:
        return only(await _fetch(self._connection, query, values))

    async def all(self, query: Query, **values: object) -> Sequence[Row]:
        return await _fetch(self._connection, query, values)

    async def value(self, query: Query, **values: object) -> Any:
        return first(await _fetch(self._connection, query, values))

    async def run(self, query: Query, **values: object) -> int:
        return await _change(self._connection, query, values)

    async def many(self, query: Query, rows: Sequence[Mapping[str, object]]) -> None:
        await _many(self._connection, query, rows)

    async def lock(self, name: str) -> None:
        await self._connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", name
        )

    async def tell(self, notes: Sequence[str]) -> None:
        await _tell(self._connection, notes)


async def _connect(url: str, **more: Any) -> "asyncpg.Connection":
    more.setdefault("timeout", PATIENCE)
    return await asyncpg.connect(
        url,
        command_timeout=LONGEST,
        server_settings={
            "application_name": "prosa",
            "statement_timeout": f"{LONGEST:.0f}s",
            "lock_timeout": f"{PATIENCE:.0f}s",
            "idle_in_transaction_session_timeout": f"{IDLE:.0f}s",
        },
        **more,
    )


async def _nothing(_: "asyncpg.Connection") -> None:
    """Nothing sets anything on a pooled connection that would have to be taken back."""


async def _fetch(
    connection: "asyncpg.Connection", query: Query, values: Mapping[str, object]
) -> list[Row]:
    rows: list[Row] = await connection.fetch(query.postgres, *_values(query, values))
    return rows


async def _change(
    connection: "asyncpg.Connection", query: Query, values: Mapping[str, object]
) -> int:
    status: str = await connection.execute(query.postgres, *_values(query, values))
    count = status.rpartition(" ")[2]
    return int(count) if count.isdigit() else 0  # what changes no rows says only its own name


async def _many(
    connection: "asyncpg.Connection", query: Query, rows: Sequence[Mapping[str, object]]
) -> None:
    if query.columns:
        await connection.execute(query.postgres, *_columns(query, rows))
    else:
        await connection.executemany(query.postgres, [_values(query, row) for row in rows])


async def _tell(connection: "asyncpg.Connection", notes: Sequence[str]) -> None:
    await connection.execute(
        "SELECT pg_notify($1, note) FROM unnest($2::TEXT[]) AS note", CHANNEL, list(notes)
    )


async def _told(
    connection: "asyncpg.Connection",
    query: Query,
    rows: Sequence[Mapping[str, object]],
    notes: Sequence[str],
) -> None:
    """A statement alone is a transaction: what it tells is heard when its rows are there."""
    after = len(query.names)
    await connection.execute(
        f"WITH written AS ({query.postgres})"  # noqa: S608 (a file's text, and no value)
        f" SELECT pg_notify(${after + 1}, note) FROM unnest(${after + 2}::TEXT[]) AS note",
        *_columns(query, rows),
        CHANNEL,
        list(notes),
    )


def _values(query: Query, values: Mapping[str, object]) -> list[object]:
    """In the order of the statement. NUL is what PostgreSQL's text cannot hold."""
    found = [values[name] for name in query.names]
    return [
        value.replace("\0", "\ufffd") if isinstance(value, str) and "\0" in value else value
        for value in found
    ]


def _columns(query: Query, rows: Sequence[Mapping[str, object]]) -> Iterator[list[str | None]]:
    """Of texts, whatever the rows hold: of any other array the driver has to ask what it is."""
    for column in zip(*(_values(query, row) for row in rows), strict=True):
        yield [None if value is None else str(value) for value in column]


def _repeatable(cause: BaseException | None, *, reads: bool) -> bool:
    """A deadlock's victim has done nothing; of a connection that broke, only reading is sure."""
    if isinstance(cause, asyncpg.TransactionRollbackError):
        return True
    broken = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.InternalClientError)
    return reads and isinstance(cause, broken)


@contextmanager
def _translated() -> Iterator[None]:
    """The driver's errors in the words of the domain; mistakes in our SQL stay what they are."""
    try:
        yield
    except PASSING as error:
        raise unsaved() from error
    except asyncpg.ForeignKeyViolationError as error:
        raise orphaned(error) from error
    except asyncpg.InternalClientError as error:  # the server has just said that it hangs up
        if "cannot switch to state" in str(error):
            raise unsaved() from error
        raise
    except asyncpg.InterfaceError as error:  # also what the driver calls wrong parameters
        if "clos" in str(error):
            raise unsaved() from error
        raise
