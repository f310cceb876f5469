"""R47, R48: a backup while everybody writes is whole, and becomes an installation again."""

import asyncio
import hashlib
import json
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from tests.faults.process import ROOT, environment, serving, survivors, until
from tests.faults.spoken import Disk
from tests.people import Person, conversation_of
from tests.test_commands import Done, refused, run
from tests.upstream import Answer, Upstream

BACKUPS = 20 if os.environ.get("CHAOS") else 3
WRITERS = 4


class Load:
    """Somebody who sends all the time. `acknowledged`: question → conversation."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.acknowledged: dict[str, str] = {}

    async def more(self, number: int) -> None:
        enough = len(self.acknowledged) + number
        await until(lambda: len(self.acknowledged) >= enough)

    async def run(self, name: int) -> None:
        for number in range(100_000):
            answer = await self.person.send(text := f"question {name}.{number}")
            assert answer.status == 200, answer.text
            self.acknowledged[text] = conversation_of(answer)


@asynccontextmanager
async def under_load(base: str) -> AsyncIterator[Load]:
    load = Load(Person(base))
    await load.person.register()
    tasks = [asyncio.create_task(load.run(n)) for n in range(WRITERS)]
    try:
        yield load
        assert not any(task.done() for task in tasks), "nobody failed meanwhile"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await load.person.close()


async def test_r47_backups_under_load_are_restored_whole(
    tmp_path: Path, upstream: Upstream
) -> None:
    upstream.will(*(Answer(["Hello, ", "world."], pause=0.02) for _ in range(8)))
    data, uploads = tmp_path / "data", tmp_path / "uploads"
    for number in range(30):
        upload(uploads, number)
    before: list[dict[str, str]] = []
    took: list[float] = []
    async with (
        serving(data, UPLOADS=str(uploads), OPENAI_BASE_URL=upstream.url) as process,
        under_load(process.base) as load,
    ):
        for number in range(BACKUPS):
            await load.more(20)
            before.append(dict(load.acknowledged))
            began = time.monotonic()
            done = await asyncio.to_thread(
                run, "backup", str(tmp_path / f"b{number}"), data=data, UPLOADS=str(uploads)
            )
            took.append(time.monotonic() - began)
            assert (done.returncode, done.stderr) == (0, "")
            assert len(load.acknowledged) > len(before[-1]), "sends went on meanwhile"
        assert process.complaints() == []
        email = load.person.email

    for number, acknowledged in enumerate(before):
        await _check_restored(tmp_path, number, acknowledged, email)
    print(f"{BACKUPS} backups of up to {len(before[-1])} conversations, at most {max(took):.2f} s")


async def _check_restored(
    folder: Path, number: int, acknowledged: dict[str, str], email: str
) -> None:
    data, uploads = folder / f"data{number}", folder / f"uploads{number}"
    done = run("restore", str(folder / f"b{number}"), data=data, UPLOADS=str(uploads))
    assert (done.returncode, done.stderr) == (0, "")
    disk = Disk(data, folder / "copy")
    assert disk.damage == ["ok"]
    assert acknowledged.items() <= {text: acknowledged.get(text) for text in disk.questions}.items()
    assert set(disk.questions.values()) == {1}
    assert f"{len(disk.questions)} conversations" in done.stdout
    assert "30 uploads" in done.stdout
    assert tree(uploads) == tree(folder / "uploads")
    assert (data / "secret-key").read_text() == (folder / "data" / "secret-key").read_text()
    modes = {path.stat().st_mode & 0o777 for path in data.iterdir()}
    assert modes == {0o600}

    async with serving(data, UPLOADS=str(uploads)) as process:
        person = Person(process.base, email)
        assert (await person.log_in()).status == 200
        for text in list(acknowledged)[-3:]:
            page = await person.get(f"/conversations/{acknowledged[text]}")
            assert page.words("[data-role=user] [data-part=text]") == text
            state = page.one("[data-role=assistant]")["data-state"]
            assert state in ("complete", "interrupted")
        assert process.complaints() == []
        await person.close()


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small installation with two uploads, and its backup."""
    folder = tmp_path_factory.mktemp("installation")
    for number in range(2):
        upload(folder / "uploads", number)
    run("create-admin", "ada@example.com", data=folder / "data", said="correct horse battery\n")
    done = made(folder, folder / "backup")
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.fixture
def backup(tmp_path: Path, installation: Path) -> Path:
    """The installation is in `tmp_path` then as well, in `data` and `uploads`."""
    shutil.copytree(installation, tmp_path, dirs_exist_ok=True)
    return tmp_path / "backup"


def made(folder: Path, backup: Path) -> Done:
    return run("backup", str(backup), data=folder / "data", UPLOADS=str(folder / "uploads"))


def restored(backup: Path, data: Path) -> Done:
    return run("restore", str(backup), data=data, UPLOADS=str(data.with_name("again")))


def newer(backup: Path) -> None:
    with closing(sqlite3.connect(backup / "chat.db")) as db:
        db.execute("PRAGMA user_version = 99")
    _claim(backup, "chat.db")


def claimed(backup: Path) -> None:
    """A hash that is right, of a file that is no database."""
    (backup / "chat.db").write_bytes(b"\xa5" * 8192)
    _claim(backup, "chat.db")


