"""What a reader finds in a file, and the bounds of all readers."""

import re
import time
from dataclasses import dataclass
from typing import Literal

Kind = Literal["image", "text", "document", "other"]
Trouble = Literal["", "encrypted", "broken", "no_text", "too_large", "slow", "unknown"]

MOST_TEXT = 200_000  # characters
ENOUGH_SECONDS = 15  # of the processor: what was found by then is kept, the rest left out
MOST_UNPACKED = 200_000_000  # bytes, of all parts of an archive together
REST = "\n[the rest is left out]"
# Neither a database nor a page has a use for these: control characters, halves of surrogate pairs.
_USELESS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")


class Unreadable(Exception):
    """Why there is nothing to be had from a file."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Sort:
    """`type`: the media type. `reader`: which module looks inside; '' for none."""

    type: str
    kind: Kind
    reader: str = ""
    trouble: Trouble = ""


@dataclass(frozen=True, slots=True)
class Found:
    """Names are those of files in the folder of derived files; `width`, `height`: pixels."""

    text: str = ""
    trouble: Trouble = ""
    cut: bool = False
    pages: int = 0
    width: int = 0
    height: int = 0
    model: str = ""
    thumb: str = ""
    pages_as_images: tuple[str, ...] = ()


class Gathered:
    """Text in the making: takes what there is room and time for."""

    def __init__(self, most: int = MOST_TEXT) -> None:
        self._parts: list[str] = []
        self._room = most
        self.cut = False

    @property
    def full(self) -> bool:
        self.cut = self.cut or time.process_time() > ENOUGH_SECONDS
        return self.cut

    def add(self, text: str) -> None:
        if len(text) > self._room:
            text, self.cut = text[: self._room], True
        self._room -= len(text)
        self._parts.append(text)

    @property
    def text(self) -> str:
        return "".join(self._parts)

    def found(self, pages: int = 0) -> Found:
        """All of it, clean; `no_text` when that is nothing but space."""
        text = cleaned(self.text).strip("\n")
        if not text.strip():
            return Found(trouble="no_text", cut=self.cut, pages=pages)
        return Found(text + REST * self.cut, cut=self.cut, pages=pages)


def cleaned(text: str) -> str:
    """With one kind of line end, and without characters that nobody can see or store."""
    return _USELESS.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n"))
