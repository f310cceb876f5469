"""An installation's rows from one database into another, of the same kind or not."""

import hashlib
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from chat.db.connect import needing_driver
from chat.db.ends import TABLES, End, Table, Values, is_postgres, sqlite_path
from chat.settings import BadSettings


@dataclass(frozen=True, slots=True)
class Copied:
    """`rows`: how many; `checksum`: hexadecimal, the same at both ends."""

    table: str
    rows: int
    checksum: str


class _Sum:
    """Rows in any order, on which two databases need not agree: the sum of their SHA-256."""

    def __init__(self) -> None:
        self.rows = 0
        self._sum = 0

    def add(self, rows: list[Values]) -> None:
        self.rows += len(rows)
        for row in rows:
            line = json.dumps(row, ensure_ascii=False)
            self._sum += int.from_bytes(hashlib.sha256(line.encode()).digest(), "big")

    def of(self, table: Table) -> Copied:
        return Copied(table.name, self.rows, f"{self._sum % 2**256:064x}")


async def copy_database(given: str, wanted: str) -> list[Copied]:
    """Copies the database at the address `given` into the one at `wanted`, which must be empty.

    All in one transaction, which is committed only when every row was read back as it was given.
    A NUL in text becomes U+FFFD where PostgreSQL is to hold it. Errors: BadSettings; `given` is
    never written, and `wanted` is still empty then.
    """
    async with _source(given) as source, _target(wanted) as target:
        for table in TABLES:
            if await target.has_rows(table):
                raise BadSettings([f"{target.shown} is not empty: copy to where nothing is yet."])
        copied = [await _copied(table, source, target) for table in TABLES]
        await target.commit()
    return copied


def _source(address: str) -> AbstractAsyncContextManager[End]:
    if is_postgres(address):
        with needing_driver():
            from chat.db.ends_postgres import source as postgres
        return postgres(address)
    from chat.db.ends_sqlite import source  # only the driver that is needed is imported

    return source(sqlite_path(address))


def _target(address: str) -> AbstractAsyncContextManager[End]:
    if is_postgres(address):
        with needing_driver():
            from chat.db.ends_postgres import target as postgres
        return postgres(address)
    from chat.db.ends_sqlite import target

    return target(sqlite_path(address))


async def _copied(table: Table, source: End, target: End) -> Copied:
    columns = await target.columns(table)
    fit = _fitting(table, columns, target)
    given, arrived = _Sum(), _Sum()
    async for batch in source.batches(table, columns):
        rows = [fit(row) for row in batch]
        given.add(rows)
        await target.add(table, columns, rows)
    async for batch in target.batches(table, columns):
        arrived.add(batch)
    if given.of(table) != arrived.of(table):
        raise BadSettings([f"{table.name} did not arrive as it was: nothing was copied."])
    return given.of(table)


def _fitting(table: Table, columns: list[str], target: End) -> Callable[[Values], Values]:
    """What a row of FROM is in TO."""
    blank = {columns.index(column) for column in table.blank}

    def fit(row: Values) -> Values:
        return tuple(0 if n in blank else _text(value) for n, value in enumerate(row))

    def _text(value: object) -> object:
        if target.holds_nul or not isinstance(value, str) or "\0" not in value:
            return value
        return value.replace("\0", "\ufffd")

    return fit
