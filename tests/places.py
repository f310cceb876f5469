"""Where an installation is, or is to be, on either kind of database; and copies between them."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from chat.db.connect import connect
from chat.db.database import Database
from chat.db.ends import TABLES
from chat.db.queries import query
from chat.settings import read
from tests.databases import SECRET
from tests.test_commands import Done, run


@dataclass
class Place:
    """Where an installation is, or is to be; `settings` are those that make it run there."""

    kind: str
    address: str
    settings: dict[str, str]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Database]:
        db = await connect(read({"SECRET_KEY": SECRET, "DATABASE_URL": self.address}))
        try:
            yield db
        finally:
            await db.close()

    async def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Everything, as it is said to be in a copy."""
        found = {}
        async with self.open() as db:
            for table in TABLES:
                sql = f"SELECT * FROM {table.name}"
                rows = [dict(row) for row in await db.all(query("test", sql))]
                rows.sort(key=lambda row, key=table.key: [row[name] for name in key])  # type: ignore[misc] # mypy wants one argument
                found[table.name] = [{**row, **dict.fromkeys(table.blank, 0)} for row in rows]
        return found

    async def execute(self, sql: str) -> None:
        """A script past the app, in what must exist already."""
        if self.kind == "sqlite":
            with closing(sqlite3.connect(self.address.removeprefix("sqlite:///"))) as db:
                db.executescript(sql)
        else:
            connection = await asyncpg.connect(self.address)
            await connection.execute(sql)
            await connection.close()


Places = Callable[[str], Awaitable[Place]]


async def copied(given: Place, wanted: Place, tmp_path: Path) -> Done:
    words = ("copy-database", given.address, wanted.address)
    return await asyncio.to_thread(run, *words, data=tmp_path / "unused")


def told(done: Done) -> dict[str, tuple[int, str]]:
    """By table: its rows and its checksum, as they were printed."""
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split() for line in done.stdout.splitlines()[:-1]]
    return {table: (int(rows), checksum) for table, rows, _, checksum in lines}
