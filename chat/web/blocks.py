"""A reply while it is written: finished blocks that never change, and an open tail that does."""

import re

from chat.web.dialect import FIGURE_END, figure_head
from chat.web.highlight import escape
from chat.web.markdown import (
    BLOCK_CHARS,
    FENCE,
    MESSAGE_CHARS,
    PLAIN_CHARS,
    closing,
    dedented,
    normalised,
    plain,
    split,
    tail_html,
)
from chat.web.mending import mended

_HEAVY_CHARS = 600  # of a list or a table: about 2 ms
_HEAVY_CODE = 300  # characters to highlight: the same

# How a tail may begin and end, and which element of it grows at its end.
_GROWING = (
    ("<p>", "</p>", "p"),
    ('<p class="plain">', "</p>", "p"),
    ('<figure class="code">', FIGURE_END, "code"),
    ('<div class="table">', "</tbody></table></div>", "tbody"),
)

# Words that, behind a word, change no mark before them and begin nothing: they can be put at the
# end of what is shown. While a link is open, not even parentheses can.
_WORDS = r"[^\x00-\x1f\x7f-\xa0&<>;`*_~\[\]\\|#{}\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_MORE_WORDS = re.compile(_WORDS + "]*+")
_MORE_WORDS_IN_LINK = re.compile(_WORDS + "()]*+")
_WHOLE_LINK = re.compile(r"\]\([^()\s<\\]*\)")
_LETTER = re.compile("[A-Za-z]")
_WORD_ENDS = tuple(".,?!:'\")")
_OPEN_MARKS = ("</em>", "</strong>", "</s>")
_CLOSING_TAGS = re.compile(r"(?:</(?:p|strong|em|s|li|ul|ol|blockquote|h[1-6])>\n?)+\Z")


