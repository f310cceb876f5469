"""What somebody who watches a reply is sent, from any point of it."""

from collections.abc import AsyncIterator
from typing import NamedTuple

from markupsafe import escape

from chat.conversations import thoughts
from chat.providers.pace import PACE
from chat.replies.live import Live
from chat.web.blocks import growth
from chat.web.i18n import gettext


class Step(NamedTuple):
    """`html` brings a page to where it holds `blocks` finished blocks and the open end."""

    html: str
    blocks: int


async def follow(live: Live, held: int) -> AsyncIterator[Step | None]:
    """Steps until the reply ends; `held` is the number of finished blocks the page has.

    A negative or impossible `held` gets a snapshot that replaces everything. A reader who is slow
    gets fewer, larger steps: nothing queues up for it. None says that nothing was new for a while.
    """
    page = _Page(live.reply_id, held)
    with PACE.reader():
        while live.ending is None:
            if live.shown != page.seen and live.shown:
                yield page.step(live)
            await live.fresh(page.seen)
            if live.shown == page.seen and live.ending is None:
                yield None


def warning(live: Live) -> str:
    """HTML in the reader's language while what is shown may be lost, else ''."""
    if not live.unsaved:
        return ""
    words = gettext("This text cannot be saved at the moment. We keep trying.")
    return f'<p class="unsaved">{escape(words)}</p>'


class _Thoughts:
    """What one watching page holds of the thoughts: all of them at first, then only what is new.

    A page that comes back says how many blocks of text it has, nothing about thoughts.
    """

    def __init__(self, reply_id: str) -> None:
        self._target = f"#m-{reply_id}-thoughts"
        self._heading = (f"#m-{reply_id}-thinking", "")
        self._shown = ""
        self._size = -1

    def steps(self, live: Live) -> list[str]:
        size = len(live.thoughts)
        if not size:
            return []
        parts: list[str] = []
        if self._size < 0:
            parts.append(_part(self._target, "innerHTML", thoughts.whole(live.thoughts)))
            self._shown = thoughts.shown(live.thoughts)
        elif size != self._size:
            parts += self._growth(thoughts.shown(live.thoughts))
            if size >= thoughts.LONGEST:
                parts.append(_part(self._target, "beforeend", thoughts.note()))
        self._size = size
        target, before = self._heading
        heading = thoughts.heading(live.thought_ms, thinking=live.thinking)
        if heading != before:
            parts.append(_part(target, "innerHTML", str(escape(heading))))
            self._heading = (target, heading)
        return parts

    def _growth(self, shown: str) -> list[str]:
        inside, behind = thoughts.growth(self._shown, shown)
        self._shown = shown
        last = f"{self._target} > p:last-child"
        parts = [_part(last, "beforeend", escape(inside))] if inside else []
        return parts + [
            _part(self._target, "beforeend", thoughts.paragraphs(new)) for new in [behind] if new
        ]


class _Page:
    """What one watching page holds."""

    def __init__(self, reply_id: str, held: int) -> None:
        self.seen = 0
        self._held = held
        self._tail: str | None = None
        self._warning = None if held >= 0 else ""  # who comes back may have been warned before
        self._id = f"#m-{reply_id}"
        self._thoughts = _Thoughts(reply_id)

    def step(self, live: Live) -> Step:
        parts = self._thoughts.steps(live)
        if not 0 <= self._held <= live.count:
            blocks = "".join(live.blocks(0))
            parts.append(_part(f"{self._id}-blocks", "innerHTML", blocks))
        elif self._held < live.count:
            blocks = "".join(live.blocks(self._held))
            parts.append(_part(f"{self._id}-blocks", "beforeend", blocks))
        if live.tail != self._tail:
            parts.append(self._tail_step(live.tail))
        if (said := warning(live)) != self._warning:
            parts.append(_part(f"{self._id}-warning", "innerHTML", said))
        self.seen, self._held, self._tail = live.shown, live.count, live.tail
        self._warning = said
        return Step("".join(parts), live.count)

    def _tail_step(self, tail: str) -> str:
        grown = growth(self._tail, tail) if self._tail else None
        if grown:
            inside, html = grown
            return _part(f"{self._id}-tail {inside}", "beforeend", html)
        return _part(f"{self._id}-tail", "innerHTML", tail)


def _part(target: str, swap: str, html: str) -> str:
    """Targets are made of our own ids and element names: there is nothing in them to escape."""
    return f'<hx-partial hx-target="{target}" hx-swap="{swap}">{html}</hx-partial>'
