"""Faults in the system calls of a running process, injected by strace into its database's files."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.faults.process import Process
from tests.needs import require

# Whichever the SQLite at hand was built to use. What it writes through mapped memory (the index
# of the log) is no system call, and need not be: it is made anew from the log after a crash.
WRITES = "write,pwrite64"
SYNCS = "fsync,fdatasync"
FILES = ("chat.db", "chat.db-wal")


class Injection:
    """`hits`: how often the fault has happened so far."""

    def __init__(self, trace: Path) -> None:
        self._trace = trace

    @property
    def hits(self) -> int:
        marks = ("(INJECTED)", "(DELAYED)")
        return sum(self._trace.read_text().count(mark) for mark in marks)


@asynccontextmanager
async def injected(process: Process, data: Path, fault: str) -> AsyncIterator[Injection]:
    """`fault` as strace writes it, `pwrite64:error=ENOSPC:when=3`.

    Calls are counted from here on, each kind for itself, and in each thread: the writer is one.
    """
    trace = data.parent / "strace"
    paths = [part for name in FILES for part in ("-P", str(data / name))]
    child = await asyncio.create_subprocess_exec(
        require("strace"),
        *("-f", "-o", str(trace), *paths, "-e", f"trace={WRITES},{SYNCS}"),
        *("-e", f"inject={fault}", "-p", str(process.child.pid)),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert child.stderr
    try:
        async with asyncio.timeout(10):
            said = (await child.stderr.readline()).decode()
        if "attached" not in said:
            pytest.skip(f"strace may not attach here, no system call is made to fail: {said}")
        yield Injection(trace)
    finally:
        with suppress(ProcessLookupError):  # gone with the process
            os.kill(child.pid, signal.SIGTERM)  # it detaches: the process goes on without faults
        await child.communicate()
