"""OpenDocument texts and presentations: paragraphs, lists, tables and notes, in their order."""

from pathlib import Path

from chat.attachments.readers.archive import XML, Attributes, opened
from chat.attachments.readers.found import Found, Gathered, Sort, Unreadable
from chat.attachments.readers.outline import Notes, Outline, heading, item

_SIGNS = {"tab": "\t", "line-break": "\n"}
_SILENT = {"tracked-changes", "annotation", "forms", "desc", "title", "note-citation"}


def read(path: Path, sort: Sort, folder: Path) -> Found:
    gathered = Gathered()
    with opened(path) as archive:
        if "META-INF/manifest.xml" in archive.namelist():
            XML(_refuse_encrypted).read(archive, "META-INF/manifest.xml", gathered)
        content = _Content(Outline(gathered))
        XML(content.start, content.end, content.text).read(archive, "content.xml", gathered)
        gathered.add(content.notes.text)
    return gathered.found(pages=content.slides)


class _Content:
    def __init__(self, outline: Outline) -> None:
        self.slides = 0
        self.notes = Gathered()  # they stand in the middle of paragraphs, and are read below
        self._outline = outline
        self._around: list[tuple[Outline, int]] = []  # of a note that is open: text, and lists
        self._numbers = Notes()
        self._levels: list[int] = []  # of headings, 0 for other paragraphs, that are open
        self._lists = 0
        self._silent = 0

    def start(self, name: str, attributes: Attributes) -> None:
        if self._silent or name in _SILENT:
            self._silent += 1
        elif name in ("p", "h"):
            level = attributes.get("outline-level", "1") if name == "h" else "0"
            self._levels.append(int(level) if level in "123456" else 1 if name == "h" else 0)
            self._outline.begin()
        elif name == "note":
            mark = self._numbers.mark(attributes.get("id", ""))
            self._outline.add(mark)
            self.notes.add(f"\n{mark} ")
        elif name == "note-body":
            self._around.append((self._outline, self._lists))
            self._outline, self._lists = Outline(self.notes), 0
        elif name in _SIGNS:
            self._outline.add(_SIGNS[name])
        elif name == "s":
            self._outline.add(" ")
        elif name == "list":
            self._lists += 1
        elif name == "table-row":
            self._outline.begin_row()
        elif name == "table-cell":
            self._outline.begin_cell()
        elif name == "page":
            self.slides += 1
            self._outline.gathered.add(f"[slide {self.slides}]\n")

    def end(self, name: str) -> None:
        if self._silent:
            self._silent -= 1
        elif name in ("p", "h") and self._levels:
            level = self._levels.pop()
            self._outline.end(
                heading(level) if level else item(self._lists - 1) if self._lists else ""
            )
        elif name == "list":
            self._lists -= 1
        elif name == "table-row":
            self._outline.end_row()
        elif name == "note-body":
            self._outline, self._lists = self._around.pop()

    def text(self, text: str) -> None:
        if self._levels and not self._silent:
            self._outline.add(text)


def _refuse_encrypted(name: str, attributes: Attributes) -> None:
    if name == "encryption-data":
        raise Unreadable("encrypted")
