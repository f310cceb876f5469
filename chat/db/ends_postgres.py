"""A PostgreSQL at the end of a copy; processes that serve it are in the way."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg

from chat.db.ends import BATCH, TABLES, Table, Values, check_version, listed, select, shown
from chat.db.listening import LOCKS
from chat.db.migrations import migrate_postgres, migrations, version_postgres
from chat.db.single import connected, speaking
from chat.settings import BadSettings

LEAVING = 2.0  # seconds in which the server may notice that a process is gone
COLUMNS = """
SELECT column_name
  FROM information_schema.columns
 WHERE table_schema = current_schema() AND table_name = $1 AND is_generated = 'NEVER'
 ORDER BY ordinal_position"""
SERVED = """
SELECT EXISTS (
  SELECT 1
    FROM pg_locks
   WHERE locktype = 'advisory' AND classid = $1::INT AND objsubid = 2
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"""


class PostgresEnd:
    holds_nul = False

    def __init__(self, connection: "asyncpg.Connection", name: str) -> None:
        self.shown = name
        self._connection = connection

    async def columns(self, table: Table) -> list[str]:
        with speaking(self.shown):
            return [row[0] for row in await self._connection.fetch(COLUMNS, table.name)]

    async def has_rows(self, table: Table) -> bool:
        with speaking(self.shown):
            found = await self._connection.fetchval(f"SELECT 1 FROM {table.name} LIMIT 1")  # noqa: S608 (our own names)
        return found is not None

    async def batches(self, table: Table, columns: Sequence[str]) -> AsyncIterator[list[Values]]:
        with speaking(self.shown):
            cursor = await self._connection.cursor(select(table, columns, listed(table.key)))
        while True:
            with speaking(self.shown):
                rows = await cursor.fetch(BATCH)
            if not rows:
                return
            yield [tuple(row) for row in rows]

    async def add(self, table: Table, columns: Sequence[str], rows: list[Values]) -> None:
        with speaking(self.shown):
            await self._connection.copy_records_to_table(
                table.name, records=rows, columns=list(columns)
            )

    async def commit(self) -> None:
        with speaking(self.shown):
            for table in TABLES:
                await self._count_on(table)
            await self._connection.execute(f"ANALYZE {', '.join(t.name for t in TABLES)}")
            await self._connection.execute("COMMIT")

    async def _count_on(self, table: Table) -> None:
        """Numbers that the database gives go on behind those that were copied."""
        for column in table.key:
            sequence = await self._connection.fetchval(
                "SELECT pg_get_serial_sequence($1, $2)", table.name, column
            )
            if sequence:
                await self._connection.execute(
                    f"SELECT setval($1, max({column})) FROM {table.name} HAVING count(*) > 0",  # noqa: S608 (our own names)
                    sequence,
                )


@asynccontextmanager
async def source(url: str) -> AsyncIterator[PostgresEnd]:
    """One consistent view of the database of this address."""
    async with _unserved(url) as connection:
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        check_version(shown(url), await version_postgres(connection), len(migrations("postgres")))
        yield PostgresEnd(connection, shown(url))


@asynccontextmanager
async def target(url: str) -> AsyncIterator[PostgresEnd]:
    """The database of this address, brought to this version; nobody else writes it meanwhile."""
    async with _unserved(url) as connection:
        await migrate_postgres(connection)
        await connection.execute("BEGIN")
        tables = ", ".join(table.name for table in TABLES)
        await connection.execute(f"LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE")
        yield PostgresEnd(connection, shown(url))


@asynccontextmanager
async def _unserved(url: str) -> AsyncIterator["asyncpg.Connection"]:
    async with connected(url) as connection:
        await _check_unserved(connection, shown(url))
        yield connection


async def _check_unserved(connection: "asyncpg.Connection", name: str) -> None:
    deadline = asyncio.get_running_loop().time() + LEAVING
    while await connection.fetchval(SERVED, LOCKS):
        if asyncio.get_running_loop().time() > deadline:
            raise BadSettings([f"Another Prosa serves {name}: stop it first."])
        await asyncio.sleep(0.1)
