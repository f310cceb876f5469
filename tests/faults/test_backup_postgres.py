"""R47, R48 on PostgreSQL: a backup under load is whole, and becomes an installation again."""

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from chat.db.migrations import migrations
from tests.databases import SECRET, Server
from tests.faults.cluster import Cluster, clustered
from tests.faults.process import ROOT, environment, start, survivors, until
from tests.faults.test_backup import BACKUPS, flipped, tree, under_load, upload
from tests.test_commands import Done, refused, run
from tests.upstream import Answer, Upstream

PASSWORD = "very hidden: %/"
QUOTED = "very%20hidden%3A%20%25%2F"
SPY = """#!/bin/sh
{ tr '\\0' ' ' </proc/$$/cmdline; echo; } >>"$SPIED.words"
echo "$PGPASSWORD" >>"$SPIED.password"
exec "$REAL/$(basename "$0")" "$@"
"""
OLD = """#!/bin/sh
echo "$(basename "$0") (PostgreSQL) 9.6.24"
"""


@dataclass
class Place:
    """Where an installation is, or is to be."""

    server: Server
    url: str
    uploads: Path

    def run(self, *command: str, path: str = "", said: str = "", **more: str) -> Done:
        env = {"UPLOADS": str(self.uploads), "SECRET_KEY": SECRET, "DATABASE_URL": self.url, **more}
        found = path or f"{self.server.programs}:{os.environ['PATH']}"
        data = self.uploads.with_name("unused")
        return run(*command, data=data, said=said, cwd=ROOT, umask=-1, PATH=found, **env)

    def restored(self, folder: Path, **more: str) -> Done:
        return self.run("restore", str(folder), **more)

    async def tables(self) -> int:
        connection = await asyncpg.connect(self.url)
        sql = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        found = int(await connection.fetchval(sql))
        await connection.close()
        return found


async def test_r47_backups_under_load_are_restored_whole(
    postgres: Server, tmp_path: Path, upstream: Upstream
) -> None:
    upstream.will(*(Answer(["Hello, ", "world."], pause=0.02) for _ in range(8)))
    uploads = tmp_path / "uploads"
    for number in range(30):
        upload(uploads, number)
    before: list[dict[str, str]] = []
    async with (
        clustered(postgres, tmp_path / "data", upstream, 2, UPLOADS=str(uploads)) as cluster,
        under_load(cluster.processes[0].base) as load,
    ):
        for number in range(BACKUPS):
            await load.more(20)
            before.append(dict(load.acknowledged))
            place = Place(postgres, cluster.url, uploads)
            done = await asyncio.to_thread(place.run, "backup", str(tmp_path / f"b{number}"))
            assert (done.returncode, done.stderr) == (0, "")
            assert len(load.acknowledged) > len(before[-1]), "sends went on meanwhile"
        assert [process.complaints() for process in cluster.processes] == [[], []]
        email = load.person.email

    for number, acknowledged in enumerate(before):
        place = Place(postgres, await postgres.create(), tmp_path / f"again{number}" / "uploads")
        done = await asyncio.to_thread(place.restored, tmp_path / f"b{number}")
        assert (done.returncode, done.stderr) == (0, "")
        assert "30 uploads" in done.stdout
        assert tree(place.uploads) == tree(uploads)
        await _check_served(place, upstream, acknowledged, email, done.stdout)


async def _check_served(
    place: Place, upstream: Upstream, acknowledged: dict[str, str], email: str, told: str
) -> None:
    env = {"DATABASE_URL": place.url, "SECRET_KEY": SECRET, "OPENAI_BASE_URL": upstream.url}
    cluster = Cluster(place.url, environment(place.uploads.with_name("data"), **env))
    try:
        process = await cluster.add()
        sql = "SELECT text, count(*) FROM messages WHERE role = 'user' GROUP BY text"
        questions = {text: number for text, number in await cluster.rows(sql)}
        assert acknowledged.keys() <= questions.keys()
        assert set(questions.values()) == {1}
        assert f"{len(questions)} conversations" in told

        cluster.person.base, cluster.person.email = process.base, email
        assert (await cluster.person.log_in()).status == 200
        for text in list(acknowledged)[-3:]:
            reply = "SELECT id FROM messages WHERE role = 'assistant' AND conversation_id = $1"
            ((found,),) = await cluster.rows(reply, acknowledged[text])
            async with asyncio.timeout(15):  # its writer may be thought to live for a while
                while await cluster.state(found) not in ("complete", "interrupted"):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            page = await cluster.person.get(f"/conversations/{acknowledged[text]}")
            assert page.words("[data-role=user] [data-part=text]") == text
        assert (await cluster.person.send("And now?")).status == 200
        assert process.complaints() == []
    finally:
        await cluster.close()


