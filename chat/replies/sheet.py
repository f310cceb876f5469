"""A reply on a page without scripts, which is written as it grows: what is written stays there."""

from markupsafe import Markup, escape

from chat.conversations import thoughts
from chat.conversations.domain import Message
from chat.replies.following import warning
from chat.replies.live import Live
from chat.web.blocks import Document
from chat.web.i18n import gettext

_TEXT = '<div class="prose" data-part="text">'


class Sheet:
    """Thoughts in their folded part until the text begins; what is thought later comes on reload.

    Finished blocks are written once, the open end again and again: the style sheet shows the last.
    """

    def __init__(self) -> None:
        self.held = 0  # finished blocks
        self._thoughts = ""
        self._cut = self._begun = False

    def grown(self, live: Live) -> str:
        """HTML of what is new."""
        parts = self._grown_thoughts(live.thoughts)
        if live.count or live.tail or not live.thinking:
            parts += self.text()
            blocks, self.held = live.blocks(self.held), live.count
            parts += f'{"".join(blocks)}<div class="tail">{live.tail}{warning(live)}</div>\n'
        return parts

    def ended(self, reply: Message) -> str:
        """HTML of what is missing of a reply that has ended.

        By its row: of one that was written elsewhere the last words were never heard.
        """
        parts = self._grown_thoughts(reply.reasoning) + self.text()
        if not self.held:
            return parts + reply.html
        document = Document()
        document.append(reply.text)
        document.finish()
        return parts + "".join(document.blocks[self.held :])

    def text(self) -> str:
        """Where the text begins, '' when it has."""
        if self._begun:
            return ""
        self._begun = True
        note = thoughts.note() if self._cut else ""
        return (f"</p>{note}</div></details>" if self._thoughts else "") + _TEXT

    def _grown_thoughts(self, now: str) -> str:
        shown = thoughts.shown(now)
        if self._begun or shown == self._thoughts:
            return ""
        inside, behind = thoughts.growth(self._thoughts, shown)
        # More may come into the last paragraph, so what ends it is what comes behind it.
        paragraphs = "</p>".join(f"<p>{escape(each)}" for each in behind)
        first = not self._thoughts
        self._thoughts, self._cut = shown, len(now) >= thoughts.LONGEST
        if first:
            return f"{_head()}{paragraphs}"
        return f"{escape(inside)}</p>{paragraphs}" if behind else str(escape(inside))


def _head() -> Markup:
    return Markup(
        '<details class="reasoning" data-part="reasoning"><summary>'
        '<span class="now">%s</span><span class="past">%s</span></summary><div class="thoughts">'
    ) % (gettext("Thinking…"), gettext("Thoughts"))
