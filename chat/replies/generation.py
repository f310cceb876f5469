"""Drives one provider for one reply, beside the request that asked for it."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import count

from chat.conversations.measures import Measures
from chat.errors import Unavailable
from chat.providers.domain import (
    Done,
    Echo,
    Provider,
    ProviderError,
    ReasoningDelta,
    TextDelta,
    Usage,
)
from chat.replies.domain import Chunk, End, Ending, Started, Thoughts
from chat.replies.live import Live
from chat.replies.prompt import Asked, Overflow
from chat.replies.thinking import Thinking
from chat.replies.writing import WritingRepository
from chat.usage.domain import spent
from chat.web.current import Clock

# Who is asked, and what: found out when the reply is begun already, so that a failure ends it; and
# once more, with less, when that was too long for the model.
Preparation = Callable[[Overflow | None], Awaitable[tuple[Provider, Asked]]]
log = logging.getLogger(__name__)
LONGEST = 1_000_000  # characters
LONGEST_TIME = 15 * 60  # seconds
MISTAKES = 2  # tries more for an ending that fails in a way we do not know
SAVE_AGAIN = (0.5, 1, 2, 5, 10)  # seconds between tries to store an ending; the last one repeats


class Generation:
    """One reply being written by this process. It lives until its ending is stored."""

    def __init__(
        self,
        live: Live,
        started: Started,
        replies: WritingRepository,
        measures: Measures,
        clock: Clock,
        speaks: Callable[[], None],
    ) -> None:
        """`speaks` is called once, when its first words or thoughts come."""
        self.live = live
        self.epoch = started.epoch
        self._before = started.before
        self._replies = replies
        self._measures = measures
        self._clock = clock
        self._speaks: Callable[[], None] | None = speaks
        self._unsaved: list[str] = []
        self._unsaved_thoughts: list[str] = []
        self._seq = 0
        self._again: Chunk | None = None  # may be stored, or not
        self._had = self._size = len(started.reply.text)
        self._asked: Asked | None = None
        self._usage: Usage | None = None
        reply = started.reply
        self._thinking = Thinking(reply.reasoning)
        # Of thoughts that took nobody knows how long the sum is not known either.
        self._timed = not reply.reasoning or reply.thought_ms > 0
        self._thought_before = live.thought_ms = reply.thought_ms
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
        """What came since the last call, or was put back, to be stored; None when nothing did."""
        if again := self._again:
            self._again = None
            return again
        if not (self._unsaved or self._unsaved_thoughts):
            return None
        body, thought = "".join(self._unsaved), "".join(self._unsaved_thoughts)
        self._unsaved, self._unsaved_thoughts = [], []
        self._seq += 1
        return Chunk(self.live.reply_id, self.epoch, self._seq, body, thought)

    def put_back(self, chunk: Chunk) -> None:
        """A chunk of which nobody said that it is stored: it comes again, as it was."""
        self._again = chunk
        self.live.tell(unsaved=True)

    async def _ask(self, prepare: Preparation) -> Ending:
        if self._cancelled:
            return Ending(self._cancelled)
        async with asyncio.timeout(LONGEST_TIME):
            provider, asked = await prepare(None)
            try:
                return await self._listen(provider, asked)
            except ProviderError as error:
                if error.kind != "context" or self._size > self._had or self._thinking.bytes:
                    raise
                provider, smaller = await prepare(Overflow(asked.tokens, error.message))
                if smaller.tokens >= asked.tokens:
                    raise
            return await self._listen(provider, smaller)

    async def _listen(self, provider: Provider, asked: Asked) -> Ending:
        self._asked = asked
        reason = "other"
        async with contextlib.aclosing(provider.stream(asked.prompt)) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    if self._take(event.text):
                        return Ending("complete", "too_long", counted=True)
                elif isinstance(event, ReasoningDelta):
                    self._think(event.text)
                elif isinstance(event, Echo):
                    self._thinking.echo = event.data
                elif isinstance(event, Usage):
                    self._usage = event
                elif isinstance(event, Done):
                    reason = event.reason
        return Ending("complete", reason, counted=True)

    def _take(self, text: str) -> bool:
        """True when the reply has reached its longest size."""
        self._pause()
        text = text[: LONGEST - self._size]
        self._size += len(text)
        if text:
            self._unsaved.append(text)
            self.live.feed(text)
            self._first()
        return self._size >= LONGEST

    def _think(self, thought: str) -> None:
        if kept := self._thinking.take(thought):
            self._unsaved_thoughts.append(kept)
            self.live.think(kept)
            self._first()

    def _first(self) -> None:
        if self._speaks:
            self._speaks()
            self._speaks = None

    def _pause(self) -> None:
        """It thinks no more, for now."""
        if self._thinking.pause() and self._timed:
            self.live.thought_ms = self._thought_before + self._thinking.milliseconds

    def _outcome(self, task: "asyncio.Task[Ending]") -> Ending:
        if task.cancelled():
            return Ending(self._cancelled or "interrupted")
        error = task.exception()
        if error is None:
            return task.result()
        if isinstance(error, ProviderError):
            log.warning("reply %s: %s", self.live.reply_id, error)
            # Half an answer proves that the provider can be reached: the connection broke.
            came = self._size > self._had or self._thinking.bytes
            broken = error.kind == "network" and came
            return self._failed("truncated" if broken else error.kind)
        if isinstance(error, Unavailable):  # our own files or rows, as it was prepared
            log.warning("reply %s cannot be asked for: %s", self.live.reply_id, error)
            return self._failed("away")
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
            came = self._size > self._had or self._thinking.bytes > 0
            ending = await self._measured(ending, text[self._had :])
            self._pause()
            new = self._thinking
            thoughts = Thoughts(self.live.thoughts, new.milliseconds, new.echo)
            ending = replace(ending, thoughts=thoughts, counted=ending.counted or came)
            await self._store(text, html, ending)
            if self._asked and self._usage:
                model, tokens = self._asked.prompt.model, self._asked.tokens
                await self._measures.heard(model, tokens, self._usage.input)
        finally:  # whoever waits for the end must not wait for ever
            self.live.end(ending)

    async def _measured(self, ending: Ending, text: str) -> Ending:
        """With what it was asked, and used since then; `text` is what came since then."""
        if self._asked is None:
            return ending
        prompt, thought = self._asked.prompt, self._thinking.bytes
        texts = [prompt.system, *(turn.text for turn in prompt.turns)]
        figures = (prompt.model.id, self._usage, texts, text, thought, prompt.model.price)
        if self._usage:
            used = spent(*figures)
        else:
            used = await asyncio.to_thread(spent, *figures)  # to estimate takes time
        asked = self._asked
        return replace(ending, spent=used, since=asked.since, asked=asked.tokens, cut=asked.cut)

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
