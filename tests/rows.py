"""What the database of an installation holds, asked past the app."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from quart import has_request_context

from chat.db.database import Row
from chat.db.queries import Query, query
from tests.people import Person
from tests.site import Site


async def rows(site: Site, sql: str, **values: object) -> list[dict[str, Any]]:
    """The rows of a SELECT with parameters by name."""
    found = await site.db.all(query("test", sql), **values)
    return [dict(row) for row in found]


async def count(site: Site, table: str, condition: str = "1 = 1", **values: object) -> int:
    found = await rows(site, f"SELECT count(*) AS n FROM {table} WHERE {condition}", **values)
    return int(found[0]["n"])


async def change(site: Site, sql: str, **values: object) -> None:
    await site.db.run(query("test", sql), **values)


async def state(site: Site, reply: str) -> str:
    found = await rows(site, "SELECT state FROM replies WHERE id = :id", id=reply)
    return str(found[0]["state"]) if found else "gone"


async def text_of(site: Site, message: str) -> str:
    found = await rows(site, "SELECT text FROM messages WHERE id = :id", id=message)
    return str(found[0]["text"])


async def interrupted(site: Site, reply: str) -> None:
    """Returns once what a process left that is gone is marked: 15 s where it may have lived on."""

    async def marked() -> bool:
        return await state(site, reply) == "interrupted"

    await until(marked, within=15)


async def until(condition: Callable[[], Awaitable[bool]], *, within: float) -> float:
    """The seconds it took until `condition` was true; fails when it is not in time."""
    began = time.monotonic()
    while not await condition():
        assert time.monotonic() - began < within, f"not within {within} s"
        await asyncio.sleep(0.01)
    return time.monotonic() - began


async def questions(site: Site, person: Person, path: str) -> int:
    """How often the database is asked for one page."""
    asked = 0
    ask_all = site.db.all

    async def counted(query: Query, **values: object) -> Sequence[Row]:
        nonlocal asked
        asked += has_request_context()  # and not of what goes on beside it
        return await ask_all(query, **values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site.db, "all", counted)
        await person.get(path)
    return asked