def flipped(path: str) -> Callable[[Path], None]:
    def flip(backup: Path) -> None:
        content = bytearray((backup / path).read_bytes())
        content[len(content) // 2] ^= 1
        (backup / path).write_bytes(content)

    return flip


def escaping(backup: Path) -> None:
    text = (backup / "manifest.json").read_text()
    (backup / "manifest.json").write_text(text.replace("uploads/aa/", "uploads/../../"))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (flipped("chat.db"), "chat.db is damaged"),
        (flipped("uploads/aa/0.bin"), "0.bin is damaged"),
        (lambda backup: (backup / "uploads/aa/1.bin").unlink(), "1.bin"),
        (lambda backup: (backup / "manifest.json").unlink(), "is no whole backup"),
        (lambda backup: (backup / "manifest.json").write_text("{"), "manifest.json is damaged"),
        (lambda backup: (backup / "manifest.json").write_text("[]"), "manifest.json is damaged"),
        (escaping, "manifest.json is damaged"),
        (lambda backup: shutil.rmtree(backup), "is no whole backup"),
        (newer, "of version 99"),
        (claimed, "file is not a database"),
    ],
)
def test_a_backup_that_is_not_whole_is_refused_and_nothing_is_written(
    tmp_path: Path, backup: Path, harm: Callable[[Path], None], said: str
) -> None:
    harm(backup)

    assert said in refused(restored(backup, tmp_path / "new"))
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "again").exists()


def test_an_installation_is_never_overwritten(tmp_path: Path, backup: Path) -> None:
    before = (tmp_path / "data" / "chat.db").read_bytes()

    assert "restore where nothing is" in refused(restored(backup, tmp_path / "data"))
    assert (tmp_path / "data" / "chat.db").read_bytes() == before
    upload(tmp_path / "again", 7)
    assert "restore where nothing is" in refused(restored(backup, tmp_path / "new"))
    assert not (tmp_path / "new" / "chat.db").exists()


async def test_nothing_is_restored_below_a_running_process(tmp_path: Path, backup: Path) -> None:
    async with serving(tmp_path / "new"):
        line = refused(await asyncio.to_thread(restored, backup, tmp_path / "new"))
    assert "Another Prosa serves" in line


def test_a_restore_that_broke_off_can_be_run_again(tmp_path: Path, backup: Path) -> None:
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "aa").write_text("a file where a folder belongs: this fails half way")
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "chat.db.restoring").write_bytes(b"half")
    assert "cannot be restored" in refused(restored(backup, tmp_path / "new"))
    assert not (tmp_path / "new" / "chat.db").exists()

    (tmp_path / "again" / "aa").unlink()
    done = restored(backup, tmp_path / "new")

    assert (done.returncode, done.stderr) == (0, "")
    assert "1 accounts, 0 conversations, 0 messages, 0 replies, 2 uploads" in done.stdout
    assert tree(tmp_path / "again") == tree(tmp_path / "uploads")
    assert "restore where nothing is" in refused(restored(backup, tmp_path / "new"))


def test_a_backup_needs_a_folder_of_its_own(tmp_path: Path, backup: Path) -> None:
    before = tree(backup)

    assert "is not empty" in refused(made(tmp_path, backup))
    assert tree(backup) == before
    assert "among the uploads" in refused(made(tmp_path, tmp_path / "uploads" / "b"))
    (tmp_path / "file").touch()
    assert str(tmp_path / "file") in refused(made(tmp_path, tmp_path / "file"))


def test_a_backup_of_nothing_makes_nothing(tmp_path: Path) -> None:
    assert "There is no database" in refused(made(tmp_path, tmp_path / "b"))
    assert not (tmp_path / "data").exists()
    assert list((tmp_path / "b").iterdir()) == []


def test_a_database_of_a_newer_program_is_not_backed_up(tmp_path: Path, backup: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "data" / "chat.db")) as db:
        db.execute("PRAGMA user_version = 99")

    assert "of version 99" in refused(made(tmp_path, tmp_path / "b"))
    assert list((tmp_path / "b").iterdir()) == []


async def test_a_backup_that_is_killed_cannot_be_taken_for_a_whole_one(
    tmp_path: Path, backup: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "data" / "chat.db")) as db:
        db.execute("CREATE TABLE filler (body BLOB)")
        db.execute("INSERT INTO filler VALUES (zeroblob(60000000))")
        db.commit()
    killed = 0
    for number in range(6):
        target = tmp_path / f"killed{number}"
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "chat", "backup", str(target)),
            cwd=ROOT,
            env=environment(tmp_path / "data", UPLOADS=str(tmp_path / "uploads")),
        )
        await until((target / "chat.db").exists, within=120)
        await asyncio.sleep(number * 0.01)
        child.kill()
        await child.wait()
        if (target / "manifest.json").exists():  # it was done before that
            assert restored(target, tmp_path / f"whole{number}" / "data").returncode == 0
            continue
        killed += 1
        assert "is no whole backup" in refused(restored(target, tmp_path / "new"))
    assert killed
    assert survivors(tmp_path / "data") == []


def upload(folder: Path, number: int) -> None:
    path = folder / "aa" / f"{number}.bin"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(10_000))


def tree(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def _claim(backup: Path, path: str) -> None:
    """The manifest says of a file what it is now."""
    manifest = json.loads((backup / "manifest.json").read_text())
    content = (backup / path).read_bytes()
    (entry,) = (file for file in manifest["files"] if file["path"] == path)
    entry |= {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (backup / "manifest.json").write_text(json.dumps(manifest))
