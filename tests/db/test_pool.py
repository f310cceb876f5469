"""Who waits for a connection of PostgreSQL waits as long as others get theirs, and no longer."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from chat.db import postgres as postgres_module
from chat.db.database import Transaction
from chat.db.postgres import MOST, Postgres
from chat.db.queries import query
from chat.db.turns import Turns
from chat.errors import Unavailable
from tests.databases import Server
from tests.rows import until

PATIENCE = 1.0  # seconds, in the place of five
PID = query("pid", "SELECT pg_backend_pid()")
SLEEP = query("sleep", "SELECT CAST(pg_sleep(:milliseconds / 1000.0) AS TEXT)")


@pytest.fixture
async def db(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Postgres]:
    opened = await Postgres.open(await postgres.create())
    await busy(opened, MOST, 50)  # all connections are there
    monkeypatch.setattr(postgres_module, "PATIENCE", PATIENCE)
    yield opened
    await opened.close()


async def busy(db: Postgres, count: int, milliseconds: int) -> list[object]:
    """So many statements at once, each of which takes so long: what they answer, or why not."""
    statements = (db.value(SLEEP, milliseconds=milliseconds) for _ in range(count))
    return list(await asyncio.gather(*statements, return_exceptions=True))


async def test_a_long_queue_that_moves_refuses_nobody(
    db: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_module, "PATIENCE", 3.0)
    began = time.monotonic()
    answers = await busy(db, 18 * MOST, 200)

    assert answers == [""] * 18 * MOST
    assert time.monotonic() - began > 3.0


async def test_a_queue_that_stands_still_is_not_waited_in(db: Postgres) -> None:
    slow = asyncio.create_task(busy(db, MOST, 6_000))
    await asyncio.sleep(0)
    began = time.monotonic()
    late = await busy(db, 5, 1)

    assert [type(answer) for answer in late] == [Unavailable] * 5
    assert time.monotonic() - began >= PATIENCE
    assert not slow.done()
    assert await slow == [""] * MOST


@pytest.mark.parametrize("steps", range(8))
async def test_who_goes_away_at_any_step_takes_nobodys_turn(steps: int) -> None:
    """While it waits, when its turn has just come, and when it has begun."""
    turns = Turns(1)

    async def take(held: asyncio.Event) -> None:
        async with turns.one(patience=5, longest=5):
            await held.wait()

    first, never, now = asyncio.Event(), asyncio.Event(), asyncio.Event()
    holding = asyncio.create_task(take(first))
    await asyncio.sleep(0)
    leaving = asyncio.create_task(take(never))
    for _ in range(5):
        await asyncio.sleep(0)
    first.set()
    for _ in range(steps):
        await asyncio.sleep(0)
    leaving.cancel()
    now.set()

    await asyncio.wait_for(take(now), 2)
    await asyncio.gather(holding, leaving, return_exceptions=True)
    assert leaving.cancelled()
    await asyncio.wait_for(take(now), 2)


async def test_one_that_freezes_inside_a_transaction_holds_nobody_up_for_long(
    postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was stopped there keeps its locks, and others want to take over."""
    monkeypatch.setattr(postgres_module, "IDLE", 1.0)
    url, inside, awake = await postgres.create(), asyncio.Event(), asyncio.Event()
    one, two = await Postgres.open(url), await Postgres.open(url)

    async def freeze(tx: Transaction) -> None:
        await tx.lock("the same")
        inside.set()
        await awake.wait()

    async def go_on(tx: Transaction) -> None:
        await tx.lock("the same")

    frozen = asyncio.create_task(one.transaction(freeze))
    await inside.wait()
    await two.transaction(go_on)
    awake.set()

    with pytest.raises(Unavailable):
        await frozen
    await one.transaction(go_on)
    await asyncio.gather(one.close(), two.close())


async def test_a_connection_that_has_rested_for_long_is_given_to_nobody(
    postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = await Postgres.open(await postgres.create())
    first = await db.value(PID)
    monkeypatch.setattr(postgres_module, "RESTS", 0.0)
    later = await db.value(PID)
    await db.close()

    assert first != later


async def test_what_many_needed_once_is_not_kept_for_ever(
    db: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert db._pool.get_size() == MOST
    monkeypatch.setattr(postgres_module, "RESTS", 0.05)

    async def few() -> bool:
        await db.value(PID)
        return bool(db._pool.get_size() <= 2)

    await until(few, within=20)


async def test_who_is_served_while_it_closes_does_not_hold_it_up(
    db: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_module, "PATIENCE", 15.0)
    last = asyncio.create_task(busy(db, 1, 300))

    async def served() -> bool:
        return len(db._resting) == MOST - 1

    await until(served, within=20)
    began = time.monotonic()
    await db.close()

    assert time.monotonic() - began < 15
    assert await last == [""]


async def test_one_that_died_while_it_rested_is_given_to_nobody(postgres: Server) -> None:
    url = await postgres.create()
    db = await Postgres.open(url)
    mine = await db.value(PID)
    await postgres.run(f"SELECT pg_terminate_backend({mine})", url=url)

    resting: Any = db._resting[-1][0]

    async def dead() -> bool:
        return resting._con is None

    await until(dead, within=20)
    written = await db.run(query("note", "CREATE TABLE notes (word TEXT)"))
    await db.close()
    assert written == 0


async def test_a_statement_given_up_half_way_is_nothing_to_the_next_one(db: Postgres) -> None:
    """The server is told, and what had begun is undone before somebody else is given the place."""
    inside = asyncio.Event()

    async def begin(tx: Transaction) -> None:
        await tx.run(query("make", "CREATE TABLE half (word TEXT)"))
        inside.set()
        await tx.value(SLEEP, milliseconds=60_000)

    given_up = asyncio.create_task(db.transaction(begin))
    await inside.wait()
    given_up.cancel()
    await asyncio.wait({given_up})

    assert len(db._resting) == MOST - 1  # the pool has that one, and sees to it
    assert await busy(db, 2 * MOST, 1) == [""] * 2 * MOST
    found = await db.value(query("there", "SELECT CAST(to_regclass('half') AS TEXT)"))
    assert (found, given_up.cancelled()) == (None, True)
