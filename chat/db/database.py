"""What every database can do: the verbs on statements, and what its processes tell each other."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar, cast

from chat.db.queries import Query
from chat.errors import NotFound

T = TypeVar("T")
Row = Mapping[str, Any]
# Called with each note, and with '' when some may have been missed.
Hearer = Callable[[str], None]
CHANNEL = "prosa"
LONGEST_NOTE = 7_999  # bytes


def only(rows: Sequence[Row]) -> Row:
    if not rows:
        raise NotFound
    return rows[0]


def columns(row: Row) -> Iterable[Any]:
    """Its values in the order of the columns: quicker than by name, where there are many rows."""
    return cast(Iterable[Any], row)  # what the rows of both drivers iterate over


def first(rows: Sequence[Row]) -> Any:
    """The first column of the first row, None without one."""
    return rows[0][next(iter(rows[0].keys()))] if rows else None


class Statements(Protocol):
    """The verbs on statements; parameters by name.

    Errors: NotFound from `one` without a row, and where what a new row belongs to was deleted
    meanwhile; Unavailable when the database cannot be reached, or is locked or full.
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


class Transaction(Statements, Protocol):
    async def lock(self, name: str) -> None:
        """Waits until no other transaction holds this name; it is held until the end of this one.

        For what is looked up first and written then. SQLite's transactions are alone anyway.
        """
        ...

    async def tell(self, notes: Sequence[str]) -> None:
        """Every process that shares the database hears these, once this is committed.

        A note has at most LONGEST_NOTE bytes. It may be lost: rows are the truth.
        """
        ...


class Database(Statements, Protocol):
    """`shared`: other processes may use it at the same time. `worker`: the number of this one."""

    shared: bool

    @property
    def worker(self) -> int: ...

    async def transaction(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """What `work` answers, once all of its statements are on disk; when it raises, none are.

        It holds up other writers, so it must await nothing but the transaction's verbs. It may be
        called again, when others were in its way.
        """
        ...

    async def tell(self, notes: Sequence[str]) -> None:
        """Every process that shares the database hears these now."""
        ...

    async def many_and_tell(
        self, query: Query, rows: Sequence[Mapping[str, object]], notes: Sequence[str]
    ) -> None:
        """`many` and `tell` in one transaction, with no more ways to the database than one.

        The statement takes its rows at once (`Query.columns`) where processes share a database.
        """
        ...

    def hear(self, hearer: Hearer) -> None:
        """From now on `hearer` is called with the notes of all processes, this one among them."""
        ...

    async def close(self) -> None: ...
