"""Replies that another process writes, as their watchers here see them grow."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

from chat.errors import Unavailable
from chat.replies import notes
from chat.replies.domain import Ending
from chat.replies.live import Live
from chat.replies.writing import WritingRepository

log = logging.getLogger(__name__)
SILENCE = 2.0  # seconds after which the rows are read, whatever was heard
SILENCE_ALONE = 0.25  # where nobody tells anything: it is about to begin in this process


class Mirror:
    """One reply. Notes bring its text; where one is missing, and at times, the rows are read."""

    def __init__(self, live: Live, replies: WritingRepository, silence: float) -> None:
        self.live = live
        self.watchers = 0
        self.task: asyncio.Task[None] | None = None
        self._replies = replies
        self._silence = silence
        self._epoch = 0
        self._seq = -1  # of the last chunk it has
        self._due = asyncio.Event()
        self._heard = True

    def take(self, epoch: int, seq: int, body: str | None, thought: str) -> None:
        """A chunk that somebody told of: fed if it is the next one, else the rows are read."""
        if epoch < self._epoch or (epoch == self._epoch and seq <= self._seq):
            return
        if epoch == self._epoch and seq == self._seq + 1 and body is not None:
            self._seq = seq
            self._heard = True
            self._feed(body, thought)
        else:
            self._due.set()

    def look(self) -> None:
        self._due.set()

    async def follow(self) -> None:
        """Until the reply has ended, for whatever reason; `live` ends with it."""
        try:
            while await self._read():
                await self._something()
        except Exception:
            log.exception("reply %s cannot be followed", self.live.reply_id)
        finally:
            self.live.end(Ending("interrupted"))  # the rows have the real one

    async def _something(self) -> None:
        """Returns when the rows should be read: because of a note, or of a silence."""
        self._heard = True
        while self._heard and not self._due.is_set():
            self._heard = False
            with suppress(TimeoutError):
                async with asyncio.timeout(self._silence):
                    await self._due.wait()

    async def _read(self) -> bool:
        """False when there is nothing more to come in this epoch."""
        self._due.clear()
        try:
            progress = await self._replies.progress(self.live.reply_id, self._seq)
        except Unavailable:  # whoever writes it has the same trouble: it is shown when it is over
            return True
        self._epoch = self._epoch or progress.epoch
        if progress.epoch != self._epoch:
            return False
        for seq, body, thought in progress.parts:
            if seq > self._seq:  # or it was told while we were reading
                self._seq = seq
                self._feed(body, thought)
        return progress.running

    def _feed(self, body: str, thought: str) -> None:
        if thought:
            self.live.think(thought)
        if body:
            self.live.feed(body)


class Mirrors:
    """One for each reply that is watched here and written elsewhere, however many watch it."""

    def __init__(self, replies: WritingRepository, *, told: bool) -> None:
        self._replies = replies
        self._silence = SILENCE if told else SILENCE_ALONE
        self._all: dict[str, Mirror] = {}

    @asynccontextmanager
    async def watch(self, reply_id: str, account_id: str, place: str) -> AsyncIterator[Live]:
        """The reply of this account in that conversation, as long as the block is open."""
        mirror = self._all.get(reply_id)
        if mirror is None or mirror.live.ending:
            mirror = Mirror(Live(reply_id, account_id, place), self._replies, self._silence)
            mirror.task = asyncio.create_task(mirror.follow())
            self._all[reply_id] = mirror
        mirror.watchers += 1
        try:
            yield mirror.live
        finally:
            mirror.watchers -= 1
            if not mirror.watchers:
                self._drop(mirror)

    def close(self) -> None:
        """Lets every watcher go: another process will show it what comes."""
        for mirror in list(self._all.values()):
            self._drop(mirror)

    def any_of(self, reply_ids: Iterable[str]) -> bool:
        return not self._all.keys().isdisjoint(reply_ids)

    def lives(self) -> list[Live]:
        return [mirror.live for mirror in self._all.values()]

    def hear(self, note: str) -> None:
        if not note:  # some may have been missed
            for mirror in self._all.values():
                mirror.look()
        elif note[0] == notes.CHUNKS and self._all:
            for reply_id, epoch, seq, body, thought in notes.chunks_in(note):
                if found := self._all.get(reply_id):
                    found.take(epoch, seq, body, thought)
        elif note[0] == notes.END and (found := self._all.get(note[1:])):
            found.look()

    def _drop(self, mirror: Mirror) -> None:
        if mirror.task:
            mirror.task.cancel()
        if self._all.get(mirror.live.reply_id) is mirror:
            del self._all[mirror.live.reply_id]
