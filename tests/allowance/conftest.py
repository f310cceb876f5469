"""Installations with plans, and a database to reserve in."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from chat.db.connect import connect
from chat.db.database import Database
from chat.db.queries import query
from chat.settings import read
from chat.web.current import Clock, system_clock
from tests.databases import Installer
from tests.site import Site
from tests.upstream import Upstream

ADDED = "INSERT INTO accounts VALUES (:id, :id, :id, 'x', 'user', '', '', '', 0)"
PlannedSite = Callable[..., Awaitable[Site]]


@pytest.fixture
async def planned(
    database: Installer, upstream: Upstream, tmp_path: Path
) -> AsyncIterator[PlannedSite]:
    """`await planned("messages = 2")`: one where that is everybody's plan, and pro one to buy.

    Whole plans begin with a bracket; the first of them is everybody's.
    """
    async with AsyncExitStack() as stack:

        async def make(text: str, *, clock: Clock = system_clock, **env: str) -> Site:
            env = plans_file(tmp_path, text) | {"OPENAI_BASE_URL": upstream.url, **env}
            return await stack.enter_async_context(database.running(tmp_path, env, clock))

        yield make


def plans_file(folder: Path, text: str) -> dict[str, str]:
    path = folder / "plans.toml"
    if not text.startswith("["):
        text = f'[plans.free]\nname = "Free"\n{text}\n[plans.pro]\nname = "Pro"\nprice = "price_1"'
    first = text.partition("[plans.")[2].partition("]")[0]
    path.write_text(f'default = "{first}"\n{text}\n')
    return {"PLANS_FILE": str(path)}


class Books:
    """The counters and events of a database, with accounts that are simply there."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self._made = 0

    async def account(self) -> str:
        self._made += 1
        await self.db.run(query("test", ADDED), id=f"a{self._made}")
        return f"a{self._made}"

    async def used(self, account: str) -> dict[str, int]:
        sql = "SELECT meter, SUM(used) AS used FROM usage_counters WHERE account_id = :a GROUP BY 1"
        rows = await self.db.all(query("test", sql), a=account)
        return {row["meter"]: int(row["used"]) for row in rows}

    async def events(self, account: str) -> list[dict[str, Any]]:
        sql = (
            "SELECT * FROM usage_events WHERE account_id = :a ORDER BY created_at, reply_id, meter"
        )
        return [dict(row) for row in await self.db.all(query("test", sql), a=account)]


@pytest.fixture(scope="session")
async def books(
    database: Installer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Books]:
    folder = tmp_path_factory.mktemp("books")
    db = await connect(read({"DATA": str(folder), **await database.settings(folder)}))
    yield Books(db)
    await db.close()
