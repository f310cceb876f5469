"""The stand-in's own environment, `.venv-stripe`: made once, from a locked list, beside `.venv`.

`python -m tests.stripe.installed` makes it. Its engine wants a newer Python than Prosa does.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / ".venv-stripe"
LOCK = Path(__file__).with_name("requirements.lock")
VERSIONS = ("3.14", "3.13")
WITHOUT = "payments: checkout, webhooks, renewals"
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


@cache
def require() -> Path:
    """The same for a test, which is skipped where there is none, and in CI fails."""
    try:
        return interpreter()
    except Uninstalled as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(f"NOT TESTED: {WITHOUT}. {error}")


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


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-500:]
        raise Uninstalled(f"{' '.join(command[:4])} failed: {said}")


def main() -> int:
    try:
        print(interpreter())
    except Uninstalled as error:
        print(f"MISSING: {error} NOT tested without it: {WITHOUT}.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
