"""What every database can do: one, all, value, run, and transaction."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from chat.db.queries import Query

Row = Mapping[str, Any]


class Statements(Protocol):
    """The four verbs on statements; parameters by name.

    Errors: NotFound from `one` without a row, Unavailable when the database is locked or full.
    """

    async def one(self, query: Query, **values: object) -> Row: ...

    async def all(self, query: Query, **values: object) -> Sequence[Row]: ...

    async def value(self, query: Query, **values: object) -> Any:
        """The first column of the first row, None without one."""
        ...

    async def run(self, query: Query, **values: object) -> int:
        """How many rows changed."""
        ...

    async def many(self, query: Query, rows: Sequence[Mapping[str, object]]) -> None:
        """One statement for many rows."""
        ...


class Database(Statements, Protocol):
    def transaction(self) -> AbstractAsyncContextManager[Statements]:
        """All of its statements or none; committed and on disk when the block is left.

        The block holds up other writers: it must await nothing but its own statements.
        """
        ...

    async def close(self) -> None: ...
