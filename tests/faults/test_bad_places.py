"""R50: where the app cannot live it says so in one clear line, and goes."""

import ctypes
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.process import ROOT, environment, serving

_PR_CAPBSET_DROP, _DAC_OVERRIDE, _DAC_READ_SEARCH = 24, 1, 2
COMMANDS = ["serve", "migrate"]
Lines = list[str]


def refused(command: str, data: Path, **env: str) -> Lines:
    """What a command says that has to fail: its lines on stderr."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "chat", command],
        cwd=ROOT,
        env=environment(data, **env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=_bound_by_modes,
    )
    assert done.returncode == 1, done
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()


def _bound_by_modes() -> None:
    """Root without the right to ignore the modes of files: then they count for it as well."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in (_DAC_OVERRIDE, _DAC_READ_SEARCH):
            libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


def bound_by_modes(folder: Path) -> bool:
    """Whether a process that begins like ours is kept out by a mode."""
    program = "import os, sys; sys.exit(os.access(sys.argv[1], os.W_OK))"
    command = [sys.executable, "-c", program, str(folder)]
    return subprocess.run(command, preexec_fn=_bound_by_modes, timeout=120).returncode == 0


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "fixed"
    folder.mkdir(mode=0o500)
    if not bound_by_modes(folder):
        pytest.skip("modes do not bind here: read-only folders are NOT tested")
    yield folder
    folder.chmod(0o700)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_data_folder_that_is_read_only(read_only: Path, command: str) -> None:
    (line,) = refused(command, read_only)
    assert str(read_only) in line
    assert "Permission denied" in line


@pytest.mark.parametrize("command", COMMANDS)
def test_a_data_folder_that_cannot_be_made(read_only: Path, command: str) -> None:
    (line,) = refused(command, read_only / "data")
    assert str(read_only / "data") in line


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_in_the_place_of_the_data_folder(tmp_path: Path, command: str) -> None:
    (tmp_path / "data").write_text("not a folder")
    (line,) = refused(command, tmp_path / "data")
    assert str(tmp_path / "data") in line
    assert (tmp_path / "data").read_text() == "not a folder"


def test_a_database_in_a_place_that_cannot_exist(tmp_path: Path) -> None:
    (line,) = refused("migrate", tmp_path, DATABASE_URL="sqlite:////proc/prosa/chat.db")
    assert "/proc/prosa" in line


def test_a_folder_in_the_place_of_the_database(tmp_path: Path) -> None:
    (tmp_path / "chat.db").mkdir()
    (line,) = refused("migrate", tmp_path)
    assert str(tmp_path / "chat.db") in line


@pytest.mark.parametrize(
    ("command", "damage"),
    [("serve", "noise"), ("migrate", "noise"), ("migrate", "header"), ("migrate", "middle")],
)
def test_a_damaged_database_is_left_as_it_is(tmp_path: Path, command: str, damage: str) -> None:
    path = tmp_path / "chat.db"
    _make(path)
    content = bytearray(path.read_bytes())
    if damage == "noise":
        content[:] = b"\xa5" * len(content)
    elif damage == "header":
        content[:16] = b"?" * 16
    else:  # the page of the schema: the header alone is whole
        content[100:4096] = b"\xa5" * 3996
    path.write_bytes(content)

    (line,) = refused(command, tmp_path)

    assert f"The database {path} cannot be used:" in line
    assert path.read_bytes() == content


@pytest.mark.parametrize("command", COMMANDS)
def test_a_database_of_a_newer_program(tmp_path: Path, command: str) -> None:
    path = tmp_path / "chat.db"
    _make(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")

    (line,) = refused(command, tmp_path)
    assert "of version 99" in line
    assert "update it" in line


def test_a_start_that_fails_half_way_does_not_hang(tmp_path: Path) -> None:
    _make(tmp_path / "chat.db")
    with closing(sqlite3.connect(tmp_path / "chat.db")) as db:
        db.execute("DROP TABLE sessions")

    *_, line = refused("serve", tmp_path)
    assert "Prosa could not start: " in line
    assert "no such table: sessions" in line


@pytest.mark.parametrize("command", COMMANDS)
def test_a_database_that_may_only_be_read(read_only: Path, tmp_path: Path, command: str) -> None:
    path = tmp_path / "chat.db"
    _make(path)
    path.chmod(0o400)
    (line,) = refused(command, tmp_path)
    assert str(path) in line


def test_a_key_that_others_can_read(tmp_path: Path) -> None:
    (tmp_path / "secret-key").write_text("k" * 40)
    (tmp_path / "secret-key").chmod(0o644)
    (line,) = refused("serve", tmp_path)
    assert line.endswith("can be read by others: chmod 600 it.")


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        (line,) = refused("serve", tmp_path, PORT=port)
    assert f"127.0.0.1 port {port} is in use" in line


@pytest.mark.parametrize("host", ["192.0.2.1", "not a name", "x" * 300])
def test_an_address_that_is_not_this_machines(tmp_path: Path, host: str) -> None:
    (line,) = refused("serve", tmp_path, HOST=host, PORT="5001")
    assert "HOST and PORT say where to" in line


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_database_server_that_is_not_there(tmp_path: Path, command: str) -> None:
    url = "postgresql://prosa:very-secret@127.0.0.1:1/prosa"
    (line,) = refused(command, tmp_path, DATABASE_URL=url, SECRET_KEY="k" * 40)
    assert "The database 127.0.0.1/prosa cannot be used" in line
    assert "very-secret" not in line


def test_a_database_whose_driver_is_not_installed(tmp_path: Path) -> None:
    (tmp_path / "asyncpg.py").write_text("raise ImportError('as if it were not there')")
    found = f"{tmp_path}:{ROOT}"
    (line,) = refused(
        "migrate", tmp_path, DATABASE_URL="postgresql://db/x", SECRET_KEY="k" * 40, PYTHONPATH=found
    )
    assert line == "DATABASE_URL: PostgreSQL needs asyncpg: make postgres."


def _make(path: Path) -> None:
    command = [sys.executable, "-m", "chat", "migrate"]
    subprocess.run(command, cwd=ROOT, env=environment(path.parent), check=True, timeout=120,
                   capture_output=True)  # fmt: skip


async def test_a_second_process_on_the_same_database_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path):
        lines = refused("serve", tmp_path)

    assert len(lines) == 1
    assert "Another Prosa serves" in lines[0]