@pytest.fixture
async def installation(postgres: Server, tmp_path: Path) -> Place:
    """A small installation with two uploads."""
    place = Place(postgres, await postgres.create(), tmp_path / "uploads")
    for number in range(2):
        upload(place.uploads, number)
    done = place.run("create-admin", "ada@example.com", said="correct horse battery\n")
    assert (done.returncode, done.stderr) == (0, "")
    return place


@pytest.fixture
async def backup(installation: Place, tmp_path: Path) -> Path:
    done = installation.run("backup", str(tmp_path / "backup"))
    assert (done.returncode, done.stderr) == (0, "")
    return tmp_path / "backup"


@pytest.fixture
async def new(postgres: Server, tmp_path: Path) -> Place:
    """Where nothing is yet."""
    return Place(postgres, await postgres.create(), tmp_path / "again")


async def test_a_backup_is_one_dump_for_its_owner_alone_and_no_key(backup: Path) -> None:
    assert {path.name for path in backup.iterdir()} == {"chat.dump", "manifest.json", "uploads"}
    assert (backup / "chat.dump").stat().st_mode & 0o777 == 0o600
    assert SECRET not in (backup / "manifest.json").read_text()
    assert json.loads((backup / "manifest.json").read_text())["database"] == "PostgreSQL"


def older(backup: Path) -> None:
    manifest = json.loads((backup / "manifest.json").read_text())
    assert manifest["database_version"] == len(migrations("postgres"))
    manifest["database_version"] = 99
    (backup / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (flipped("chat.dump"), "chat.dump is damaged"),
        (flipped("uploads/aa/0.bin"), "0.bin is damaged"),
        (lambda backup: (backup / "chat.dump").unlink(), "is not whole"),
        (lambda backup: (backup / "manifest.json").unlink(), "is no whole backup"),
        (older, "is of version 99"),
    ],
)
async def test_a_backup_that_is_not_whole_is_refused_and_nothing_is_written(
    backup: Path, new: Place, harm: Callable[[Path], None], said: str
) -> None:
    harm(backup)

    assert said in refused(new.restored(backup))
    assert await new.tables() == 0
    assert not new.uploads.exists()


async def test_an_installation_is_never_overwritten(
    installation: Place, backup: Path, new: Place
) -> None:
    assert "There are tables in" in refused(installation.restored(backup))
    upload(new.uploads, 7)
    assert "There are files in" in refused(new.restored(backup))
    assert await new.tables() == 0


async def test_a_restore_that_broke_off_can_be_run_again(
    installation: Place, backup: Path, new: Place
) -> None:
    new.uploads.mkdir()
    (new.uploads / ".restoring").touch()
    (new.uploads / "aa").write_text("a file where a folder belongs: this fails half way")
    assert "cannot be restored" in refused(new.restored(backup))
    (new.uploads / "aa").unlink()
    await new.server.run("CREATE TYPE public.accounts AS (n INT)", url=new.url)
    line = refused(new.restored(backup))
    assert line.startswith("pg_restore: ")
    assert '"accounts" already exists' in line
    assert await new.tables() == 0

    await new.server.run("DROP TYPE public.accounts", url=new.url)
    done = new.restored(backup)

    assert (done.returncode, done.stderr) == (0, "")
    assert "1 accounts, 0 conversations, 0 messages, 0 replies, 2 uploads" in done.stdout
    assert tree(new.uploads) == tree(installation.uploads)
    assert "There are tables in" in refused(new.restored(backup))


