"""The commands as an operator runs them: what they say, and how they exit."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.process import ROOT, environment
from tests.people import PASSWORD

COMMANDS = "serve migrate create-admin backup restore copy-database check".split()
KEY = "0123456789abcdef" * 2
Done = subprocess.CompletedProcess[str]


def run(
    *command: str, data: Path, said: str = "", cwd: Path = ROOT, umask: int = -1, **env: str
) -> Done:
    """One command to its end, with `said` on its standard input."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "chat", *command],
        cwd=cwd,
        env=environment(data, **env),
        input=said,
        capture_output=True,
        text=True,
        timeout=120,
        umask=umask,
    )


def refused(done: Done) -> str:
    """The one clear line of a command that failed."""
    assert done.returncode == 1, done
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr.rstrip("\n")


def accounts(data: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(data / "chat.db") as db:
        rows = db.execute("SELECT email, role FROM accounts ORDER BY email").fetchall()
    db.close()
    return rows


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_explains_itself_and_touches_nothing(tmp_path: Path, command: str) -> None:
    done = run(*command.split(), "--help", data=tmp_path / "data", SECRET_KEY="bad")

    assert (done.returncode, done.stderr) == (0, "")
    assert f"usage: python -m chat {command}".rstrip() in done.stdout
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "words",
    ["", "bogus", "create-admin", "check now", "serve --fast", "backup", "copy-database one.db"],
)
def test_a_mistyped_command_is_one_line_and_a_failure(tmp_path: Path, words: str) -> None:
    done = run(*words.split(), data=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "--help" in done.stderr


@pytest.mark.parametrize("command", ["check", "serve"])
def test_a_mistake_in_the_models_file_is_one_line(tmp_path: Path, command: str) -> None:
    path = tmp_path / "models.toml"
    path.write_text('[models."openai/x"]\nprize = 1\n')

    done = run(command, data=tmp_path / "data", MODELS_FILE=str(path))

    assert refused(done) == f'{path}: [models."openai/x"] prize is not known here.'


def test_check_is_content_with_good_settings_and_makes_nothing(tmp_path: Path) -> None:
    done = run("check", data=tmp_path / "data", PORT="8123")

    assert (done.returncode, done.stderr) == (0, "")
    assert "http://127.0.0.1:8123" in done.stdout
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("command", ["check", "migrate", "serve", "create-admin a@example.com"])
def test_every_command_tells_all_mistakes_of_the_settings(tmp_path: Path, command: str) -> None:
    done = run(*command.split(), data=tmp_path / "data", PORT="x", SIGN_UP="y", SECRET_KEY="dev")

    assert (done.returncode, done.stdout) == (1, "")
    lines = done.stderr.splitlines()
    assert [line.split()[0] for line in lines] == ["PORT", "SECRET_KEY", "SIGN_UP"]
    assert not (tmp_path / "data").exists()


def test_settings_come_from_dot_env_where_the_command_runs(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("LIMIT_SENDS=none\nPUBLIC_URL=https://chat.example.com\n")

    assert run("check", data=tmp_path, cwd=tmp_path).returncode == 0, "the environment wins"
    (tmp_path / ".env").write_text("LIMIT_UPLOAD_MB=none\n")
    assert "LIMIT_UPLOAD_MB" in refused(run("check", data=tmp_path, cwd=tmp_path))


def test_migrate_makes_the_database_and_is_content_to_find_it(tmp_path: Path) -> None:
    first = run("migrate", data=tmp_path / "data", umask=0)
    again = run("migrate", data=tmp_path / "data")

    assert (first.returncode, first.stderr) == (again.returncode, again.stderr) == (0, "")
    assert first.stdout == again.stdout == "The database is of this version.\n"
    assert accounts(tmp_path / "data") == []


def test_s132_what_migrate_makes_is_for_its_owner_alone(tmp_path: Path) -> None:
    run("migrate", data=tmp_path / "data", umask=0)

    modes = {each.name: each.stat().st_mode & 0o777 for each in (tmp_path / "data").iterdir()}
    assert set(modes.values()) == {0o600}, modes
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_create_admin_makes_the_first_administrator(tmp_path: Path) -> None:
    done = run("create-admin", "Root@Example.com", data=tmp_path, said=f"{PASSWORD}\n")

    assert (done.returncode, done.stderr) == (0, "")
    assert "is a new administrator" in done.stdout
    assert PASSWORD not in done.stdout
    assert [role for _, role in accounts(tmp_path)] == ["admin"]


def test_create_admin_promotes_who_is_there_and_asks_nothing(tmp_path: Path) -> None:
    run("create-admin", "ada@example.com", data=tmp_path, said=f"{PASSWORD}\n")
    with sqlite3.connect(tmp_path / "chat.db") as db:
        db.execute("UPDATE accounts SET role = 'user'")
    db.close()

    done = run("create-admin", "ADA@example.com", data=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert "is an administrator now" in done.stdout
    assert accounts(tmp_path) == [("ada@example.com", "admin")]


@pytest.mark.parametrize(
    ("email", "said"),
    [
        ("nobody", PASSWORD),
        ("a@example.com", "short"),
        ("a@example.com", ""),
        ("a@example.com", "password123"),
        ("somebody@example.com", "somebody@example.com"),
        ("", PASSWORD),
    ],
)
def test_create_admin_refuses_in_one_line_and_makes_nobody(
    tmp_path: Path, email: str, said: str
) -> None:
    assert refused(run("create-admin", email, data=tmp_path, said=f"{said}\n")).endswith(".")
    assert not (tmp_path / "chat.db").exists() or accounts(tmp_path) == []


def test_a_closed_output_is_no_stack_trace(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "chat", "check"],
        cwd=ROOT,
        env=environment(tmp_path),
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=120,
    )
    os.close(writing)
    assert b"Traceback" not in done.stderr
