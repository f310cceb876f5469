"""An installation moves between databases: whole, compared, or not at all."""

import asyncio
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from chat.db.ends import TABLES
from tests.databases import Installer
from tests.db.conftest import MESSAGES, Filling, said
from tests.db.test_migrations import held
from tests.faults.process import environment, start, until
from tests.people import conversation_of, reply_of
from tests.places import Place, Places, copied, told
from tests.rows import interrupted
from tests.test_commands import refused
from tests.upstream import Answer, Upstream

SLOW = {  # what makes replies take long; between two sleeps PostgreSQL notices who is gone
    "sqlite": """CREATE TRIGGER slow BEFORE INSERT ON replies BEGIN
        SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
                              SELECT i FROM n WHERE i < 0); END""",
    "postgres": """CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(1.5); RETURN new; END $$;
        CREATE TRIGGER slow BEFORE INSERT ON replies EXECUTE FUNCTION slow()""",
}
WRONG = {  # what changes a text on its way in
    "sqlite": """CREATE TRIGGER wrong AFTER INSERT ON messages WHEN new.seq = 77
        BEGIN UPDATE messages SET text = text || ' ' WHERE seq = 77; END""",
    "postgres": """CREATE FUNCTION wrong() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN new.text = new.text || ' '; RETURN new; END $$;
        CREATE TRIGGER wrong BEFORE INSERT ON messages FOR EACH ROW WHEN (new.seq = 77)
        EXECUTE FUNCTION wrong()""",
}


WAYS = [("sqlite", "postgres"), ("postgres", "sqlite"), ("sqlite", "sqlite")]


@pytest.mark.parametrize(("kind", "other"), WAYS)
async def test_a_copy_holds_every_row_and_the_app_goes_on_from_it(
    kind: str, other: str, filled: Filling, place: Places, upstream: Upstream, tmp_path: Path
) -> None:
    old = await filled(kind)
    new = await place(other)
    before = await old.place.rows()
    done = await copied(old.place, new, tmp_path)
    counts = {table: rows for table, (rows, _) in told(done).items()}

    assert counts == {table: len(rows) for table, rows in before.items()}
    assert counts["messages"] > MESSAGES
    assert all(counts.values())
    assert "DATABASE_URL" in done.stdout.splitlines()[-1]
    assert await old.place.rows() == before
    assert await new.rows() == (without_nul(before) if other == "postgres" else before)

    env = {**new.settings, "OPENAI_BASE_URL": upstream.url}
    async with Installer().running(tmp_path / "run", env) as site:
        old.person.base = site.base
        for talk, texts in old.texts.items():
            assert await said(old.person, talk) == texts, "the session lives on too"
        await interrupted(site, "unfinished")
        page = await old.person.get("/replies/unfinished")
        assert page.words("[data-part=text]").endswith("gun chunk 1 chunk 2 chunk 3")
        assert (await old.person.log_in()).status == 200
        upstream.will(Answer(["Still here."]))
        sent = await old.person.send("And now?", next(iter(old.texts)))
        await old.person.watched(reply_of(sent))
        assert (await said(old.person, conversation_of(sent)))[-1].strip() == "Still here."


def without_nul(found: Mapping[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    def text(value: Any) -> Any:
        return value.replace("\0", "\ufffd") if isinstance(value, str) else value

    return {
        table: [{name: text(value) for name, value in row.items()} for row in rows]
        for table, rows in found.items()
    }


async def test_there_and_back_has_the_same_checksums(
    filled: Filling, place: Places, tmp_path: Path
) -> None:
    old, between, new = (
        (await filled("sqlite")).place,
        await place("postgres"),
        await place("sqlite"),
    )
    await old.execute("UPDATE messages SET text = replace(text, char(0), char(65533))")

    there = told(await copied(old, between, tmp_path))
    back = told(await copied(between, new, tmp_path))

    assert there == back
    assert len({checksum for _, checksum in there.values()}) == len(TABLES)
    assert await new.rows() == await between.rows()


@pytest.mark.parametrize(("kind", "other"), WAYS[:2])
async def test_what_arrives_otherwise_is_named_and_nothing_is_kept(
    kind: str, other: str, filled: Filling, place: Places, tmp_path: Path
) -> None:
    old, new = (await filled(kind)).place, await place(other)
    async with new.open():
        pass
    await new.execute(WRONG[other])

    line = refused(await copied(old, new, tmp_path))

    assert line == "messages did not arrive as it was: nothing was copied."
    assert not any((await new.rows()).values())
    await new.execute("DROP TRIGGER wrong" + (" ON messages" if other == "postgres" else ""))
    assert told(await copied(old, new, tmp_path))


@pytest.mark.parametrize(("kind", "other"), WAYS[:2])
async def test_a_copy_that_is_killed_leaves_nothing_and_can_be_made_again(
    kind: str, other: str, filled: Filling, place: Places, tmp_path: Path
) -> None:
    old, new = (await filled(kind)).place, await place(other)
    async with new.open():
        pass
    await new.execute(SLOW[other])
    env = environment(tmp_path / "unused")
    dying = await start("copy-database", old.address, new.address, env=env)
    await halfway(new)
    await dying.kill()

    assert not any((await new.rows()).values())
    await new.execute("DROP TRIGGER slow" + (" ON replies" if other == "postgres" else ""))
    assert told(await copied(old, new, tmp_path))["messages"][0] > MESSAGES


async def test_who_interrupts_a_copy_is_obeyed_at_once(
    filled: Filling, place: Places, tmp_path: Path
) -> None:
    old, new = (await filled("sqlite")).place, await place("postgres")
    async with new.open():
        pass
    await new.execute(SLOW["postgres"])
    env = environment(tmp_path / "unused")
    process = await start("copy-database", old.address, new.address, env=env)
    await halfway(new)
    process.signal(signal.SIGINT)

    assert await process.left(30) == 130
    assert process.lines == []
    assert not any((await new.rows()).values())


async def halfway(new: Place) -> None:
    """Returns once somebody is in the middle of a copy to there."""
    if new.kind == "sqlite":
        await until(lambda: held(Path(new.address.removeprefix("sqlite:///"))))
        return
    sql = """SELECT wait_event FROM pg_stat_activity
              WHERE datname = current_database() AND application_name = 'prosa command'"""
    connection = await asyncpg.connect(new.address)
    async with asyncio.timeout(15):
        while await connection.fetchval(sql) != "PgSleep":  # noqa: ASYNC110 (another process's)
            await asyncio.sleep(0.05)
    await connection.close()


async def test_what_is_written_meanwhile_is_not_half_in_the_copy(
    filled: Filling, place: Places, tmp_path: Path
) -> None:
    old, new = (await filled("postgres")).place, await place("postgres")
    async with new.open():
        pass
    await new.execute(SLOW["postgres"].replace("1.5", "0.5"))
    before = await old.rows()
    copying = asyncio.create_task(copied(old, new, tmp_path))
    await halfway(new)
    await old.execute("UPDATE replies SET reason = 'late'; DELETE FROM reply_chunks")

    assert told(await copying)["reply_chunks"][0] == 3
    assert await new.rows() == before