class Document:
    """The text of one reply, in whatever portions it comes: the same text gives the same HTML.

    `blocks` is the HTML of the finished top-level blocks, `tail` that of the open rest; both as of
    the last `advance`.
    """

    def __init__(self) -> None:
        self.blocks: list[str] = []
        self.tail = ""
        self._text: list[str] = []
        self._new: list[str] = []
        self._after_return = False  # the last character was CR: a LF now belongs to it
        self._rest = ""
        self._start = 0  # of the rest, in the text
        self._kind = ""  # of the block that the rest begins with, see Split
        self._fence: _OpenFence | None = None
        self._shown = 0  # characters of the rest that the tail shows, if words may just be added
        self._ending = ""  # the closing tags behind them
        self._words = _MORE_WORDS  # what may be added

    @property
    def text(self) -> str:
        """All that was appended, normalised."""
        self._text = ["".join(self._text)]
        return self._text[0]

    @property
    def heavy(self) -> bool:
        """Whether the next `advance` may take more than about 2 ms, and so belongs in a thread."""
        size = sum(map(len, self._new))
        total = size + len(self._rest)
        if self._fence:
            return total > _HEAVY_CODE and any(self._fence.mark in text for text in self._new)
        if self._ending and all(map(self._words.fullmatch, self._new)):
            return False
        return size > _HEAVY_CODE or total > _HEAVY_CHARS

    @property
    def short(self) -> bool:
        """Whether what `finish` has to render takes less than about 2 ms."""
        return sum(map(len, self._new)) + len(self._rest) <= _HEAVY_CHARS

    def append(self, text: str) -> None:
        """Only stores; `advance` does the work."""
        text = text.replace("\0", "")
        if not text:
            return
        if self._after_return and text[0] == "\n":
            text = text[1:]
            self._after_return = False
        self._after_return = text.endswith("\r")
        if text := normalised(text):
            self._text.append(text)
            self._new.append(text)

    def advance(self) -> None:
        """Bring `blocks` and `tail` up to what was appended."""
        if not self._new:
            return
        new = "".join(self._new)
        self._new.clear()
        self._rest += new
        if self._may_finish(new):
            self._split()
        if not self._add_words(new):
            self.tail = self._tail()

    def finish(self) -> str:
        """Nothing more comes: the rest becomes blocks. Returns the same as `render(text)`."""
        self._rest += "".join(self._new)
        self._new.clear()
        self._split(end=True)
        self.tail = ""
        return "".join(self.blocks)

    def _may_finish(self, new: str) -> bool:
        if self._fence:
            return self._fence.read(self._rest)
        limit = BLOCK_CHARS if self._start < MESSAGE_CHARS else PLAIN_CHARS
        return "\n" in new or len(self._rest) > limit

    def _split(self, *, end: bool = False) -> None:
        found = split(self._rest, start=self._start, end=end)
        self.blocks += found.blocks
        self._rest = self._rest[found.offset :]
        self._start += found.offset
        self._kind, self._shown, self._ending = found.kind, 0, ""
        opener = FENCE.match(self._rest) if found.kind == "fence" else None
        self._fence = _OpenFence(self._rest, opener) if opener else None

    def _tail(self) -> str:
        self._ending = ""
        if self._fence:
            return self._fence.html
        if self._start >= MESSAGE_CHARS:
            return plain(self._rest)
        if self._kind == "table_open":
            return self._table()
        source = mended(self._rest)
        html = tail_html(source)
        self._remember_ending(source, html)
        return html

    def _table(self) -> str:
        """Only its complete rows, so only anew when there is one more."""
        lines = self._rest.rfind("\n") + 1
        if self._shown != lines:
            self._shown = lines
            return tail_html(self._rest[:lines])
        return self.tail

    def _remember_ending(self, source: str, html: str) -> None:
        """See whether the next words can be put in front of the closing tags of `html`."""
        shown = self._rest.rstrip(" ")
        if not source.startswith(shown) or not _ends_in_words(shown):
            return
        found = _CLOSING_TAGS.search(html, max(0, len(html) - 500))
        if found and html.endswith(shown[-1], 0, found.start()):
            self._shown, self._ending = len(shown), found[0]
            in_link = "](" in _WHOLE_LINK.sub("", shown)
            self._words = _MORE_WORDS_IN_LINK if in_link else _MORE_WORDS

    def _add_words(self, new: str) -> bool:
        """A tick's usual case, a few more words, costs a few microseconds this way."""
        if not self._ending or "\n" in new:
            return False
        words = self._rest[self._shown :].rstrip(" ")
        if not self._words.fullmatch(words):
            return False
        if words and self._ending.startswith(_OPEN_MARKS) and not words[-1].isalnum():
            return False  # whether a mark closes behind a full stop is a long story
        self.tail = self.tail[: -len(self._ending)] + words + self._ending
        self._shown += len(words)
        return True


def _ends_in_words(text: str) -> bool:
    """Whether nothing that follows on its last line can change what that line is."""
    if not text or not _LETTER.search(text, text.rfind("\n") + 1):
        return False
    return text[-1].isalnum() or text.endswith(_WORD_ENDS)


class _OpenFence:
    """A code block that grows: each line of it is looked at once."""

    def __init__(self, text: str, opener: re.Match[str]) -> None:
        self.mark = (opener[2] or opener[4])[0]
        self.html = figure_head(opener[3] or opener[5] or "") + FIGURE_END
        self._closing = closing(opener)
        self._indent = len(opener[1])
        self._read = opener.end()
        self.read(text)

    def read(self, text: str) -> bool:
        """Take the lines that are complete now; True when the closing one is among them."""
        end = text.rfind("\n") + 1
        if end <= self._read:
            return False
        if self._closing.search(text, self._read, end):
            return True
        code = escape(dedented(text[self._read : end], self._indent))
        self.html = self.html[: -len(FIGURE_END)] + code + FIGURE_END
        self._read = end
        return False


def growth(before: str, after: str) -> tuple[str, str] | None:
    """How the tail `before` becomes `after` by appending: the element that grows, and the HTML.

    The element is a CSS selector that finds exactly one in `before`. None: replace the tail.
    """
    for head, end, selector in _GROWING:
        tag, kept = end[: end.index(">") + 1], len(before) - len(end)
        framed = before.startswith(head) and before.endswith(end) and after.endswith(end)
        alone = before.find(tag) == kept and after.find(tag, kept) == len(after) - len(end)
        if framed and alone and after.startswith(before[:kept]):
            return selector, after[kept : -len(end)]
    return None
