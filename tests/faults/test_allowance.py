"""Killed at any moment: what was reserved is settled or given back, and every sum is right."""

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests import upstream as upstreams
from tests.allowance.conftest import plans_file
from tests.faults.installation import Installation, Sent, new_form
from tests.rows import until
from tests.upstream import Answer

KILLS = 5
LIMIT = 9


@pytest.fixture
async def metered(tmp_path: Path) -> AsyncIterator[Installation]:
    async with upstreams.running() as upstream:
        made = Installation(tmp_path, upstream)
        made.env |= plans_file(tmp_path, f"messages = {LIMIT}\noutput_tokens = 100_000")
        try:
            await made.start()
            await made.person.register()
            yield made
        finally:
            await made.close()


def read(installation: Installation, sql: str) -> list[Any]:
    path = f"file:{installation.data / 'chat.db'}?mode=ro"
    with closing(sqlite3.connect(path, uri=True)) as db:
        return db.execute(sql).fetchall()


async def settled(installation: Installation) -> bool:
    running = "SELECT 1 FROM replies WHERE state IN ('pending', 'streaming')"
    return not read(installation, running)


async def send(installation: Installation, sent: Sent, answers: list[int]) -> None:
    with suppress(aiohttp.ClientError, OSError):
        answers.append((await installation.person.partial("/conversations", sent.form)).status)


async def test_killed_at_any_moment_it_counts_what_was_shown_and_no_more(
    metered: Installation,
) -> None:
    chance, answers = random.Random("prosa"), list[int]()
    for number in range(KILLS):
        pauses = (0.0, 0.005, 0.1)
        metered.upstream.will(*(Answer(["word "] * 40, pause=pause) for pause in pauses))
        forms = [new_form(f"question {number}.{n}") for n in range(3)]
        sending = [asyncio.create_task(send(metered, form, answers)) for form in forms]
        if number == 0:  # at least one is taken
            await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(chance.uniform(0.01, 0.6))
        assert metered.process
        await metered.process.kill()
        await asyncio.gather(*sending)
        metered.upstream.answers.clear()
        await metered.start()
        await until(lambda: settled(metered), within=10)
        _check(metered)

    (used,) = read(metered, "SELECT used FROM usage_counters WHERE meter = 'messages'")[0]
    for n in range(LIMIT + 1 - used):
        await send(metered, new_form(f"more {n}"), last := list[int]())
        assert last == ([200] if n < LIMIT - used else [429])
    assert 200 in answers
    assert set(answers) <= {200, 429}


def _check(metered: Installation) -> None:
    """Of each reply that there is what it reserved is counted if it has a text, and else is not."""
    found = read(
        metered,
        """SELECT e.meter, e.state, e.actual, m.text, r.output_tokens
             FROM replies r
             JOIN messages m ON m.id = r.id
             LEFT JOIN usage_events e ON e.reply_id = r.id""",
    )
    assert len(found) == 2 * read(metered, "SELECT count(*) FROM replies")[0][0]
    used = {"messages": 0, "output_tokens": 0}
    for meter, state, actual, text, tokens in found:
        assert state == ("settled" if text else "released")
        assert actual == ((1 if meter == "messages" else tokens) if text else 0)
        used[meter] += actual
    assert dict(read(metered, "SELECT meter, used FROM usage_counters")) in ({}, used)
    assert used["messages"] <= LIMIT
