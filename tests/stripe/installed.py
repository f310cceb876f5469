"""The stand-in's own environment, `.venv-stripe`, and Stripe's command line: made once, from locks.

`python -m tests.stripe.installed` makes both. The engine wants a newer Python than Prosa does.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
FOLDER = ROOT / ".venv-stripe"
LOCK = HERE / "requirements.lock"
VERSIONS = ("3.14", "3.13")
WITHOUT = "payments: checkout, webhooks, renewals"
COMMAND = HERE / "node_modules" / "@stripe" / "cli-linux-x64" / "bin" / "stripe"
NPM = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
WITHOUT_COMMAND = "the stand-in against Stripe's own command line"
ASKED = "import sys; print('%d.%d' % sys.version_info[:2])"
# The engine asks for 3.14; on 3.13 it runs with `standin/annotations.py`, which reads its source:
# nothing may be compiled before.
FLAGS = ("--quiet", "--disable-pip-version-check", "--ignore-requires-python", "--no-compile")


class Uninstalled(Exception):
    """What is missing, in a sentence for whoever runs the tests."""


def interpreter() -> Path:
    """The Python of the stand-in, which is installed if it was not. Uninstalled when it cannot."""
    found = FOLDER / "bin" / "python"
    stamp = FOLDER / hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if not stamp.exists():
        shutil.rmtree(FOLDER, ignore_errors=True)
        _run(str(_newer()), "-m", "venv", str(FOLDER))
        _run(str(found), "-m", "pip", "install", *FLAGS, "--require-hashes", "-r", str(LOCK))
        stamp.touch()
    return found


def command() -> Path:
    """Stripe's command line, installed if it was not. Uninstalled when it cannot."""
    if not COMMAND.exists():
        _run(*NPM, folder=HERE)
    return COMMAND


@cache
def require() -> Path:
    """The interpreter for a test, which is skipped where there is none, and in CI fails."""
    return _required(interpreter, WITHOUT)


@cache
def require_command() -> Path:
    """The command line for a test, likewise."""
    return _required(command, WITHOUT_COMMAND)


def missing() -> list[str]:
    """Installs both; a sentence for each that cannot be."""
    found = []
    for make, without in ((interpreter, WITHOUT), (command, WITHOUT_COMMAND)):
        try:
            make()
        except Uninstalled as error:
            found.append(f"MISSING: {error} NOT tested without it: {without}.")
    return found


def _required(make: Callable[[], Path], without: str) -> Path:
    import pytest  # not there for `make demo`

    try:
        return make()
    except Uninstalled as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(f"NOT TESTED: {without}. {error}")


def _newer() -> Path:
    for version in VERSIONS:
        for path in _candidates(version):
            if _version(path) == version:
                return path
    raise Uninstalled(f"A Python {' or '.join(VERSIONS)} is missing; the stand-in runs on it.")


def _candidates(version: str) -> Iterator[Path]:
    """On the PATH, and where pyenv and uv keep those that are not."""
    if found := shutil.which(f"python{version}"):
        yield Path(found)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    yield from pyenv.glob(f"{version}*/bin/python{version}")
    uv = Path.home() / ".local" / "share" / "uv" / "python"
    yield from uv.glob(f"cpython-{version}*/bin/python{version}")


def _version(path: Path) -> str:
    """'' for what cannot be run: a pyenv shim of a version that is not switched on."""
    done = subprocess.run([path, "-c", ASKED], check=False, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def _run(*words: str, folder: Path = ROOT) -> None:
    try:
        done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=folder)
    except OSError as error:
        raise Uninstalled(f"{words[0]} cannot be run: {error}.") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-500:]
        raise Uninstalled(f"{' '.join(words[:4])} failed: {said}")


def main() -> int:
    lacking = missing()
    print("\n".join(lacking) or f"{FOLDER} and {COMMAND} are there.")
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main())
