"""Brings what the tests need and pip cannot: a Chromium. `python -m tests.needs`"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence


def chromium() -> str:
    """The path of a Chromium, '' when this machine has none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), "")


def main() -> int:
    """Installs Debian's Chromium when there is none; in CI a missing one is a failure."""
    if chromium():
        return 0
    if shutil.which("apt-get") and os.geteuid() == 0:
        _run("apt-get", "update", "-qq")
        _run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium")
    if chromium():
        return 0
    print("MISSING: a Chromium (Debian: apt-get install chromium). Browser tests will be skipped.")
    return 1 if os.environ.get("CI") else 0


def _run(*command: str) -> None:
    done = subprocess.run(_quiet(command), check=False, capture_output=True, text=True)
    if done.returncode:
        print(f"{' '.join(command)} failed: {done.stderr.strip()[-500:]}", file=sys.stderr)


def _quiet(command: Sequence[str]) -> list[str]:
    return ["env", "DEBIAN_FRONTEND=noninteractive", *command]


if __name__ == "__main__":
    sys.exit(main())
