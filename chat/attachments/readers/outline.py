"""Paragraphs, lists and tables of a document, as lines of text."""

from chat.attachments.readers.found import Gathered


class Outline:
    """Paragraphs may lie in cells, cells in rows, rows in cells of other rows."""

    def __init__(self, gathered: Gathered) -> None:
        self.gathered = gathered
        self._open: list[list[str]] = []  # the paragraphs being written: text boxes lie in others
        self._rows: list[list[list[str]]] = []  # the rows being written, cells of paragraphs

    def begin(self) -> None:
        self._open.append([])

    def add(self, text: str) -> None:
        if self._open:
            self._open[-1].append(text)

    def end(self, mark: str = "") -> None:
        """The paragraph is over; `mark` says what it is: a heading, an item of a list."""
        text = "".join(self._open.pop()) if self._open else ""
        if text.strip() and self._rows:
            self._cell().append(" ".join(text.split()))
        elif text.strip() or not self._rows:
            text = text.strip() if mark else text.rstrip()
            self.gathered.add(f"{mark}{text}\n" if text else "\n")

    def begin_row(self) -> None:
        self._rows.append([])

    def begin_cell(self) -> None:
        if self._rows:
            self._rows[-1].append([])

    def end_row(self) -> None:
        cells = self._rows.pop() if self._rows else []
        line = " | ".join(" / ".join(cell) for cell in cells).rstrip(" |")
        if line and self._rows:
            self._cell().append(line)
        elif line:
            self.gathered.add(f"{line}\n")

    def _cell(self) -> list[str]:
        if not self._rows[-1]:
            self._rows[-1].append([])
        return self._rows[-1][-1]


class Notes:
    """Foot- and endnotes, numbered in the order in which the text refers to them."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def mark(self, name: str) -> str:
        """`name`: what the document calls it."""
        return f"[note {self._numbers.setdefault(name, len(self._numbers) + 1)}]"


def heading(level: int) -> str:
    return "#" * min(max(level, 1), 6) + " "


def item(level: int) -> str:
    return "  " * min(max(level, 0), 8) + "- "
