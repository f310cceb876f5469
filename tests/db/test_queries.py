"""Every statement is prepared against the migrated schema: a misspelt column fails here."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import asyncpg
import pytest

from chat.db.database import Row, Transaction
from chat.db.postgres import Postgres
from chat.db.queries import FOLDER, Query, load_queries
from chat.db.sqlite import READERS, SQLite
from tests.databases import Server

FEATURES = sorted({path.name.partition(".")[0] for path in FOLDER.glob("*.sql")})
ALL = [
    pytest.param(query, id=f"{feature}.{name}")
    for feature in FEATURES
    for name, query in load_queries(feature).items()
]
QUICK = [each for each in ALL if cast(Query, each.values[0]).quick]


@pytest.fixture(scope="module")
async def db(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SQLite]:
    opened = await SQLite.open(tmp_path_factory.mktemp("queries") / "chat.db")
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
async def plain(postgres: Server) -> AsyncIterator[Any]:
    """A connection of the driver's own to a migrated PostgreSQL."""
    url = await postgres.create()
    await (await Postgres.open(url)).close()
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


@pytest.mark.parametrize("query", ALL)
async def test_is_understood_by_sqlite(db: SQLite, query: Query) -> None:
    explained = replace(query, text=f"EXPLAIN {query.text}", writes=False)
    steps = await db.all(explained, **dict.fromkeys(query.names))
    assert steps


@pytest.mark.parametrize("query", QUICK)
async def test_what_is_asked_on_the_event_loop_looks_through_no_table(
    db: SQLite, query: Query
) -> None:
    explained = replace(query, text=f"EXPLAIN QUERY PLAN {query.text}", writes=False)
    steps = await db.all(explained, **dict.fromkeys(query.names))

    own = set(re.findall(r"(\w+) (?:\([\w, ]+\) )?AS \(", query.text))
    scans = {step["detail"].split()[1] for step in steps if step["detail"].startswith("SCAN")}
    assert not query.writes
    assert scans <= own


async def test_what_is_quick_waits_for_no_thread(tmp_path: Path) -> None:
    db = await SQLite.open(tmp_path / "chat.db")
    get = load_queries("conversations")["get"]
    slow = await asyncio.gather(*(db._reader().__aenter__() for _ in range(READERS)))

    rows = await asyncio.wait_for(db.all(get, id="none", account_id="none"), 5)
    waiting = asyncio.create_task(db.all(replace(get, quick=False), id="none", account_id="none"))
    await asyncio.sleep(0)

    assert (len(slow), rows) == (READERS, [])
    assert not waiting.done()
    waiting.cancel()
    await db.close()


@pytest.mark.parametrize("query", ALL)
async def test_is_understood_by_postgres_and_answers_the_same_columns(
    db: SQLite, plain: Any, query: Query
) -> None:
    prepared = await plain.prepare(query.postgres)

    assert len(prepared.get_parameters()) == len(query.names)
    kinds = {"text[]", "int8[]"} if query.columns else {"text", "int8", "int4"}
    assert {kind.name for kind in prepared.get_parameters()} <= kinds
    assert [column.name for column in prepared.get_attributes()] == await columns(db, query)


async def columns(db: SQLite, query: Query) -> list[str]:
    """What SQLite answers; of a write, which is not tried here, what it says that it returns."""
    if query.writes:
        return re.findall(r"\w+", query.text.partition("RETURNING")[2])
    cursor = await db._writer.execute(query.text, dict.fromkeys(query.names, 0))
    found = [column[0] for column in cursor.description]
    await cursor.close()
    return found


@pytest.mark.parametrize("query", ALL)
def test_is_used(query: Query) -> None:
    """A statement that nobody asks for any more is deleted."""
    asked = "".join(path.read_text("utf-8") for path in Path("chat").rglob("*.py"))
    assert f'["{query.name}"]' in asked


async def test_writes_leave_nothing_behind_when_a_block_fails(tmp_path: Path) -> None:
    db = await SQLite.open(tmp_path / "chat.db")
    forget = load_queries("throttles")["forget"]
    count = load_queries("throttles")["count"]
    values = {"now": 5, "since": 0}

    async def fail(tx: Transaction) -> None:
        await tx.one(count, key="lost", **values)
        raise RuntimeError("on purpose")

    def succeed(key: str) -> Callable[[Transaction], Awaitable[Row]]:
        return lambda tx: tx.one(count, key=key, **values)

    blocks = (succeed("a"), fail, succeed("b"), fail, fail, succeed("c"))
    results = await asyncio.gather(*map(db.transaction, blocks), return_exceptions=True)

    assert [type(result) for result in results].count(RuntimeError) == 3
    assert await db.run(forget, since=10) == 3
    await db.close()


async def test_many_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    """R12: 200 writers at once, and no "database is locked"."""
    db = await SQLite.open(tmp_path / "chat.db")
    count = load_queries("throttles")["count"]

    await asyncio.gather(*(db.one(count, key="same", now=1, since=0) for _ in range(200)))

    row = await db.one(count, key="same", now=1, since=0)
    assert row["count"] == 201
    await db.close()


async def test_a_block_that_waits_for_something_else_is_a_mistake_and_holds_up_nobody(
    tmp_path: Path,
) -> None:
    db = await SQLite.open(tmp_path / "chat.db")
    count = load_queries("throttles")["count"]

    async def hang(tx: Transaction) -> None:
        await tx.one(count, key="lost", now=1, since=0)
        await asyncio.sleep(0)

    hanging = asyncio.create_task(db.transaction(hang))
    waiting = [asyncio.create_task(db.one(count, key=f"k{n}", now=1, since=0)) for n in range(5)]
    await asyncio.sleep(0)
    waiting[0].cancel()

    results = await asyncio.gather(hanging, *waiting, return_exceptions=True)

    assert [type(result) for result in results[:2]] == [RuntimeError, asyncio.CancelledError]
    assert [row["count"] for row in results[2:]] == [1] * 4  # type: ignore[index] # rows
    assert (await db.one(count, key="lost", now=1, since=0))["count"] == 1
    await db.close()


async def test_a_writer_that_leaves_while_its_transaction_begins_jams_nothing(
    tmp_path: Path,
) -> None:
    db = await SQLite.open(tmp_path / "chat.db")
    count = load_queries("throttles")["count"]

    for turn in range(30):  # cancelled at every step that a write takes
        leaving = asyncio.create_task(db.one(count, key="left", now=1, since=0))
        for _ in range(turn):
            await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        row = await db.one(count, key=f"stays {turn}", now=1, since=0)
        assert row["count"] == 1

    await db.close()
