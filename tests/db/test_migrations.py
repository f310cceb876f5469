"""A database comes to this version whole or not at all, whoever else is starting."""

import asyncio
import sqlite3
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest

from chat.db import migrations
from chat.db.sqlite import SQLite
from chat.settings import BadSettings
from tests.faults.process import environment, start, until

OPENING = """
import asyncio, sys
from pathlib import Path
from chat.db import migrations
from chat.db.sqlite import SQLite

async def main():
    await (await SQLite.open(Path(sys.argv[2]))).close()

migrations.FOLDER = Path(sys.argv[1])
sys.stdin.read()
asyncio.run(main())
"""
SECOND = "CREATE TABLE steps (step TEXT NOT NULL) STRICT;\nINSERT INTO steps VALUES ('once');\n"
ENDLESS = (
    "INSERT INTO steps WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    " SELECT 'x' FROM n WHERE i < 0;\n"
)


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """A folder with this program's migrations, to which a test adds."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    for path in migrations.FOLDER.glob("*.sql"):
        (folder / path.name).write_text(path.read_text("utf-8"), "utf-8")
    return folder


@pytest.fixture
def following(scripts: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of the next migration, which this process will run."""
    monkeypatch.setattr(migrations, "FOLDER", scripts)
    return _next(scripts)


def _next(scripts: Path) -> Path:
    return scripts / f"{len(list(scripts.glob('*.sql'))) + 1:04}_next.sql"


def write(path: Path, script: str) -> None:
    path.write_text(script, "utf-8")


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def schema(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return [row[0] for row in db.execute("SELECT sql FROM sqlite_schema ORDER BY name")]


def steps(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return [row[0] for row in db.execute("SELECT step FROM steps")]


async def opened(path: Path) -> None:
    await (await SQLite.open(path)).close()


async def test_a_new_database_is_of_the_newest_version(tmp_path: Path) -> None:
    await opened(tmp_path / "chat.db")
    assert version(tmp_path / "chat.db") == len(migrations.migrations())


async def test_what_fails_half_way_leaves_the_old_schema(tmp_path: Path, following: Path) -> None:
    path = tmp_path / "chat.db"
    await opened(path)
    before = schema(path)
    write(following, f"{SECOND}CREATE TABLE accounts (id TEXT) STRICT;\n")

    with pytest.raises(BadSettings, match="accounts already exists"):
        await opened(path)

    assert schema(path) == before
    assert version(path) == int(following.name[:4]) - 1

    write(following, SECOND)
    await opened(path)
    await opened(path)
    assert steps(path) == ["once"]
    assert version(path) == int(following.name[:4])


async def test_an_unfinished_statement_changes_nothing(tmp_path: Path, following: Path) -> None:
    path = tmp_path / "chat.db"
    await opened(path)
    before = schema(path)
    write(following, f"{SECOND}CREATE TABLE half (")

    with pytest.raises(ValueError, match="unfinished statement: CREATE TABLE half"):
        await opened(path)
    assert schema(path) == before


async def test_a_gap_in_the_numbers_is_refused(tmp_path: Path, following: Path) -> None:
    write(following.with_name("0009_far.sql"), SECOND)
    with pytest.raises(BadSettings, match="gap or a double number"):
        await opened(tmp_path / "chat.db")


async def test_a_semicolon_in_a_trigger_does_not_end_it(tmp_path: Path, following: Path) -> None:
    path = tmp_path / "chat.db"
    write(
        following,
        f"{SECOND}CREATE TRIGGER twice AFTER INSERT ON steps WHEN new.step = 'a'\n"
        "BEGIN\n  INSERT INTO steps VALUES ('b;');\n  INSERT INTO steps VALUES ('c');\nEND;\n"
        "INSERT INTO steps VALUES ('a'); -- a; comment\n",
    )
    await opened(path)
    assert steps(path) == ["once", "a", "b;", "c"]


async def test_a_database_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    await opened(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    before = path.read_bytes()

    with pytest.raises(BadSettings, match="version 99, this program of"):
        await opened(path)
    assert path.read_bytes() == before


async def test_s132_all_its_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    db = await SQLite.open(folder / "chat.db")
    modes = {each.name: each.stat().st_mode & 0o777 for each in folder.iterdir()}
    await db.close()

    assert set(modes) == {"chat.db", "chat.db-wal", "chat.db-shm"}
    assert set(modes.values()) == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


async def _opening(scripts: Path, path: Path) -> asyncio.subprocess.Process:
    """A process that opens the database once its standard input is closed."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", OPENING, str(scripts), str(path),
        env=environment(path.parent), stdin=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def test_processes_that_start_at_once_run_each_step_once(
    tmp_path: Path, scripts: Path
) -> None:
    write(_next(scripts), SECOND)
    for round_ in range(3):
        path = tmp_path / f"data{round_}" / "chat.db"
        racing = [await _opening(scripts, path) for _ in range(5)]
        done = await asyncio.gather(*(process.communicate(b"") for process in racing))

        assert [process.returncode for process in racing] == [0] * 5, done
        assert steps(path) == ["once"]


async def test_a_process_killed_in_the_middle_leaves_the_old_schema(
    tmp_path: Path, scripts: Path
) -> None:
    path = tmp_path / "data" / "chat.db"
    await opened(path)
    before = schema(path)
    script = _next(scripts)
    write(script, SECOND + ENDLESS)
    dying = await _opening(scripts, path)
    assert dying.stdin
    dying.stdin.close()
    await until(lambda: held(path))
    dying.kill()
    await dying.wait()

    assert schema(path) == before

    write(script, SECOND)
    resumed = await _opening(scripts, path)
    _, errors = await resumed.communicate(b"")
    assert (resumed.returncode, errors) == (0, b"")
    assert steps(path) == ["once"]


def held(path: Path) -> bool:
    """Whether somebody is writing."""
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as db:
        with suppress(sqlite3.OperationalError):
            db.execute("BEGIN IMMEDIATE")
            return False
        return True


async def test_servers_and_commands_that_start_at_once_all_come_up(tmp_path: Path) -> None:
    env = environment(tmp_path / "data")
    racing = [await start("migrate", env=env) for _ in range(4)]
    codes = await asyncio.gather(*(process.left(60) for process in racing))

    assert codes == [0] * 4, [process.lines for process in racing]
    assert version(tmp_path / "data" / "chat.db") == len(migrations.migrations())
