"""`serve --reload`: a parent that watches our files and restarts the server when one changes."""

import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

WATCHED = ("chat", "templates", "sql", "static")
KINDS = {".py", ".html", ".sql", ".css", ".js", ".svg", ".po", ".mo"}


def watch(command: Sequence[str], root: Path | None = None, *, every: float = 1.0) -> int:
    """Run `python <command>` and again after each change under `root`, until a signal ends it.

    Answers the last exit code. A server that fails by itself waits for the next change.
    """
    root = root or Path.cwd()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    while True:
        seen = _times(root)
        child = subprocess.Popen([sys.executable, *command])  # noqa: S603 (our own command line)
        while not stop.wait(every) and _times(root) == seen:
            pass
        child.terminate()
        code = child.wait()
        if stop.is_set():
            return code


def _times(root: Path) -> dict[Path, int]:
    times: dict[Path, int] = {}
    for folder in WATCHED:
        for path in (root / folder).rglob("*"):
            if path.suffix in KINDS:
                try:
                    times[path] = path.stat().st_mtime_ns
                except FileNotFoundError:  # between listing and looking: the next round sees it
                    continue
    return times
