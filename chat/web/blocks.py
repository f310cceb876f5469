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

_HEAVY_CHARS = 1_500  # of anything: about 2 ms
_HEAVY_CODE = 300  # characters to highlight: the same

# How a tail may begin and end, and which element of it grows at its end.
_GROWING = (
    ("<p>", "</p>", "p"),
    ('<p class="plain">', "</p>", "p"),
    ('<figure class="code">', FIGURE_END, "code"),
    ('<div class="table">', "</tbody></table></div>", "tbody"),
)

# Words that, behind a word, change no mark before them and begin nothing: they can be put at the
# end of what is shown. With an open bracket about, parentheses may complete a link.
_WORDS = r"[^\x00-\x1f\x7f-\xa0&<>;`*_~\[\]\\|#{}\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_MORE_WORDS = re.compile(_WORDS + "]*+")
_MORE_WORDS_IN_BRACKETS = re.compile(_WORDS + "()]*+")
_LINE_OF_WORDS = re.compile(r"[^\n]*[A-Za-z][^\n]*[A-Za-z0-9.,?!:'\")][ ]*\Z")
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

    @property
    def text(self) -> str:
        """All that was appended, normalised."""
        self._text = ["".join(self._text)]
        return self._text[0]

    @property
    def heavy(self) -> bool:
        """Whether the next `advance` may take more than about 2 ms, and so belongs in a thread."""
        size = sum(map(len, self._new))
        if self._fence:
            may_close = any(self._fence.mark in text for text in self._new)
            return may_close and size + len(self._rest) > _HEAVY_CODE
        return size > _HEAVY_CODE or size + len(self._rest) > _HEAVY_CHARS

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
        """Nothing more comes: the rest becomes blocks. The whole HTML, the same as `render(text)`."""
        self._rest += "".join(self._new)
        self._new.clear()
        self._split(end=True)
        self.tail = ""
        return "".join(self.blocks)
