"""All replies that this process is writing: begun, saved together, stopped, drained."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from quart import current_app

from chat.conversations.measures import Measures
from chat.db.database import Database
from chat.errors import Unavailable
from chat.providers.pace import PACE
from chat.replies import notes
from chat.replies.domain import Chunk, Started
from chat.replies.generation import Generation, Preparation
from chat.replies.live import Live
from chat.replies.mirrors import Mirrors
from chat.replies.neighbours import Neighbours
from chat.replies.ownership import LOOK_EVERY, Ownership
from chat.replies.writing import WritingRepository
from chat.web.current import Clock

T = TypeVar("T")
log = logging.getLogger(__name__)
SAVE_EVERY = 0.25  # seconds, at most: what is shown may be that much ahead of what is saved
ABOUT = 0.002  # seconds by which timers are early: uvloop's clock has whole milliseconds
PULSE_EVERY = 1.5  # seconds between two pulses, at which watchers look at their session
PATIENCE = 6.0  # seconds that a stop waits for the database, longer than a writer does


class Generations:
    """The registry. Its database is the truth; this is only who is being written here."""

    def __init__(self, db: Database, measures: Measures, clock: Clock) -> None:
        self._db = db
        self._replies = WritingRepository(db)
        self._measures = measures
        self._clock = clock
        self._ownership = Ownership(self._replies, clock)
        self._mirrors = Mirrors(self._replies, told=db.shared)
        self._neighbours = Neighbours(db, PACE)
        self._running: dict[str, Generation] = {}
        self._begun = asyncio.Event()
        self._first: asyncio.Future[None] | None = None
        self._spoken = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._timers: list[asyncio.Task[None]] = []
        self._closing = False

    async def open(self) -> None:
        if not self._db.shared:
            await self._ownership.take_over_everything()
        self._db.hear(self._hear)
        timers = (self._save_forever(), self._look_forever(), self._pulse())
        self._timers = [asyncio.create_task(each) for each in timers]

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
        live = Live(reply.id, account_id, started.conversation.id, reply.text, reply.reasoning)
        generation = Generation(
            live, started, self._replies, self._measures, self._clock, self._first_words
        )
        self._running[reply.id] = generation
        self._begun.set()
        if self._closing:  # stored while we were leaving: it ends as it begins
            generation.cancel("interrupted")
        task = asyncio.create_task(self._run(generation, prepare))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def writes(self, reply_id: str) -> bool:
        """Whether this reply is written here."""
        return reply_id in self._running

    @asynccontextmanager
    async def watch(self, reply_id: str, account_id: str, place: str) -> AsyncIterator[Live]:
        """The reply of this account in that conversation as it grows, wherever it is written."""
        if found := self._running.get(reply_id):
            yield found.live
            return
        async with self._mirrors.watch(reply_id, account_id, place) as live:
            yield live

    async def stop(self, reply_id: str, account_id: str, place: str) -> None:
        """Closes the provider's connection and waits until the text so far is stored.

        To be called for a reply that is pending or streaming. Unavailable when storing takes too
        long: it has stopped all the same, or it will when its process hears of it.
        """
        if found := self._running.get(reply_id):
            found.cancel("stopped")
        else:
            await self._replies.ask_to_stop(reply_id, account_id)
        try:
            async with asyncio.timeout(PATIENCE), self.watch(reply_id, account_id, place) as live:
                await live.ended()
        except TimeoutError as error:
            raise Unavailable("The answer has stopped, but it cannot be saved at the moment.",
                              code="busy", retry_after=5) from error  # fmt: skip

    async def drain(self) -> None:
        """Ends everything as interrupted, with every character that arrived stored."""
        self._closing = True
        self._mirrors.close()
        await PACE.hurry()
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
            lives = [generation.live for generation in self._running.values()]
            for live in lives + self._mirrors.lives():
                live.pulse()

    def _hear(self, note: str) -> None:
        if note[:1] == notes.READERS:
            self._neighbours.hear(note)
        elif note[:1] != notes.STOP:
            ours = notes.first_in(note) in self._running
            if not ours or self._mirrors.any_of(self._running):  # watched before it had begun
                self._mirrors.hear(note)
        elif generation := self._running.get(note[1:]):
            generation.cancel("stopped")

    async def _look_forever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                if self._running:
                    await self._look()
                if self._db.shared:
                    await self._ownership.look()
                    await self._neighbours.beat()
            except Unavailable:
                continue  # whoever saves says so
            except Exception:
                log.exception("looking after running replies failed")

    async def _save_forever(self) -> None:
        then, behind = 0.0, False
        while True:
            then = await self._time_to_save(then)
            try:
                await self._save()
                behind = False
            except Unavailable:
                if not behind:  # once: logs may share the disk that is full
                    log.warning("the text of running replies cannot be saved yet")
                behind = True
            except Exception:
                log.exception("saving the text of running replies failed")

    async def _time_to_save(self, then: float) -> float:
        """Waits for it; `then` is what this answered before: when the next one is due.

        Where others show what is saved, at a tick, when what had come by then is taken in; and the
        first words of a reply as they come: somebody waits for these.
        """
        loop = asyncio.get_running_loop()
        if not self._running:
            self._begun.clear()
            await self._begun.wait()
        if not self._db.shared:
            await asyncio.sleep(SAVE_EVERY)
            return then
        if then - (now := loop.time()) < ABOUT:
            then, late = PACE.after(now), now + SAVE_EVERY
            while (later := PACE.after(then)) <= late:
                then = later
            then = min(then, late)
        if not self._spoken:
            self._first = loop.create_future()
            await PACE.until(then, self._first)
        await PACE.taken_in()
        return then

    def _first_words(self) -> None:
        self._spoken = True
        if self._first and not self._first.done():
            self._first.set_result(None)

    async def _save(self) -> None:
        """One transaction for the new text of every running reply."""
        self._spoken = False
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

    async def _look(self) -> None:
        """Nobody is there to write for: the row is gone, or another's by now, or wants an end."""
        mine = list(self._running.values())
        rows = await self._replies.unfinished(self._db.worker)
        wanted = {(row.reply_id, row.epoch) for row in rows if not row.stop_asked}
        for generation in mine:
            if (generation.live.reply_id, generation.epoch) not in wanted:
                generation.cancel("stopped")


def current_generations() -> Generations:
    found: Generations = current_app.extensions["generations"]
    return found
