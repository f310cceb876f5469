"""What writers do while another process holds the database."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from chat.db import sqlite
from chat.db.queries import load_queries
from chat.db.sqlite import SQLite
from chat.errors import Unavailable

COUNT = load_queries("throttles")["count"]
FORGET = load_queries("throttles")["forget"]
PATIENCE = 2.0  # seconds, in the place of five


@pytest.fixture
async def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SQLite]:
    monkeypatch.setattr(sqlite, "PATIENCE", PATIENCE)
    opened = await SQLite.open(tmp_path / "chat.db")
    yield opened
    await opened.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chat.db"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


async def counted(db: SQLite, key: str) -> float:
    """The seconds until one more try is stored; negative when it was given up."""
    began = time.monotonic()
    try:
        await db.one(COUNT, key=key, now=1, since=0)
    except Unavailable:
        return began - time.monotonic()
    return time.monotonic() - began


async def test_nobody_waits_longer_because_others_wait_too(db: SQLite, path: Path) -> None:
    with locked(path):
        waits = await asyncio.gather(*(counted(db, f"k{n}") for n in range(10)))

    assert all(-4 * PATIENCE < spent <= -PATIENCE + 0.05 for spent in waits), waits
    assert await counted(db, "after") > 0


async def test_who_comes_later_still_has_its_own_patience(db: SQLite, path: Path) -> None:
    with locked(path):
        first = asyncio.create_task(counted(db, "first"))
        await asyncio.sleep(PATIENCE * 0.7)
        second = asyncio.create_task(counted(db, "second"))
        assert await first < 0
    assert await second > 0


async def test_a_lock_that_goes_in_time_is_only_a_delay(db: SQLite, path: Path) -> None:
    with locked(path):
        writers = [asyncio.create_task(counted(db, f"k{n}")) for n in range(10)]
        await asyncio.sleep(PATIENCE / 2)
    assert all(spent > 0 for spent in await asyncio.gather(*writers))
    assert await db.run(FORGET, since=10) == 10


async def test_readers_do_not_wait_at_all(db: SQLite, path: Path) -> None:
    ready = load_queries("health")["ready"]
    with locked(path):
        writer = asyncio.create_task(counted(db, "k"))
        await asyncio.sleep(0.05)
        await db.value(ready)
        assert not writer.done()
        assert await writer < 0


async def test_a_writer_that_goes_away_while_it_waits_leaves_no_transaction(
    db: SQLite, path: Path
) -> None:
    with locked(path):
        writers = [asyncio.create_task(counted(db, f"gone{n}")) for n in range(3)]
        await asyncio.sleep(0.1)
        for writer in writers:
            writer.cancel()
    await asyncio.gather(*writers, return_exceptions=True)

    assert await counted(db, "next") > 0
    with locked(path):  # and nobody else is kept out
        pass
    assert await counted(db, "last") > 0
