"""Copies of a whole database, made while others write it, and what is in one."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from chat.db.migrations import migrations
from chat.settings import BadSettings

PATIENCE = 30  # seconds
COUNTED = ("accounts", "conversations", "messages", "replies")


@dataclass(frozen=True, slots=True)
class Contents:
    """`version` as the migrations count it; `counts`: rows by table."""

    version: int
    counts: dict[str, int]


def copy_sqlite(path: Path, target: Path) -> None:
    """A consistent copy of `path` as of now: one read, which holds up no writer.

    `target` is new or an empty file. Errors: BadSettings when there is no database, or it cannot
    be read or written.
    """
    if not path.is_file():
        raise BadSettings([f"There is no database {path}."])
    with speaking(path), closing(opened(path, "mode=rw")) as db:  # ro could not make the index
        db.execute("VACUUM INTO ?", [str(target)])


def contents_sqlite(path: Path) -> Contents:
    """What is in a copy that nobody writes; BadSettings when this program cannot use it."""
    with speaking(path), closing(opened(path, "mode=ro&immutable=1")) as db:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if not 1 <= version <= (known := len(migrations())):
            raise BadSettings(
                [f"{path} is of version {version}, this program of {known}: it cannot be used."]
            )
        if [row[0] for row in db.execute("PRAGMA integrity_check")] != ["ok"]:
            raise BadSettings([f"{path} is damaged."])
        counts = {
            table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 (constants)
            for table in COUNTED
        }
    return Contents(version, counts)


def opened(path: Path, how: str) -> sqlite3.Connection:
    """A connection without a transaction; `how`: the parameters of a SQLite URI."""
    uri = f"{path.absolute().as_uri()}?{how}"
    return sqlite3.connect(uri, uri=True, timeout=PATIENCE, isolation_level=None)


@contextmanager
def speaking(path: Path) -> Iterator[None]:
    """What SQLite complains of, as one line for the operator."""
    try:
        yield
    except sqlite3.Error as error:
        raise BadSettings([f"The database {path} cannot be used: {error}."]) from error
