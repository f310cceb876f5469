"""R38, R39: the database server restarts, is away, has no room, is of another version."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests import databases
from tests import upstream as upstreams
from tests.databases import SECRET, Server
from tests.faults.cluster import Cluster, clustered
from tests.faults.process import environment, start
from tests.faults.spoken import Spoken, Watcher
from tests.faults.test_many_processes import ends, sees
from tests.people import Answer as Page
from tests.people import reply_of
from tests.upstream import Answer, Upstream

OWNED = """DO $$ DECLARE t text; BEGIN
  FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
    EXECUTE format('ALTER TABLE %I OWNER TO app', t);
  END LOOP; END $$"""
CHAOS = bool(os.environ.get("CHAOS"))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One that may be shot."""
    with databases.serving() as found:
        yield found


@pytest.fixture
async def own_upstream() -> AsyncIterator[Upstream]:
    async with upstreams.running() as found:
        yield found


async def refused(server: Server, url: str, folder: Path) -> list[str]:
    """What a start that must fail says, which is one line and no secret."""
    env = environment(folder, DATABASE_URL=url, SECRET_KEY=SECRET)
    process = await start("serve", env=env)
    assert await process.left() == 1
    assert "Traceback" not in "".join(process.lines)
    assert SECRET not in "".join(process.lines)
    return process.lines


@pytest.mark.parametrize("mode", ["immediate", "fast"] if CHAOS else ["immediate"])
async def test_r38_a_restart_in_the_middle_of_a_reply_costs_no_character(
    server: Server, tmp_path: Path, own_upstream: Upstream, mode: str
) -> None:
    spoken = Spoken("a", 900)
    own_upstream.will(Answer(spoken, pause=0.01))
    async with clustered(server, tmp_path, own_upstream, count=2) as cluster:
        reply = reply_of(await cluster.at(0).send("Tell me a story"))
        watchers = [Watcher(cluster.at(n), reply) for n in (0, 1)]
        await sees(watchers[1], 100)

        await server.stop(mode)
        down = [await cluster.at(n).send("While it is away") for n in (0, 1)]
        ready = await cluster.at(0).get("/readyz")
        await server.start()
        began = time.monotonic()
        again = await _sent_once_it_is_back(cluster)
        back = time.monotonic() - began
        states = [await ends(watcher) for watcher in watchers]

        assert states == ["complete"] * 2
        assert await cluster.text(reply) == "".join(spoken)
        assert {answer.status for answer in down} == {503}
        assert {answer.headers["Retry-After"] for answer in down} == {"5"}
        assert ready.status == 503
        stored = await cluster.rows("SELECT text FROM messages WHERE role = 'user'")
        assert sorted(row[0] for row in stored) == ["It is back", "Tell me a story"]
        assert await ends(Watcher(cluster.at(1), reply_of(again))) == "complete"
        assert [each.complaints() for each in cluster.processes] == [[], []]
    assert back < 15
    print(f"{mode}: stored again {back:.2f} s after the server")


async def _sent_once_it_is_back(cluster: Cluster) -> Page:
    while True:
        answer = await cluster.at(1).send("It is back")
        if answer.status != 503:
            return answer
        await asyncio.sleep(0.1)


async def test_r39_without_free_connections_sends_are_refused_and_none_is_lost(
    server: Server, tmp_path: Path, own_upstream: Upstream
) -> None:
    """A role of its own with few connections, as hosts of databases sell them."""
    async with clustered(server, tmp_path, own_upstream, count=1) as cluster:
        name = urlsplit(cluster.url).path.removeprefix("/")
        await server.run(
            "CREATE ROLE app LOGIN CONNECTION LIMIT 3",
            f"ALTER DATABASE {name} OWNER TO app",
        )
        await server.run(OWNED, url=cluster.url)
        few = await cluster.add(DATABASE_URL=cluster.url.replace("postgres@", "app@"))

        answers = await asyncio.gather(*(cluster.at(1).send(f"Message {n}") for n in range(60)))

        taken = [answer for answer in answers if answer.status == 200]
        assert {answer.status for answer in answers} <= {200, 503}
        assert taken
        rows = await cluster.rows("SELECT text FROM messages WHERE role = 'user'")
        stored = {row[0] for row in rows}
        assert len(stored) == len(rows)
        acknowledged = {answer.words("[data-role=user] .bubble") for answer in taken}
        assert acknowledged <= stored  # one that is stored may be answered 503, never the reverse
        running = "SELECT id FROM replies WHERE state IN ('pending', 'streaming')"
        async with asyncio.timeout(60):  # their endings have to wait for one another too
            while await cluster.rows(running):  # noqa: ASYNC110 (another process ends them)
                await asyncio.sleep(0.05)
        assert (await cluster.at(1).send("And now?")).status == 200
        assert few.complaints() == []
    print(f"{len(taken)} of 60 sends taken with 3 connections, the others 503")


