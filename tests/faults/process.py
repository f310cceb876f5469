"""`python -m chat` as an operator runs it: in a process of its own, which can be killed."""

import asyncio
import os
import re
import resource
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.serving import usual_signals
from tests.site import PLENTY

ROOT = Path(__file__).parents[2]
_READY = re.compile(r"Prosa is on (http://127\.0\.0\.1:\d+)$")


def environment(data: Path, **settings: str) -> dict[str, str]:
    """Nothing of the machine's own settings, but what finds the program."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "DATA": str(data),
        "PORT": "0",
        "EMBEDDED_MODEL": "off",
        **PLENTY,
        **settings,
    }


def free_port() -> str:
    """A port that nobody listens on: for processes that take each other's place.

    Below those that the system hands out: while nobody has it, no connection is given it.
    """
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as found, suppress(OSError):
            found.bind(("127.0.0.1", port))
            return str(port)


class Process:
    """A running command. `lines`: what it has said on stderr; `base`: where it serves.

    `began`: when it was started (monotonic); `took`: the seconds until it was ready; `asked_at`:
    when it was sent its first signal; `gone_at`: when it was gone.
    """

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self.child = child
        self.lines: list[str] = []
        self.base = ""
        self.began, self.took = time.monotonic(), 0.0
        self.asked_at = self.gone_at = 0.0
        self._ready = asyncio.Event()
        self._reader = asyncio.create_task(self._read())
        self._witness = threading.Thread(target=self._see_it_go, daemon=True)
        self._witness.start()

    async def ready(self, within: float = 120) -> None:
        async with asyncio.timeout(within):
            await self._ready.wait()
        assert self.base, f"it did not start: {self.lines}"

    def signal(self, number: int) -> None:
        self.asked_at = self.asked_at or time.monotonic()
        self.child.send_signal(number)

    async def left(self, within: float | None = None) -> int:
        """The exit code, once it is gone and everything it said is read.

        `within`: seconds in which it must be gone, from its first signal on, or else from now.
        """
        since = self.asked_at or time.monotonic()
        async with asyncio.timeout(120):
            code = await self.child.wait()
            await self._reader
        self._witness.join()
        spent = self.gone_at - since
        assert within is None or spent < within, f"gone after {spent:.2f} s"
        return code

    async def kill(self) -> None:
        """As a crash or a power button would: it learns nothing of it."""
        if self.child.returncode is None:
            self.signal(signal.SIGKILL)
        await self.left()

    def complaints(self) -> list[str]:
        return [line for line in self.lines if "Traceback" in line or " ERROR " in line]

    def _see_it_go(self) -> None:
        """In a thread, because the loop of a test may be late."""
        with suppress(ChildProcessError):  # the loop has seen it first
            os.waitid(os.P_PID, self.child.pid, os.WEXITED | os.WNOWAIT)
        self.gone_at = time.monotonic()

    async def _read(self) -> None:
        assert self.child.stderr
        async for line in self.child.stderr:
            self.lines.append(line.decode().rstrip("\n"))
            if found := _READY.search(self.lines[-1]):
                self.base, self.took = found[1], time.monotonic() - self.began
                self._ready.set()
        self._ready.set()


async def start(*command: str, env: dict[str, str]) -> Process:
    """`python -m chat <command>`, not waited for."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-W", "error", "-m", "chat", *command),
        cwd=ROOT,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=_prepared,
    )
    return Process(child)


@asynccontextmanager
async def serving(data: Path, **settings: str) -> AsyncIterator[Process]:
    """A server that is ready, and gone afterwards whatever happens."""
    process = await start("serve", env=environment(data, **settings))
    try:
        await process.ready()
        yield process
    finally:
        await process.kill()


async def until(true: Callable[[], object], within: float = 60) -> None:
    async with asyncio.timeout(within):
        while not true():  # noqa: ASYNC110 (it becomes true in another process)
            await asyncio.sleep(0.02)


def survivors(data: Path) -> list[int]:
    """Processes that belong to the installation in `data`, by their environment."""
    mark = f"DATA={data}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
        except OSError:  # gone meanwhile, or not ours
            continue
    return found


def _prepared() -> None:
    usual_signals()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
