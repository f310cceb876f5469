"""Runs Hypercorn in this process, and brings it to an end that always comes."""

import asyncio
import gc
import logging
import os
import resource
import signal
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import FrameType
from typing import Any

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.utils import LifespanFailureError, LifespanTimeoutError

from chat.listener import CannotServe, Connection, Listener, no_address, take_places
from chat.settings import Settings
from chat.web.guard import App

DRAIN, GRACE, LEAVE, DEADLINE = 4.0, 0.5, 5.0, 8.0  # seconds; the last three count from the signal
SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
_OPEN_FILES = 65_536

log = logging.getLogger("prosa.server")


def run(app: App, settings: Settings, *, draining: Callable[[], Awaitable[None]]) -> int:
    """Serve until a signal ends it; answers the exit code. What fails is one line in the log."""
    _raise_open_files()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        try:
            return runner.run(serve(app, settings, draining=draining))
        except CannotServe as error:
            log.error("%s", error)
            return 1


async def serve(app: App, settings: Settings, *, draining: Callable[[], Awaitable[None]]) -> int:
    """Serve `app` until SIGTERM, SIGINT or SIGHUP; answers 0 when `draining` then came to its end.

    At the signal nothing more is accepted and `draining()` is awaited, which has DRAIN seconds to
    store what is being written and to end the streams. What is open after that is cut off. A second
    signal takes away the grace in between, never the draining.
    """
    take_places(settings)
    config = Listener(settings, graceful=DRAIN + GRACE + 0.2)  # ours comes first
    ending = _Ending(asyncio.get_running_loop())
    ready = False

    async def until_asked() -> None:
        nonlocal ready
        if not ending.asked.is_set():
            ready = True
            _spare_the_collector()
            log.info("Prosa is on %s", _shown(settings, config))
        await ending.asked.wait()

    served: Any = hypercorn_serve(app, config, shutdown_trigger=until_asked, mode="asgi")
    server = asyncio.create_task(served)
    asked = asyncio.create_task(ending.asked.wait())
    try:
        await asyncio.wait({server, asked}, return_when=asyncio.FIRST_COMPLETED)
        if not server.done():
            if ready:
                await _drain(draining, ending)
            await _leave(server, ending)
        if server.done() and not server.cancelled() and (error := server.exception()):
            if not ready:
                raise _unstarted(error, settings) from error
            log.error("The server ended badly.", exc_info=error)
        return 0 if not ready and server.done() else ending.code
    finally:
        asked.cancel()
        ending.over()
        config.bound.close()  # a start that failed has left it open


async def _drain(draining: Callable[[], Awaitable[None]], ending: "_Ending") -> None:
    task = asyncio.ensure_future(draining())
    await asyncio.wait({task}, timeout=DRAIN)
    if not task.done():
        log.error("Draining took more than %.0f s and was given up.", DRAIN)
        task.cancel()
    elif error := task.exception():
        log.error("Draining failed.", exc_info=error)
    else:
        ending.code = 0


async def _leave(server: "asyncio.Task[None]", ending: "_Ending") -> None:
    """As long as one reader after the other gets what was written last; then all are cut off.

    Half-sent bodies and clients that never read would otherwise hold us.
    """
    patient, left = time.monotonic() + GRACE, len(Connection.open)
    while not server.done() and time.monotonic() < patient and not ending.hurried:
        await asyncio.wait({server}, timeout=0.02)
        if len(Connection.open) < left and ending.seconds_to(LEAVE) > 2 * GRACE:
            patient, left = time.monotonic() + GRACE, len(Connection.open)
    while not server.done() and ending.seconds_to(LEAVE) > 0:
        for transport in tuple(Connection.open):
            transport.abort()
        await asyncio.wait({server}, timeout=0.1)
    if not server.done():
        log.error("Something did not end in %.0f s and was left behind.", LEAVE)
        server.cancel()


def _unstarted(error: BaseException, settings: Settings) -> BaseException:
    """Why the server did not start, as CannotServe where the operator can mend it."""
    if isinstance(error, OSError):
        return no_address(error, settings)
    if isinstance(error, LifespanFailureError | LifespanTimeoutError):
        return CannotServe(f"Prosa could not start: {error}")
    return error


class _Ending:
    """The signals, and a deadline that a stuck event loop cannot hold up."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.asked = asyncio.Event()
        self.hurried = False
        self.code = 1
        self._loop = loop
        self._since = 0.0
        self._bell, self._ring = os.pipe()
        threading.Thread(target=self._deadline, daemon=True).start()
        self._before = {
            number: signal.signal(number, self._on_signal)
            for number in SIGNALS
            if signal.getsignal(number) is not signal.SIG_IGN  # as nohup wants it
        }

    def seconds_to(self, limit: float) -> float:
        """What is left of `limit` seconds since the first signal."""
        return self._since + limit - time.monotonic()

    def over(self) -> None:
        """Back to how signals were; after one, further ones cannot disturb the last steps."""
        for number, before in self._before.items():
            signal.signal(number, signal.SIG_IGN if self._since else before or signal.SIG_DFL)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        # Runs between any two instructions: nothing here may take a lock.
        if self._since:
            self.hurried = True
            return
        self._since = time.monotonic()
        os.write(self._ring, b"!")
        self._loop.call_soon_threadsafe(self.asked.set)

    def _deadline(self) -> None:
        os.read(self._bell, 1)
        time.sleep(DEADLINE)
        os.write(2, b"Prosa did not end in time and was cut off.\n")
        os._exit(self.code)


def _shown(settings: Settings, config: Listener) -> str:
    if settings.port or settings.public_url_given:
        return settings.public_url
    return f"{settings.public_url.removesuffix(':0')}:{config.bound.getsockname()[1]}"


def _spare_the_collector() -> None:
    """What the start has made stays: it need not be gone through again with every few replies."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _raise_open_files() -> None:
    """The usual soft limit of 1,024 would end at about so many streams."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
