"""What a model thought before it answered: plain text in paragraphs, which only ever grows."""

import re
from collections.abc import Iterable

from markupsafe import Markup

from chat.web.i18n import gettext, ngettext

LONGEST = 200_000  # characters that are kept of one reply
_BREAK = re.compile(r"\n(?:[ \t]*+\n)+")  # begins at a newline only: linear in any text
_MINUTE = 60_000


def shown(thoughts: str) -> str:
    """Without the white space at the end: what follows decides whether it is a new paragraph."""
    return thoughts.rstrip()


def whole(thoughts: str) -> Markup:
    """All paragraphs as HTML, with a note behind them when there were more."""
    _, behind = growth("", shown(thoughts))
    return paragraphs(behind) + (note() if len(thoughts) >= LONGEST else Markup())


def growth(before: str, after: str) -> tuple[str, list[str]]:
    """How `before` becomes `after`: text for its last paragraph, and the paragraphs behind that.

    Both are `shown` thoughts, `after` begins with `before`.
    """
    first, *others = _BREAK.split(after[len(before) :])
    if not before and first:
        others.insert(0, first)
        first = ""
    return first, others


def paragraphs(texts: Iterable[str]) -> Markup:
    return Markup("").join(Markup("<p>%s</p>") % text for text in texts)


def note() -> Markup:
    words = gettext("The thoughts went on. What is kept ends here.")
    return Markup('<p class="aside">%s</p>') % words


def heading(milliseconds: int, *, thinking: bool = False) -> str:
    """What the folded part is called. `milliseconds`: how long it thought, 0 when nobody knows."""
    if thinking:
        return gettext("Thinking…")
    if not milliseconds:
        return gettext("Thoughts")
    if milliseconds < _MINUTE:
        seconds = max(1, round(milliseconds / 1000))
        return ngettext("Thought for %(num)s second", "Thought for %(num)s seconds", seconds)
    minutes = round(milliseconds / _MINUTE)
    return ngettext("Thought for %(num)s minute", "Thought for %(num)s minutes", minutes)
