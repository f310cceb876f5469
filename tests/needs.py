"""Brings what the tests need and pip cannot: Debian's programs, the stand-in for Stripe.

`python -m tests.needs`
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from tests.stripe import installed


@dataclass(frozen=True)
class Need:
    """`commands`: any of these will do. `without`: what is not tested where there is none.

    `more`: what its package needs beside it.
    """

    package: str
    commands: tuple[str, ...]
    without: str
    more: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Of the program, '' when this machine has none."""
        return next((path for name in self.commands if (path := shutil.which(name))), "")

    @property
    def packages(self) -> tuple[str, ...]:
        return (self.package, *self.more)

    @property
    def missing(self) -> str:
        return f"{self.package} is missing (Debian: apt-get install {' '.join(self.packages)})"


NEEDS = {
    need.package: need
    for need in (
        Need("chromium", ("chromium", "chromium-browser", "google-chrome"), "what browsers show"),
        Need("strace", ("strace",), "system calls that fail"),
        Need("nginx-light", ("nginx",), "several processes behind one address"),
        Need(
            "libreoffice-writer-nogui",
            ("soffice",),
            "documents as LibreOffice writes them",
            more=("libreoffice-calc-nogui", "libreoffice-impress-nogui"),
        ),
    )
}


def require(package: str) -> str:
    """The path of its program; without one the test is skipped, and in CI it fails."""
    need = NEEDS[package]
    if not need.path and os.environ.get("CI"):
        pytest.fail(need.missing)
    if not need.path:
        pytest.skip(need.missing)
    return need.path


def main() -> int:
    """Installs Debian's packages where programs are missing; in CI a missing one is a failure."""
    absent = [each for need in NEEDS.values() if not need.path for each in need.packages]
    if absent and shutil.which("apt-get") and os.geteuid() == 0:
        _run("apt-get", "update", "-qq")
        _run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *absent)
    still = [need for need in NEEDS.values() if not need.path]
    for need in still:
        print(f"MISSING: {need.missing}. NOT tested without it: {need.without}.")
    lacking = installed.missing()
    for sentence in lacking:
        print(sentence)
    return 1 if (still or lacking) and os.environ.get("CI") else 0


def _run(*command: str) -> None:
    done = subprocess.run(_quiet(command), check=False, capture_output=True, text=True)
    if done.returncode:
        print(f"{' '.join(command)} failed: {done.stderr.strip()[-500:]}", file=sys.stderr)


def _quiet(command: Sequence[str]) -> list[str]:
    return ["env", "DEBIAN_FRONTEND=noninteractive", *command]


if __name__ == "__main__":
    sys.exit(main())
