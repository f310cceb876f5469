"""HTML as the lines that a person would read: no scripts, no styles, no tags."""

import re
from html.parser import HTMLParser
from pathlib import Path

from chat.attachments.readers.found import Found, Gathered, Sort
from chat.attachments.readers.texts import SAMPLE, encoding_of, part

MOST_SOURCE = 5_000_000  # bytes of HTML that are looked at
PIECE = 65_536
_SILENT = {"script", "style", "template", "noscript", "svg", "iframe"}
_BLOCKS = set(
    """address article aside blockquote body br caption dd details dialog div dl dt fieldset
    figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr html li main nav ol option p pre
    section summary table tbody tfoot thead title tr ul""".split()
)
_VOID = {"br", "hr"}
_IN_CELLS = {"p", "div"}  # what cells may hold without being more than a cell
_SPACE = re.compile(r"\s+")


def read(path: Path, sort: Sort, folder: Path) -> Found:
    with open(path, "rb") as file:
        raw = part(file, 0, MOST_SOURCE + 1)
    gathered = Gathered()
    gathered.cut = len(raw) > MOST_SOURCE
    encoding = encoding_of(raw[:SAMPLE], whole=len(raw) <= SAMPLE) or "utf-8"
    lines(raw[:MOST_SOURCE].decode(encoding, "replace"), gathered)
    return gathered.found()


def lines(source: str, gathered: Gathered) -> None:
    """Adds what there is to read in a page to what was gathered."""
    was_cut, gathered.cut = gathered.cut, False
    parser = _Lines(gathered)
    for start in range(0, len(source), PIECE):
        if gathered.full:
            break
        parser.feed(source[start : start + PIECE])
    parser.close()
    parser.end_line()
    gathered.cut = gathered.cut or was_cut


class _Lines(HTMLParser):
    def __init__(self, gathered: Gathered) -> None:
        super().__init__(convert_charrefs=True)
        self._gathered = gathered
        self._line: list[str] = []
        self._mark = ""  # what the next line begins with
        self._silent: list[str] = []
        self._kept = 0  # depth of <pre>
        self._lists = 0
        self._in_row = False
        self._said = False  # in this cell, or line
        self._broken = False  # in a cell: only what follows says whether the line ends here
        self._blank = True

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._silent or tag in _SILENT:
            if tag in _SILENT:
                self._silent.append(tag)
            return
        if tag in _BLOCKS:
            self._end_block(tag)
        if tag == "li":
            self._mark = "  " * min(max(self._lists - 1, 0), 8) + "- "
        elif tag in ("ul", "ol"):
            self._lists += 1
        elif tag == "tr":
            self._in_row = True
        elif tag[0] == "h" and tag[1:].isdigit():
            self._mark = "#" * int(tag[1:]) + " "
        elif tag in ("td", "th") and self._line:
            self._line.append(" | ")
            self._said = self._broken = False
        elif tag == "img":
            self._line.append(dict(attrs).get("alt") or "")
        elif tag == "pre":
            self._kept += 1

    def handle_endtag(self, tag: str) -> None:
        if self._silent:
            if tag in self._silent:
                while self._silent.pop() != tag:
                    pass
            return
        if tag == "pre" and self._kept:
            self.end_line()
            self._kept -= 1
        elif tag in _BLOCKS and tag not in _VOID:
            self._end_block(tag)
            if tag in ("ul", "ol"):
                self._lists = max(0, self._lists - 1)
            elif tag in ("tr", "table"):
                self._in_row = False

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _SILENT:
            self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        said = bool(data.strip())
        if said and self._broken:
            self.end_line()
        self._line.append(data)
        self._said = self._said or said

    def _end_block(self, tag: str) -> None:
        if self._in_row and tag in _IN_CELLS:
            self._broken = self._said
        else:
            self.end_line()

    def end_line(self) -> None:
        self._said = self._broken = False
        text = "".join(self._line)
        text = text.strip("\n") if self._kept else _SPACE.sub(" ", text).strip(" |")
        self._line.clear()
        if text.strip():
            if self._mark.startswith("#") and not self._blank:
                self._gathered.add("\n")
            self._gathered.add(f"{self._mark}{text}\n")
            self._mark, self._blank = "", False
