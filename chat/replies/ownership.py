"""Replies whose writer is gone: taken over, and marked with every character that was stored."""

import asyncio
import logging

from chat.replies.domain import End, Ending, Thoughts
from chat.replies.prompt import newest
from chat.replies.writing import Progress, Unfinished, WritingRepository
from chat.usage.domain import Spent, spent
from chat.web.current import Clock
from chat.web.markdown import plain, render

log = logging.getLogger(__name__)
LOOK_EVERY = 2.0  # seconds, in which a process that lives has beaten
GONE = 2  # looks without a beat of a process that is not connected
HUNG = 4  # the same of one that is: it may come back, but nobody waits longer


class Ownership:
    """Counts its own looks instead of comparing clocks; what it could not see proves nothing."""

    def __init__(self, replies: WritingRepository, clock: Clock) -> None:
        self._replies = replies
        self._clock = clock
        self._silent: dict[int, tuple[int, int]] = {}  # by worker: (beat, looks since it came)
        self._left: dict[str, Unfinished] = {}  # taken over, and not marked yet

    async def look(self) -> None:
        """Takes over what processes have to write that have not been heard of for a while."""
        for left in list(self._left.values()):
            await self._mark(left)
        before, self._silent = self._silent, {}
        for writer in await self._replies.writers():
            beat, looks = before.get(writer.worker, (-1, 0))
            looks = looks + 1 if beat == writer.beat else 0
            self._silent[writer.worker] = (writer.beat, looks)
            if looks >= (HUNG if writer.connected else GONE):
                log.warning("process %s is gone: its replies are taken over", writer.worker)
                await self.take_over(writer.worker)

    async def take_over(self, worker: int) -> int:
        """Marks what this process left unfinished; answers how many replies."""
        marked = 0
        for found in await self._replies.unfinished(worker):
            epoch = await self._replies.claim(found.reply_id, found.epoch)
            if epoch:  # else somebody else was first, or it has ended by itself
                await self._mark(Unfinished(found.reply_id, epoch, found.stop_asked))
                marked += 1
        return marked

    async def take_over_everything(self) -> int:
        """For the one process of a database, at its start: whatever is unfinished is left over."""
        workers = [0, *{writer.worker for writer in await self._replies.writers()}]
        return sum([await self.take_over(worker) for worker in workers])

    async def _mark(self, left: Unfinished) -> None:
        self._left[left.reply_id] = left
        progress = await self._replies.progress(left.reply_id)
        text = "".join(body for _, body, _ in progress.parts)
        html = await asyncio.to_thread(_rendered, text)
        used = await self._used(left.reply_id, progress)
        state: End = "stopped" if left.stop_asked else "interrupted"
        came = any(body or thought for seq, body, thought in progress.parts if seq > 0)
        thoughts = _thoughts(progress)
        ending = Ending(state, spent=used, thoughts=thoughts, counted=came)
        await self._replies.end(left.reply_id, left.epoch, text, html, ending, self._clock())
        del self._left[left.reply_id]

    async def _used(self, reply_id: str, progress: Progress) -> Spent:
        """About: what its writer was told is gone with it."""
        new = "".join(body for seq, body, _ in progress.parts if seq > 0)
        thought = sum(len(part.encode()) for seq, _, part in progress.parts if seq > 0)
        left = await self._replies.left(reply_id) if new or thought else None
        if left is None:
            return Spent()
        return await asyncio.to_thread(
            spent, left.model, None, newest(left.texts), new, thought, left.price
        )


def _thoughts(progress: Progress) -> Thoughts:
    new = any(thought for seq, _, thought in progress.parts if seq > 0)
    return Thoughts("".join(part for _, _, part in progress.parts), -1 if new else 0)


def _rendered(text: str) -> str:
    """One reply that cannot be rendered must not keep all the others from coming back."""
    try:
        return render(text)
    except Exception:
        log.exception("a left-over reply cannot be rendered")
        return plain(text)
