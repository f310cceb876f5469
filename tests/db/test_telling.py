"""Rows and the notes of them in one statement: both or neither."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from chat.db.postgres import Postgres
from chat.db.queries import query
from tests.databases import Server
from tests.rows import until

SAY = query("say", "INSERT INTO said SELECT * FROM unnest(CAST(:word AS TEXT[]))")
COUNT = query(
    "count",
    "INSERT INTO counted SELECT CAST(n AS INTEGER), w FROM unnest(CAST(:number AS TEXT[]),"
    " CAST(:word AS TEXT[])) AS t (n, w)",
)
SAID = query("said", "SELECT word FROM said ORDER BY word")


@pytest.fixture
async def db(postgres: Server) -> AsyncIterator[Postgres]:
    url = await postgres.create()
    opened = await Postgres.open(url)
    await postgres.run("CREATE TABLE said (word TEXT PRIMARY KEY)", url=url)
    await opened.join()
    yield opened
    await opened.close()


async def test_rows_are_there_when_their_notes_are_heard(db: Postgres) -> None:
    heard, seen = list[str](), list[asyncio.Task[object]]()

    def hear(note: str) -> None:
        heard.append(note)
        seen.append(asyncio.create_task(db.all(SAID)))

    db.hear(hear)
    await db.many_and_tell(SAY, [{"word": "one"}, {"word": "two"}], ["c1", "c2"])

    async def both() -> bool:
        return len(heard) == 2

    await until(both, within=20)
    assert heard == ["c1", "c2"]
    for rows in await asyncio.gather(*seen):
        assert [row["word"] for row in rows] == ["one", "two"]  # type: ignore[attr-defined]


async def test_what_cannot_be_written_is_not_told(db: Postgres) -> None:
    heard = list[str]()
    db.hear(heard.append)
    await db.many_and_tell(SAY, [{"word": "one"}], ["first"])

    with pytest.raises(asyncpg.UniqueViolationError):
        await db.many_and_tell(SAY, [{"word": "two"}, {"word": "one"}], ["never"])
    await db.many_and_tell(SAY, [{"word": "three"}], ["last"])

    async def last() -> bool:
        return "last" in heard

    await until(last, within=20)
    assert heard == ["first", "last"]
    assert [row["word"] for row in await db.all(SAID)] == ["one", "three"]


async def test_numbers_and_nothing_go_into_rows_as_they_are(db: Postgres) -> None:
    await db.run(query("make", "CREATE TABLE counted (number BIGINT, word TEXT)"))
    rows: list[dict[str, object]] = [{"number": 2**40, "word": None}, {"number": 0, "word": "None"}]
    await db.many_and_tell(COUNT, rows, [])
    await db.many(COUNT, [{"number": -1, "word": ""}])

    found = await db.all(query("counted", "SELECT number, word FROM counted ORDER BY number"))
    assert [(row["number"], row["word"]) for row in found] == [(-1, ""), (0, "None"), (2**40, None)]


async def test_what_is_told_without_rows_is_heard_by_all(db: Postgres) -> None:
    heard = list[str]()
    db.hear(heard.append)
    await db.tell(["one", "two"])

    async def both() -> bool:
        return len(heard) == 2

    await until(both, within=20)
    assert heard == ["one", "two"]
