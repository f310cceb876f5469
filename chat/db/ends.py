"""What a copy needs of the database at either end, whatever kind it is."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from chat.settings import BadSettings

Values = tuple[Any, ...]
BATCH = 250  # rows in memory at once: a long message has hundreds of kilobytes


@dataclass(frozen=True, slots=True)
class Table:
    """`key`: its primary key; `blank`: columns that are 0 in a copy."""

    name: str
    key: tuple[str, ...]
    blank: tuple[str, ...] = ()


TABLES = (  # each after those that it refers to; a test compares them with the schema
    Table("accounts", ("id",)),
    Table("sessions", ("id",)),
    Table("throttles", ("key",)),
    Table("conversations", ("id",)),
    Table("messages", ("seq",)),
    Table("files", ("sha256",)),
    Table("attachments", ("id",)),
    Table("replies", ("id",), blank=("worker", "stop_asked")),  # nobody writes in a copy
    Table("reply_chunks", ("reply_id", "seq")),
    Table("model_lists", ("endpoint",)),
    Table("model_measures", ("model",)),
    Table("usage_counters", ("account_id", "meter", "window_start")),
    Table("usage_events", ("reply_id", "epoch", "meter")),
    Table("account_instructions", ("account_id",)),
    Table("conversation_instructions", ("conversation_id",)),
    Table("presets", ("id",)),
    Table("own_keys", ("account_id", "provider")),
    Table("billing_accounts", ("account_id",), blank=("lease_until",)),  # nobody reads for a copy
    Table("billing_subscriptions", ("subscription_id",)),
    Table("billing_invoices", ("invoice_id",)),
    Table("billing_checkouts", ("attempt_id",)),
    Table("stripe_events", ("event_id",)),
    Table("billing_notices", ("notice_key",)),
    Table("billing_cursor", ("id",)),
)


class End(Protocol):
    """One transaction on one database, undone when it is left without `commit`.

    Errors: BadSettings when the database cannot be used (any more).
    """

    shown: str  # its address without a password
    holds_nul: bool  # in text

    async def columns(self, table: Table) -> list[str]: ...

    async def has_rows(self, table: Table) -> bool: ...

    def batches(self, table: Table, columns: Sequence[str]) -> AsyncIterator[list[Values]]:
        """All rows by primary key, BATCH at a time."""
        ...

    async def add(self, table: Table, columns: Sequence[str], rows: list[Values]) -> None: ...

    async def commit(self) -> None: ...


def is_postgres(address: str) -> bool:
    return address.startswith(("postgresql://", "postgres://"))


def sqlite_path(address: str) -> Path:
    """Of `sqlite:///path`, or of a path alone; BadSettings for any other kind of address."""
    path = address.removeprefix("sqlite:///")
    if not path or "://" in path:  # not repeated: there may be a password in it
        raise BadSettings(["An address of a database begins with sqlite:/// or postgresql://."])
    return Path(path).absolute()


def shown(url: str) -> str:
    """A PostgreSQL address without its password, also where that was not quoted as it should be."""
    try:
        parts = urlsplit(url)
        strange = "@" in f"{parts.path}{parts.query}{parts.fragment}" or parts.netloc.count("@") > 1
        return "PostgreSQL" if strange else f"{parts.hostname or 'localhost'}{parts.path}"
    except ValueError:
        return "PostgreSQL"


def select(table: Table, columns: Sequence[str], order: str) -> str:
    return f"SELECT {listed(columns)} FROM {table.name} ORDER BY {order}"  # noqa: S608 (our own names)


def listed(columns: Sequence[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


def check_version(name: str, found: int, known: int) -> None:
    """BadSettings when what is to be copied is not of this program's version."""
    if found == 0:
        raise BadSettings([f"{name} is no database of Prosa."])
    if found < known:
        raise BadSettings(
            [f"{name} is of version {found}, this program of {known}: migrate it first."]
        )
    if found > known:
        raise BadSettings([f"{name} is of version {found}, this program of {known}: update it."])
