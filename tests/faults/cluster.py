"""Several processes of one installation on a PostgreSQL, as an operator would run them."""

import asyncio
import copy
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from tests.databases import SECRET, Server
from tests.faults.process import Process, environment, start
from tests.people import Person
from tests.upstream import Upstream


class Cluster:
    """`processes` serve the database at `url`; `person` is somebody who uses them."""

    def __init__(self, url: str, env: dict[str, str]) -> None:
        self.url = url
        self.env = env
        self.processes: list[Process] = []
        self.person = Person("")

    async def add(self, **settings: str) -> Process:
        process = await start("serve", env={**self.env, **settings})
        self.processes.append(process)
        await process.ready()
        return process

    def at(self, number: int) -> Person:
        """The same browser, with all its cookies, talking to that process."""
        moved = copy.copy(self.person)
        moved.base = self.processes[number].base
        return moved

    async def rows(self, sql: str, *values: object) -> list[Any]:
        connection = await asyncpg.connect(self.url)
        try:
            found: list[Any] = await connection.fetch(sql, *values)
            return found
        finally:
            await connection.close()

    async def state(self, reply: str) -> str:
        return str((await self.rows("SELECT state FROM replies WHERE id = $1", reply))[0][0])

    async def text(self, reply: str) -> str:
        """What is stored of a reply, finished or not."""
        sql = """SELECT m.text || COALESCE(
                   (SELECT string_agg(body, '' ORDER BY seq) FROM reply_chunks WHERE reply_id = $1),
                   '') FROM messages m WHERE id = $1"""
        return str((await self.rows(sql, reply))[0][0])

    async def is_in(self, reply: str, state: str, within: float) -> None:
        async with asyncio.timeout(within):
            while await self.state(reply) != state:  # noqa: ASYNC110 (another process writes it)
                await asyncio.sleep(0.05)

    async def close(self) -> None:
        await self.person.close()
        for process in self.processes:
            await process.kill()


@asynccontextmanager
async def clustered(
    server: Server,
    folder: Path,
    upstream: Upstream,
    count: int = 3,
    ports: Sequence[str] = (),
    **settings: str,
) -> AsyncIterator[Cluster]:
    """`count` processes, or one for each of `ports`, on a database of their own.

    Somebody is signed up at the first one, where they have addresses of their own.
    """
    url = await server.create()
    env = {"DATABASE_URL": url, "SECRET_KEY": SECRET, "OPENAI_BASE_URL": upstream.url}
    cluster = Cluster(url, environment(folder, **{**env, **settings}))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(cluster.close)
        given = [{"PORT": port} for port in ports] or [{}] * count
        await asyncio.gather(*(cluster.add(**each) for each in given))
        if "PUBLIC_URL" not in settings:
            cluster.person.base = cluster.processes[0].base
            await cluster.person.register()
        yield cluster
