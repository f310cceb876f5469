"""How the processes that share a PostgreSQL know of each other: notes, numbers and beats."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from chat.db.database import CHANNEL, Hearer
from chat.db.queries import load_queries

if TYPE_CHECKING:
    import asyncpg

SQL = load_queries("workers")
LOCKS = 77  # the first half of a worker's lock; its number is the second
BEAT = 1.0  # seconds
DEAF = 4.0  # seconds without an answer after which the server is taken for gone
AGAIN = (0.1, 0.3, 1.0)  # seconds between tries to connect again; the last one repeats
log = logging.getLogger(__name__)


class Listening:
    """One connection that is in no pool: it holds this worker's lock as long as it stands.

    Whoever sees the lock free and the beat still knows that the worker is gone. A connection that
    breaks is made again, and then every hearer learns that it may have missed something.
    """

    def __init__(self, connect: Callable[[], Awaitable["asyncpg.Connection"]]) -> None:
        self.worker = 0
        self.hearers: list[Hearer] = []
        self._connect = connect
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Takes a number and begins to listen; raises what the driver raises."""
        connection = await self._connect()
        self.worker = await connection.fetchval(SQL["enrol"].postgres)
        await self._attach(connection)
        self._task = asyncio.create_task(self._keep(connection))

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _keep(self, connection: "asyncpg.Connection") -> None:
        try:
            while True:
                await self._listen(connection)
                connection.terminate()
                log.warning("The connection that listens to the database broke.")
                connection = await self._again()
                log.warning("The database is listened to again.")
        finally:
            with suppress(Exception):
                async with asyncio.timeout(1):
                    await connection.execute(SQL["leave"].postgres, self.worker)
            connection.terminate()

    async def _listen(self, connection: "asyncpg.Connection") -> None:
        """Beats until the connection breaks: a peer that is gone without a word is noticed so."""
        broken = asyncio.Event()
        connection.add_termination_listener(lambda _: broken.set())
        while not broken.is_set():
            try:
                async with asyncio.timeout(DEAF):
                    await connection.execute(SQL["beat"].postgres, self.worker)
            except Exception as error:
                log.debug("no beat: %s", error)
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT):
                    await broken.wait()

    async def _again(self) -> "asyncpg.Connection":
        turn = 0
        while True:
            await asyncio.sleep(AGAIN[min(turn, len(AGAIN) - 1)])
            turn += 1
            try:
                connection = await self._connect()
            except Exception as error:
                log.debug("not connected: %s", error)
                continue
            try:
                await self._attach(connection)
            except Exception as error:
                log.debug("not listening: %s", error)
                connection.terminate()
                continue
            return connection

    async def _attach(self, connection: "asyncpg.Connection") -> None:
        async with asyncio.timeout(DEAF):
            await connection.add_listener(CHANNEL, self._on_note)
            # Shared: the session before this one may hold it until the server notices its end.
            await connection.execute("SELECT pg_advisory_lock_shared($1, $2)", LOCKS, self.worker)
        self._say("")

    def _on_note(self, *note: Any) -> None:
        self._say(str(note[-1]))

    def _say(self, note: str) -> None:
        for hearer in self.hearers:
            try:
                hearer(note)
            except Exception:  # one that fails must not keep it from the others
                log.exception("a note could not be taken")
