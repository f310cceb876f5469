"""Drives one provider for one reply, beside the request that asked for it."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import count

from chat.errors import Unavailable
from chat.providers.domain import (
    Done,
    Prompt,
    Provider,
    ProviderError,
    ReasoningDelta,
    TextDelta,
    Usage,
)
from chat.replies.domain import Chunk, End, Ending, Started
from chat.replies.live import Live
from chat.replies.writing import WritingRepository
from chat.usage.domain import Spent, spent
from chat.web.current import Clock

# Who is asked, and what: found out when the reply is begun already, so that a failure ends it.
Preparation = Callable[[], Awaitable[tuple[Provider, Prompt]]]
log = logging.getLogger(__name__)
LONGEST = 1_000_000  # characters
LONGEST_TIME = 15 * 60  # seconds
MISTAKES = 2  # tries more for an ending that fails in a way we do not know
SAVE_AGAIN = (0.5, 1, 2, 5, 10)  # seconds between tries to store an ending; the last one repeats


class Generation:
    """One reply being written by this process. It lives until its ending is stored."""

    def __init__(
        self, live: Live, started: Started, replies: WritingRepository, clock: Clock
    ) -> None:
        self.live = live
        self.epoch = started.epoch
        self._before = started.before
        self._replies = replies
        self._clock = clock
        self._unsaved: list[str] = []
        self._seq = 0
        self._had = self._size = len(started.reply.text)
        self._prompt: Prompt | None = None
        self._usage: Usage | None = None
        self._thought = 0  # bytes
        self._cancelled: End | None = None
        self._asking: asyncio.Task[Ending] | None = None

    async def run(self, prepare: Preparation) -> None:
        """Asks, and stores the ending however it comes about."""
        self._asking = asyncio.create_task(self._ask(prepare))
        await asyncio.wait({self._asking})
        await self._finish(self._outcome(self._asking))

    def cancel(self, end: End) -> None:
        """Closes the provider's connection; what has arrived is kept under this state."""
        self._cancelled = self._cancelled or end
        if self._asking:
            self._asking.cancel()

    def chunk(self) -> Chunk | None:
        """What came since the last call, to be stored; None when nothing did."""
        if not self._unsaved:
            return None
        body, self._unsaved = "".join(self._unsaved), []
        self._seq += 1
        return Chunk(self.live.reply_id, self.epoch, self._seq, body)

    def put_back(self, chunk: Chunk) -> None:
        """A chunk that could not be stored: it goes along with the next one."""
        self._unsaved.insert(0, chunk.body)
        self._seq -= 1
        self.live.tell(unsaved=True)

    async def _ask(self, prepare: Preparation) -> Ending:
        if self._cancelled:
            return Ending(self._cancelled)
        provider, prompt = await prepare()
        self._prompt = prompt
        reason = "other"
        async with (
            asyncio.timeout(LONGEST_TIME),
            contextlib.aclosing(provider.stream(prompt)) as events,
        ):
            async for event in events:
                if isinstance(event, TextDelta):
                    if self._take(event.text):
                        return Ending("complete", "too_long", counted=True)
                elif isinstance(event, ReasoningDelta):
                    self._thought += len(event.text.encode())
                elif isinstance(event, Usage):
                    self._usage = event
                elif isinstance(event, Done):
                    reason = event.reason
        return Ending("complete", reason, counted=True)

    def _take(self, text: str) -> bool:
        """True when the reply has reached its longest size."""
        text = text[: LONGEST - self._size]
        self._size += len(text)
        if text:
            self._unsaved.append(text)
            self.live.feed(text)
        return self._size >= LONGEST

    def _outcome(self, task: "asyncio.Task[Ending]") -> Ending:
        if task.cancelled():
            return Ending(self._cancelled or "interrupted")
        error = task.exception()
        if error is None:
            return task.result()
        if isinstance(error, ProviderError):
            log.warning("reply %s: %s", self.live.reply_id, error)
            # Half an answer proves that the provider can be reached: the connection broke.
            broken = error.kind == "network" and self._size > self._had
            return self._failed("truncated" if broken else error.kind)
        if isinstance(error, TimeoutError):
            return Ending("complete", "too_long")
        log.error("reply %s failed", self.live.reply_id, exc_info=error)
        return self._failed("internal")

    def _failed(self, kind: str) -> Ending:
        """A reply that could not even begin to go on stays what it was; the reason says why."""
        stays = self._before if self._size == self._had else None
        return Ending(stays.state if stays else "failed", kind)

    async def _finish(self, ending: Ending) -> None:
        try:
            text, html = await self.live.finish()
            came = self._size > self._had or self._thought > 0
            used = await self._spent(text[self._had :])
            ending = replace(ending, spent=used, counted=ending.counted or came)
            await self._store(text, html, ending)
        finally:  # whoever waits for the end must not wait for ever
            self.live.end(ending)

    async def _spent(self, text: str) -> Spent:
        """What it used since it was asked; `text` is what came since then."""
        if self._prompt is None:
            return Spent()
        model, turns = self._prompt.model, self._prompt.turns
        asked = [self._prompt.system, *(turn.text for turn in turns)]
        figures = (model.id, self._usage, asked, text, self._thought, model.price)
        if self._usage:
            return spent(*figures)
        return await asyncio.to_thread(spent, *figures)  # to estimate takes time

    async def _store(self, text: str, html: str, ending: Ending) -> None:
        """Until it is stored: what keeps it from that passes, unless it is a mistake of ours."""
        for turn in count():
            try:
                await self._replies.end(
                    self.live.reply_id, self.epoch, text, html, ending, self._clock()
                )
                return
            except Unavailable:
                log.warning("reply %s: its ending cannot be stored yet", self.live.reply_id)
                self.live.tell(unsaved=True)
            except Exception:
                log.exception("reply %s: its ending cannot be stored", self.live.reply_id)
                if turn >= MISTAKES:
                    raise
            await asyncio.sleep(SAVE_AGAIN[min(turn, len(SAVE_AGAIN) - 1)])
