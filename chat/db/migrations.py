"""Brings a database to this version: `sql/migrations` in order, each one in a transaction."""

import sqlite3
from pathlib import Path

import aiosqlite

from chat.settings import BadSettings

FOLDER = Path(__file__).parents[2] / "sql" / "migrations"


def migrations() -> list[str]:
    """The statements of each migration, first to last; the n-th leads to version n."""
    paths = sorted(FOLDER.glob("????_*.sql"))
    numbers = [int(path.name[:4]) for path in paths]
    if numbers != list(range(1, len(paths) + 1)):
        raise BadSettings([f"sql/migrations has a gap or a double number: {numbers}."])
    return [path.read_text(encoding="utf-8") for path in paths]


async def migrate_sqlite(connection: aiosqlite.Connection) -> None:
    """Runs what is missing. `PRAGMA user_version` is the version and changes with the tables."""
    scripts = migrations()
    for number, script in enumerate(scripts, start=1):
        if await _version(connection) >= number:
            continue
        await connection.execute("BEGIN IMMEDIATE")
        try:
            if await _version(connection) < number:  # another process may have been first
                for statement in _statements(script):
                    await connection.execute(statement)
                await connection.execute(f"PRAGMA user_version = {number}")
            await connection.commit()
        except BaseException:
            await connection.rollback()
            raise
    if (found := await _version(connection)) > len(scripts):
        raise BadSettings(
            [f"The database is of version {found}, this program of {len(scripts)}: update it."]
        )


async def _version(connection: aiosqlite.Connection) -> int:
    rows = list(await connection.execute_fetchall("PRAGMA user_version"))
    return int(rows[0][0])


def _statements(script: str) -> list[str]:
    """Split where SQLite says that a statement is complete: a trigger's body has semicolons too."""
    statements: list[str] = []
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    if any(line.strip() and not line.startswith("--") for line in pending.splitlines()):
        raise ValueError(f"an unfinished statement: {pending.strip()[:80]}")
    return statements