async def test_a_lock_held_by_somebody_else_is_waited_for_and_then_refused(
    server: Server, tmp_path: Path, own_upstream: Upstream
) -> None:
    """R11 on PostgreSQL: 5 s of patience, 503, and the reply's text is stored afterwards."""
    spoken = Spoken("b", 900)
    own_upstream.will(Answer(spoken, pause=0.01))
    async with clustered(server, tmp_path, own_upstream, count=1) as cluster:
        reply = reply_of(await cluster.at(0).send("Tell me a story"))
        watcher = Watcher(cluster.at(0), reply)
        await sees(watcher, 20)
        holder = await asyncpg.connect(cluster.url)
        async with holder.transaction():
            await holder.execute("LOCK TABLE messages, reply_chunks IN EXCLUSIVE MODE")
            began = time.monotonic()
            refused = await cluster.at(0).send("While it is locked")
            took = time.monotonic() - began
            history = await cluster.at(0).get("/conversations")
        await holder.close()

        assert (refused.status, history.status) == (503, 200)
        assert 4 < took < 12
        assert await ends(watcher) == "complete"
        assert await cluster.text(reply) == "".join(spoken)


async def test_a_database_of_a_newer_program_is_refused(server: Server, tmp_path: Path) -> None:
    async with clustered(server, tmp_path, Upstream(), count=1) as cluster:
        url = cluster.url
    await server.run("UPDATE schema_version SET version = 99", url=url)

    lines = await refused(server, url, tmp_path)

    assert len(lines) == 1
    assert "version 99, this program of" in lines[0]


async def test_processes_that_start_at_once_migrate_once(server: Server, tmp_path: Path) -> None:
    url = await server.create()
    env = environment(tmp_path, DATABASE_URL=url, SECRET_KEY=SECRET)

    racing = [await start("migrate", env=env) for _ in range(6)]
    codes = await asyncio.gather(*(process.left() for process in racing))

    assert codes == [0] * 6, [process.lines for process in racing]


async def test_a_migration_that_dies_half_way_is_made_by_the_next_start(
    server: Server, tmp_path: Path
) -> None:
    """Its process is killed while it waits in the middle of the first migration."""
    url = await server.create()
    env = environment(tmp_path, DATABASE_URL=url, SECRET_KEY=SECRET)
    blocker = await asyncpg.connect(url)
    async with blocker.transaction():
        await blocker.execute("CREATE TABLE replies (id TEXT)")  # it waits to know if this stays
        dying = await start("migrate", env=env)
        async with asyncio.timeout(120):
            while not await _somebody_waits(blocker):  # noqa: ASYNC110 (another process does)
                await asyncio.sleep(0.05)
        dying.signal(signal.SIGKILL)
        await dying.left()
        await blocker.execute("DROP TABLE replies")
    await blocker.close()

    resumed = await start("migrate", env=env)

    assert await resumed.left() == 0, resumed.lines
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT version FROM schema_version") >= 2
    await connection.close()


async def _somebody_waits(connection: "asyncpg.Connection") -> bool:
    sql = "SELECT count(*) FROM pg_locks WHERE NOT granted AND database IS NOT NULL OR NOT granted"
    return bool(await connection.fetchval(sql))
