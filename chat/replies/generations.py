"""All replies that this process is writing: begun, saved together, stopped, drained, recovered."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from quart import current_app

from chat.db.database import Database
from chat.errors import Unavailable
from chat.replies.domain import Ending, Started
from chat.replies.generation import Generation, Preparation
from chat.replies.live import Live
from chat.replies.writing import Chunk, WritingRepository
from chat.web.current import Clock
from chat.web.markdown import plain, render

T = TypeVar("T")
log = logging.getLogger(__name__)
SAVE_EVERY = 0.25  # seconds
LOOK_EVERY = 4  # savings between two looks for replies that were deleted meanwhile
PULSE_EVERY = 1.5  # seconds between two pulses, at which watchers look at their session
PATIENCE = 6.0  # seconds that a stop waits for the database, longer than a writer does


class Generations:
    """The registry. Its database is the truth; this is only who is being written here."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._replies = WritingRepository(db)
        self._clock = clock
        self._running: dict[str, Generation] = {}
        self._early: set[str] = set()  # asked to stop before they were begun
        self._tasks: set[asyncio.Task[Any]] = set()
        self._timers: list[asyncio.Task[None]] = []
        self._closing = False

    def open(self) -> None:
        self._timers = [asyncio.create_task(each) for each in (self._save_forever(), self._pulse())]

    def admit(self) -> None:
        """Unavailable once this process is leaving: another one will take the message."""
        if self._closing:
            raise Unavailable("This server is restarting. Try again in a few seconds.",
                              code="busy", retry_after=5)  # fmt: skip

    async def unbroken(self, work: Coroutine[Any, Any, T]) -> T:
        """`work` to its end, also when its sender goes away or we are leaving."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    def start(self, started: Started, account_id: str, prepare: Preparation) -> None:
        """Begins to write a reply that is stored as running; returns at once."""
        reply = started.reply
        live = Live(reply.id, account_id, started.conversation.id, reply.text)
        generation = Generation(live, started, self._replies, self._clock)
        self._running[reply.id] = generation
        if self._closing:  # stored while we were leaving: it ends as it begins
            generation.cancel("interrupted")
        if reply.id in self._early:
            self._early.discard(reply.id)
            generation.cancel("stopped")
        task = asyncio.create_task(self._run(generation, prepare))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def live(self, reply_id: str) -> Live | None:
        found = self._running.get(reply_id)
        return found.live if found else None

    async def stop(self, reply_id: str) -> None:
        """Closes the provider's connection and waits until the text so far is stored.

        To be called for a reply that is pending or streaming; one that is not begun here yet is
        stopped as it begins. Unavailable when storing takes too long: it has stopped all the same.
        """
        found = self._running.get(reply_id)
        if found is None:
            self._early.add(reply_id)
            return
        found.cancel("stopped")
        try:
            async with asyncio.timeout(PATIENCE):
                await found.live.ended()
        except TimeoutError as error:
            raise Unavailable("The answer has stopped, but it cannot be saved at the moment.",
                              code="busy", retry_after=5) from error  # fmt: skip

    async def recover(self) -> int:
        """Marks what a process that is gone left unfinished; answers how many replies.

        With SQLite there is one process: at its start, everything unfinished is left over.
        """
        left = [
            found for found in await self._replies.unfinished() if found[0] not in self._running
        ]
        for reply_id, epoch in left:
            text = await self._replies.text_so_far(reply_id)
            html = await asyncio.to_thread(_rendered, text)
            ending = Ending("interrupted")
            await self._replies.end(reply_id, epoch, text, html, ending, self._clock())
        return len(left)

    async def drain(self) -> None:
        """Ends everything as interrupted, with every character that arrived stored."""
        self._closing = True
        for generation in self._running.values():
            generation.cancel("interrupted")
        while self._tasks:
            await asyncio.wait(set(self._tasks))
        for timer in self._timers:
            timer.cancel()
        await asyncio.gather(*self._timers, return_exceptions=True)

    async def _run(self, generation: Generation, prepare: Preparation) -> None:
        try:
            await generation.run(prepare)
        finally:
            if self._running.get(generation.live.reply_id) is generation:  # or it goes on already
                del self._running[generation.live.reply_id]

    async def _pulse(self) -> None:
        """By its own timer: a saving may have to wait for the disk."""
        while True:
            await asyncio.sleep(PULSE_EVERY)
            for generation in self._running.values():
                generation.live.pulse()

    async def _save_forever(self) -> None:
        turn, behind = 0, False
        while True:
            await asyncio.sleep(SAVE_EVERY)
            turn += 1
            try:
                await self._save()
                if self._running and turn % LOOK_EVERY == 0:
                    await self._forget_deleted()
                behind = False
            except Unavailable:
                if not behind:  # once: logs may share the disk that is full
                    log.warning("the text of running replies cannot be saved yet")
                behind = True
            except Exception:
                log.exception("saving the text of running replies failed")

    async def _save(self) -> None:
        """One transaction for the new text of every running reply."""
        chunks = [chunk for each in self._running.values() if (chunk := each.chunk())]
        if not chunks:
            return
        try:
            await self._replies.append(chunks)
        except Exception:
            self._put_back(chunks)
            raise
        for chunk in chunks:
            if generation := self._running.get(chunk.reply_id):
                generation.live.tell(unsaved=False)

    def _put_back(self, chunks: list[Chunk]) -> None:
        for chunk in chunks:
            generation = self._running.get(chunk.reply_id)
            if generation and generation.epoch == chunk.epoch:
                generation.put_back(chunk)

    async def _forget_deleted(self) -> None:
        """A reply whose row is gone, or another's by now, has nobody to write for."""
        mine = {(each.live.reply_id, each.epoch) for each in self._running.values()}
        for reply_id, _ in mine - set(await self._replies.unfinished()):
            if generation := self._running.get(reply_id):
                generation.cancel("stopped")


def _rendered(text: str) -> str:
    """One reply that cannot be rendered must not keep all the others from coming back."""
    try:
        return render(text)
    except Exception:
        log.exception("a left-over reply cannot be rendered")
        return plain(text)


def current_generations() -> Generations:
    found: Generations = current_app.extensions["generations"]
    return found
