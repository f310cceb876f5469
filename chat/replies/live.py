"""The text of one reply while it grows, rendered once per tick for everybody who watches."""

import asyncio
import logging
import time

from chat.providers.pace import PACE
from chat.replies.domain import Ending
from chat.web.blocks import Document
from chat.web.markdown import plain

log = logging.getLogger(__name__)
SOON = 0.01  # seconds before a tick that are not waited for


class Live:
    """Fed by its generation, read by any number of followers.

    `shown` counts renderings: a follower that has seen number n waits for the next one. `unsaved`
    says that what is shown may be lost: the database takes nothing for a while. Memory is the text
    and its blocks once, however many follow and however slowly they read.

    `thoughts`: all of them, `thinking`: whether they are what came last; as of the last rendering.
    `thought_ms`: how long it has thought, 0 where nobody knows.
    """

    def __init__(
        self,
        reply_id: str,
        account_id: str,
        conversation_id: str,
        text: str = "",
        thoughts: str = "",
    ) -> None:
        self.reply_id = reply_id
        self.account_id = account_id
        self.conversation_id = conversation_id
        self.ending: Ending | None = None
        self.shown = 0
        self.count = 0  # finished blocks, as of the last rendering
        self.tail = ""  # HTML of the open end, as of the last rendering
        self.unsaved = False
        self.thoughts = thoughts
        self.thinking = False
        self.thought_ms = 0
        self._document = Document()
        self._busy = asyncio.Lock()  # a rendering may be under way in a thread
        self._incoming: list[str] = []
        self._thinking: list[str] = []
        self._thinks = False
        self._pulse = 0
        self._fed = 0
        self._rendered = 0
        self._rendering = False
        self._broken = False
        self._cost = 0.0  # CPU seconds that the last rendering took
        self._next_tick = 0.0
        self._changed = asyncio.Event()
        self._awaited = False
        if text or thoughts:  # what it had when it was gone on with
            self._document.append(text)
            self._fed = 1

    def feed(self, text: str) -> None:
        self._incoming.append(text)
        self._thinks = False
        self._fed += 1
        self._wake()

    def think(self, thought: str) -> None:
        self._thinking.append(thought)
        self._thinks = True
        self._fed += 1
        self._wake()

    def blocks(self, after: int) -> list[str]:
        """HTML of the finished blocks from number `after` on, as of the last rendering."""
        return self._document.blocks[after : self.count]

    async def finish(self) -> tuple[str, str]:
        """(text, HTML) of the whole reply. Nothing may be fed any more."""
        async with self._busy:
            self._take()
            try:
                if self._document.short:
                    html = self._document.finish()
                else:
                    html = await asyncio.to_thread(self._document.finish)
            except Exception:  # what cannot be rendered is still an answer
                log.exception("reply %s cannot be rendered", self.reply_id)
                html = plain(self._document.text)
            self.count, self.tail = len(self._document.blocks), ""
            return self._document.text, html

    def end(self, ending: Ending) -> None:
        """To be called once the final state is stored."""
        self.ending = ending
        self._wake()

    def pulse(self) -> None:
        """Lets everybody who waits look around: one timer for all instead of one for each."""
        self._pulse += 1
        self._wake()

    def tell(self, *, unsaved: bool) -> None:
        if unsaved != self.unsaved:
            self.unsaved = unsaved
            self.shown += 1
            self._wake()

    async def ended(self) -> None:
        while self.ending is None:
            await self._change()

    async def fresh(self, seen: int) -> None:
        """Waits for something newer than rendering `seen`, for the end, or for the next pulse.

        Of several who wait, the first renders for all; if it goes away another takes over.
        """
        pulse = self._pulse
        while self.shown == seen and self.ending is None and self._pulse == pulse:
            if self._rendering or self._broken or self._rendered == self._fed:
                await self._change()
                continue
            self._rendering = True
            try:
                await self._render()
            finally:
                self._rendering = False
                self._wake()

    async def _render(self) -> None:
        loop = asyncio.get_running_loop()
        if (delay := self._next_tick - loop.time()) > SOON:
            await asyncio.sleep(delay)
        if self.ending is not None:
            return
        began = loop.time()
        busy = self._busy.locked()
        if not busy:
            self._take()
        if busy or self._document.heavy:
            # Its own task: whoever waits here may go away while a thread is at work.
            await asyncio.shield(asyncio.create_task(self._advance_in_a_thread()))
        else:
            self._advance()
            self._show()
        # What takes long is made less often; what only had to wait for the processor is not.
        self._next_tick = max(PACE.after(began), began + 10 * self._cost)

    async def _advance_in_a_thread(self) -> None:
        async with self._busy:
            self._take()
            await asyncio.to_thread(self._advance)
            self._show()
        self._wake()

    def _advance(self) -> None:
        began = time.thread_time()
        try:
            self._document.advance()
        except Exception:  # its text is stored as it comes, and shown at the end
            log.exception("reply %s cannot be rendered while it grows", self.reply_id)
            self._broken = True
        self._cost = time.thread_time() - began

    def _show(self) -> None:
        self.count, self.tail = len(self._document.blocks), self._document.tail
        self.shown += 1

    def _take(self) -> None:
        self._document.append("".join(self._incoming))
        self._incoming.clear()
        if self._thinking:
            self.thoughts += "".join(self._thinking)
            self._thinking.clear()
        self.thinking = self._thinks
        self._rendered = self._fed

    async def _change(self) -> None:
        self._awaited = True
        await self._changed.wait()

    def _wake(self) -> None:
        if self._awaited:  # most tokens come while nobody waits
            self._awaited = False
            self._changed.set()
            self._changed = asyncio.Event()
