"""What was being written when the process died, or was told to leave, is kept."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.databases import Installer
from tests.people import Person, conversation_of, reply_of
from tests.rows import change, count, interrupted, rows, state, text_of, until
from tests.site import Site
from tests.upstream import Answer, Upstream

HALF = ["Once upon ", "a *time*", "never said"]


async def test_after_a_crash_a_running_reply_is_interrupted_with_its_text(
    people: Callable[..., Person], upstream: Upstream, tmp_path: Path
) -> None:
    """R5: the disk as it was at one moment, and an installation that starts on it."""
    on_sqlite, env = Installer(), {"OPENAI_BASE_URL": upstream.url}
    upstream.will(Answer(HALF, pause=0.05, held=asyncio.Event()))
    async with on_sqlite.running(tmp_path / "first", env) as site:
        ada = people(site)
        await ada.register()
        sent = await ada.send("Tell me a story")
        reply = reply_of(sent)

        async def saved() -> bool:
            found = await rows(site, "SELECT body FROM reply_chunks WHERE reply_id = :id", id=reply)
            return "".join(row["body"] for row in found) == "Once upon a *time*"

        await until(saved, within=10)
        ignored = shutil.ignore_patterns("*-shm")
        shutil.copytree(site.settings.data, tmp_path / "found", ignore=ignored)
    async with on_sqlite.running(tmp_path / "found", env) as later:
        found = await state(later, reply), await text_of(later, reply)
        left = await count(later, "reply_chunks")
        again = people(later, ada.email)
        await again.log_in()
        page = await again.get(f"/conversations/{conversation_of(sent)}")

    assert found == ("interrupted", "Once upon a *time*")
    assert left == 0
    assert page.one("[data-reply]")["data-state"] == "interrupted"


async def test_one_that_had_said_nothing_yet_is_interrupted_too(
    database: Installer, upstream: Upstream, tmp_path: Path, people: Callable[..., Person]
) -> None:
    env = {"OPENAI_BASE_URL": upstream.url}
    async with database.running(tmp_path, env) as site:
        ada = people(site)
        await ada.register()
        reply = reply_of(await ada.send("Hello"))
        await ada.watched(reply)
    async with database.running(tmp_path, env) as site:
        await change(site, "UPDATE replies SET state = 'pending', ended_at = NULL")
        await change(site, "UPDATE messages SET text = '', html = '' WHERE role = 'assistant'")
    async with database.running(tmp_path, env) as site:
        await interrupted(site, reply)
        ended = (await rows(site, "SELECT ended_at, epoch FROM replies"))[0]

    assert ended["ended_at"] is not None
    assert ended["epoch"] > 1


async def test_leaving_interrupts_and_loses_nothing(
    database: Installer, upstream: Upstream, tmp_path: Path, people: Callable[..., Person]
) -> None:
    """R7: on SIGTERM every character that arrived is stored, and the watchers are told."""
    env = {"OPENAI_BASE_URL": upstream.url}
    upstream.will(Answer(HALF, held=asyncio.Event()))
    async with database.running(tmp_path, env) as site:
        ada = people(site)
        await ada.register()
        sent = await ada.send("Tell me a story")
        reply = reply_of(sent)
        stream = ada.events(reply)
        await anext(stream)
        watching = asyncio.create_task(_last(stream))
        await asyncio.sleep(0)
    last = await watching
    async with database.running(tmp_path, env) as site:
        found = await state(site, reply), await text_of(site, reply)
        left = await count(site, "reply_chunks")

    assert found == ("interrupted", "Once upon a *time*")
    assert left == 0
    assert 'data-state="interrupted"' in last


async def _last(stream: object) -> str:
    data = ""
    async for event in stream:  # type: ignore[attr-defined]
        data = event.data
    return data


async def test_an_interrupted_reply_is_written_again(
    database: Installer, upstream: Upstream, tmp_path: Path, people: Callable[..., Person]
) -> None:
    env = {"OPENAI_BASE_URL": upstream.url}
    upstream.will(Answer(HALF, held=asyncio.Event()))
    async with database.running(tmp_path, env) as site:
        ada = people(site)
        await ada.register()
        sent = await ada.send("Tell me a story")
        async for _ in ada.events(reply_of(sent)):
            break
    async with database.running(tmp_path, env) as site:
        ada = people(site, ada.email)
        await ada.log_in()
        retried = await ada.partial(f"/replies/{reply_of(sent)}/retry")
        await ada.watched(reply_of(retried))
        assert await text_of(site, reply_of(retried)) == "Hello, world."


async def test_a_finished_reply_is_not_touched(
    database: Installer, upstream: Upstream, tmp_path: Path, people: Callable[..., Person]
) -> None:
    env = {"OPENAI_BASE_URL": upstream.url}
    async with database.running(tmp_path, env) as site:
        ada = people(site)
        await ada.register()
        reply = reply_of(await ada.send("Hello"))
        await ada.watched(reply)
        before = await rows(site, "SELECT * FROM replies")
    async with database.running(tmp_path, env) as site:
        assert await rows(site, "SELECT * FROM replies") == before


async def test_a_late_writer_of_an_interrupted_reply_changes_nothing(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    """R6: whoever was declared dead and is not: its epoch is over."""
    held = asyncio.Event()
    upstream.will(Answer(HALF, held=held))
    sent = await ada.send("Tell me a story")
    sql = "UPDATE replies SET state = 'interrupted', epoch = epoch + 1 WHERE id = :id"
    await change(site, sql, id=reply_of(sent))
    await change(site, "UPDATE messages SET text = 'kept' WHERE id = :id", id=reply_of(sent))

    held.set()
    await ada.watched(reply_of(sent))

    assert await state(site, reply_of(sent)) == "interrupted"
    assert await text_of(site, reply_of(sent)) == "kept"
