"""A full disk, a cancellation, statistics: what was there stays, and nothing gets slow."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from chat.conversations.repository import SQL as CONVERSATIONS
from chat.db.database import Transaction
from chat.db.queries import Query, load_queries, query
from chat.db.sqlite import SQLite
from chat.errors import Unavailable
from chat.providers.domain import Model
from chat.replies.admission import Limits
from chat.replies.domain import Chunk, Ending
from chat.replies.repository import ReplyRepository
from chat.replies.storing import Draft
from chat.replies.writing import WritingRepository

MODEL = Model("m/m", "m", "m")
LIMITS = Limits(at_once=10, a_minute=1000)
COUNT = load_queries("throttles")["count"]


def writes(text: str) -> Query:
    return query("written", text)


def reads(text: str) -> Query:
    return replace(query("read", text), writes=False)


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[SQLite]:
    opened = await SQLite.open(tmp_path / "chat.db")
    await opened.run(writes("INSERT INTO accounts VALUES ('ada','a','a','x','user','','','m/m',0)"))
    yield opened
    await opened.close()


async def fill(db: SQLite) -> None:
    """From now on there is room for two pages more: to SQLite the same as a full disk."""
    pages = await db.value(reads("PRAGMA page_count"))
    await db._writer.execute(f"PRAGMA max_page_count = {pages + 2}")


async def free(db: SQLite) -> None:
    await db._writer.execute("PRAGMA max_page_count = 1073741823")


async def test_a_send_on_a_full_disk_leaves_the_conversation_as_it_was(db: SQLite) -> None:
    replies, writing = ReplyRepository(db), WritingRepository(db)
    first = await replies.begin(Draft("hello", MODEL, "k1"), "ada", "", 1, LIMITS)
    await writing.end(first.reply.id, 1, "answer", "<p>answer</p>", Ending("complete"), 2)
    everything = reads("SELECT * FROM conversations")
    before = [dict(row) for row in await db.all(everything)]

    await fill(db)
    with pytest.raises(Unavailable):
        long = Draft("x" * 150_000, MODEL, "k2")
        await replies.begin(long, "ada", first.conversation.id, 3, LIMITS)
    await free(db)

    assert [dict(row) for row in await db.all(everything)] == before
    again = Draft("again", MODEL, "k3")
    assert (await replies.begin(again, "ada", first.conversation.id, 4, LIMITS)).fresh


async def test_an_ending_on_a_full_disk_keeps_the_text_so_far(db: SQLite) -> None:
    replies, writing = ReplyRepository(db), WritingRepository(db)
    begun = await replies.begin(Draft("hello", MODEL, "k1"), "ada", "", 1, LIMITS)
    text = "y" * 60_000
    await writing.append([Chunk(begun.reply.id, 1, 1, text)])

    await fill(db)
    with pytest.raises(Unavailable):
        await writing.end(begun.reply.id, 1, text, f"<p>{text}</p>", Ending("complete"), 2)
    await free(db)

    assert (await writing.progress(begun.reply.id)).parts == [(0, "", ""), (1, text, "")]
    assert await writing.end(begun.reply.id, 1, text, "", Ending("complete"), 3)


async def test_a_cancellation_at_any_step_is_one_and_leaves_all_or_nothing(db: SQLite) -> None:
    async def two(key: str) -> None:
        async def both(tx: Transaction) -> None:
            await tx.one(COUNT, key=f"{key} a", now=1, since=0)
            await tx.one(COUNT, key=f"{key} b", now=1, since=0)

        await db.transaction(both)

    for turn in range(60):
        first = asyncio.create_task(two(f"first {turn}"))
        joined = asyncio.create_task(two(f"joined {turn}"))
        for _ in range(turn):
            await asyncio.sleep(0)
        joined.cancel()
        results = await asyncio.gather(first, joined, return_exceptions=True)

        assert results[0] is None
        assert results[1] is None or isinstance(results[1], asyncio.CancelledError)
        pairs = reads(f"SELECT count(*) FROM throttles WHERE key LIKE 'joined {turn} %'")
        assert await db.value(pairs) in (0, 2)


async def test_statistics_make_no_page_scan_all_messages(tmp_path: Path) -> None:
    """Closing gathers statistics, and with them the planner may choose another way."""
    db = await SQLite.open(tmp_path / "chat.db")
    await db.run(writes("INSERT INTO accounts VALUES ('ada','a','a','x','user','','','',0)"))
    talks = [{"id": f"c{number}"} for number in range(3000)]
    await db.many(writes("INSERT INTO conversations VALUES (:id,'ada','t','m','',0,0,0,0)"), talks)
    message = (
        "INSERT INTO messages (id,conversation_id,account_id,parent_id,role,text,html,key,"
        "created_at) VALUES (:id,:talk,'ada',NULL,'user','x','',NULL,0)"
    )
    rows = [{"id": secrets.token_hex(8), "talk": f"c{number % 3000}"} for number in range(6000)]
    await db.many(writes(message), rows)
    values = {
        "from_id": "x",
        "conversation_id": "c1",
        "account_id": "ada",
        "limit": 40,
        "thoughts": 1,
    }
    await db.all(CONVERSATIONS["path"], **values)
    await db.close()

    db = await SQLite.open(tmp_path / "chat.db")
    await db.run(writes("ANALYZE"))
    plan = await db.all(reads(f"EXPLAIN QUERY PLAN {CONVERSATIONS['path'].text}"), **values)
    await db.close()

    steps = [str(row["detail"]) for row in plan]
    assert not [step for step in steps if step.startswith("SCAN m")], steps
