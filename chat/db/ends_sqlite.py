"""A SQLite file at the end of a copy; whoever serves it is in the way."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

from chat.db.copies import opened, speaking
from chat.db.ends import BATCH, Table, Values, check_version, listed, select
from chat.db.migrations import migrations
from chat.db.place import take_place
from chat.db.sqlite import SQLite
from chat.settings import BadSettings

PRAGMAS = ("PRAGMA foreign_keys = 1", "PRAGMA synchronous = FULL", "PRAGMA cache_size = -32768")


class SQLiteEnd:
    holds_nul = True

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self.shown = str(path)
        self._db = db
        self._path = path

    async def columns(self, table: Table) -> list[str]:
        with speaking(self._path):
            rows = self._db.execute("SELECT name FROM pragma_table_info(?)", [table.name])
            return [row[0] for row in rows]

    async def has_rows(self, table: Table) -> bool:
        with speaking(self._path):
            found = self._db.execute(f"SELECT 1 FROM {table.name} LIMIT 1").fetchone()  # noqa: S608 (our own names)
        return found is not None

    async def batches(self, table: Table, columns: Sequence[str]) -> AsyncIterator[list[Values]]:
        with speaking(self._path):
            cursor = self._db.execute(select(table, columns, listed(table.key)))
        while True:
            with speaking(self._path):
                rows = cursor.fetchmany(BATCH)
            if not rows:
                return
            yield rows
            await asyncio.sleep(0)  # Ctrl-C is heard here

    async def add(self, table: Table, columns: Sequence[str], rows: list[Values]) -> None:
        places = ", ".join("?" for _ in columns)
        sql = f"INSERT INTO {table.name} ({listed(columns)}) VALUES ({places})"  # noqa: S608 (our own names)
        with speaking(self._path):
            self._db.executemany(sql, rows)

    async def commit(self) -> None:
        with speaking(self._path):
            self._db.execute("COMMIT")


@asynccontextmanager
async def source(path: Path) -> AsyncIterator[SQLiteEnd]:
    """One consistent view of the database in `path`, whose file is not written."""
    with _alone(_existing(path)):
        with speaking(path):
            db = opened(path, "mode=ro")
        with closing(db):
            with speaking(path):
                db.execute("BEGIN")
                (version,) = db.execute("PRAGMA user_version").fetchone()
            check_version(str(path), version, len(migrations()))
            yield SQLiteEnd(db, path)


@asynccontextmanager
async def target(path: Path) -> AsyncIterator[SQLiteEnd]:
    """The database in `path`, made when absent and brought to this version."""
    with _alone(path):
        await (await SQLite.open(path)).close()
        with speaking(path):
            db = opened(path, "mode=rw")
        with closing(db):
            with speaking(path):
                for statement in (*PRAGMAS, "BEGIN IMMEDIATE"):
                    db.execute(statement)
            yield SQLiteEnd(db, path)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise BadSettings([f"There is no database {path}."])
    return path


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    place = take_place(path)
    try:
        yield
    finally:
        os.close(place)