async def test_a_backup_that_is_killed_cannot_be_taken_for_a_whole_one(
    installation: Place, new: Place, tmp_path: Path
) -> None:
    filler = "CREATE TABLE filler AS SELECT md5(n::TEXT) AS t FROM generate_series(1, 1500000) n"
    await installation.server.run(filler, url=installation.url)
    env = {"UPLOADS": str(installation.uploads), "SECRET_KEY": SECRET}
    env |= {"DATABASE_URL": installation.url}
    env |= {"PATH": f"{installation.server.programs}:{os.environ['PATH']}"}
    target = tmp_path / "killed"
    child = await start("backup", str(target), env=environment(tmp_path / "unused", **env))
    dump = target / "chat.dump"
    await until(lambda: dump.exists() and dump.stat().st_size, within=120)
    await child.kill()
    await until(lambda: not survivors(tmp_path / "unused"))  # pg_dump may come to its end

    assert not (target / "manifest.json").exists()
    assert "is no whole backup" in refused(new.restored(target))


async def test_each_kind_of_database_wants_its_own_backups(
    installation: Place, backup: Path, new: Place, tmp_path: Path
) -> None:
    lite = {"DATABASE_URL": f"sqlite:///{tmp_path}/data/chat.db"}
    assert installation.run("migrate", **lite).returncode == 0
    assert installation.run("backup", str(tmp_path / "lite"), **lite).returncode == 0

    there = refused(new.restored(tmp_path / "lite"))
    back = refused(new.restored(backup, DATABASE_URL=f"sqlite:///{tmp_path}/new/chat.db"))

    assert "is of SQLite, DATABASE_URL of PostgreSQL" in there
    assert "is of PostgreSQL, DATABASE_URL of SQLite" in back
    assert there.endswith("then run copy-database.")
    assert back.endswith("then run copy-database.")
    assert await new.tables() == 0
    assert not (tmp_path / "new").exists()


async def test_the_password_is_on_no_command_line(
    installation: Place, new: Place, tmp_path: Path
) -> None:
    programs = _programs(tmp_path, SPY)
    env = {"path": programs, "SPIED": str(tmp_path / "spied")}
    env |= {"REAL": str(installation.server.programs)}
    for place in (installation, new):
        place.url = place.url.replace("postgres@", f"postgres:{QUOTED}@")

    assert installation.run("backup", str(tmp_path / "b"), **env).returncode == 0
    assert new.run("restore", str(tmp_path / "b"), **env).returncode == 0

    words = (tmp_path / "spied.words").read_text()
    assert "--dbname=postgresql://postgres@/prosa" in words
    assert "hidden" not in words
    assert set((tmp_path / "spied.password").read_text().splitlines()) == {"", PASSWORD}


async def test_programs_that_are_missing_or_too_old_are_said_in_a_line(
    installation: Place, backup: Path, new: Place, tmp_path: Path
) -> None:
    empty, old = tmp_path / "empty", _programs(tmp_path, OLD)
    empty.mkdir()
    more = str(tmp_path / "more")

    assert refused(installation.run("backup", more, path=str(empty))).startswith("pg_dump is not")
    assert refused(new.run("restore", str(backup), path=str(empty))).startswith("pg_restore is not")
    server = "a server of version 18."
    line = refused(installation.run("backup", more, path=old))
    assert line == f"pg_dump 9 cannot dump {server}"
    line = refused(new.run("restore", str(backup), path=old))
    assert line == f"pg_restore 9 cannot restore into {server}"
    assert list((tmp_path / "more").iterdir()) == []
    assert await new.tables() == 0


def _programs(folder: Path, script: str) -> str:
    """A PATH where `pg_dump` and `pg_restore` are this script."""
    made = folder / "programs"
    made.mkdir()
    for name in ("pg_dump", "pg_restore"):
        (made / name).write_text(script)
        (made / name).chmod(0o755)
    return f"{made}:{os.environ['PATH']}"
