"""Word documents: paragraphs, lists, tables and notes, in their order."""

import posixpath
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from chat.attachments.readers.archive import XML, Attributes, opened
from chat.attachments.readers.found import Found, Gathered, Sort
from chat.attachments.readers.outline import Notes, Outline, heading, item

MAIN = "word/document.xml"
_NOTES = ("footnote", "endnote")
_SIGNS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}


@dataclass(slots=True)
class Style:
    """`level`: of a heading, from 1; 0 when it is none."""

    level: int = 0
    listed: bool = False


def read(path: Path, sort: Sort, folder: Path) -> Found:
    gathered = Gathered()
    with opened(path) as archive:
        main = _main(archive)
        beside = posixpath.dirname(main)
        styles, notes = _styles(archive, f"{beside}/styles.xml"), Notes()
        Body(Outline(gathered), styles, notes).read(archive, main)
        for name in (f"{beside}/{each}s.xml" for each in _NOTES):
            if name in archive.namelist():
                Body(Outline(gathered), styles, notes).read(archive, name)
    return gathered.found()


class Body:
    """Text, tables and lists of a part, as Word and PowerPoint write them."""

    def __init__(self, outline: Outline, styles: dict[str, Style], notes: Notes) -> None:
        self._outline = outline
        self._styles = styles
        self._notes = notes
        self._note = ""  # what the next paragraph begins with
        self._style, self._level, self._listed = Style(), 0, False
        self._inside = 0  # of elements that hold the text itself
        self._silent = 0  # of what only repeats, for programs that are older

    def read(self, archive: zipfile.ZipFile, name: str) -> None:
        XML(self._start, self._end, self._text).read(archive, name, self._outline.gathered)

    def _start(self, name: str, attributes: Attributes) -> None:
        if self._silent or _says_nothing(name, attributes):
            self._silent += 1
        elif name == "p":
            self._outline.begin()
            self._style, self._level, self._listed = Style(), 0, False
        elif name == "t":
            self._inside += 1
        elif name in _SIGNS:
            self._outline.add(_SIGNS[name])
        elif name == "tr":
            self._outline.begin_row()
        elif name == "tc":
            self._outline.begin_cell()
        else:
            self._property(name, attributes)

    def _property(self, name: str, attributes: Attributes) -> None:
        value = attributes.get("val", "")
        if name == "pStyle":
            self._style = self._styles.get(value, Style())
        elif name == "numPr":
            self._listed = True
        elif name == "ilvl":
            self._level = _number(value)
        elif name == "numId" and value == "0":
            self._listed = False
        elif name.removesuffix("Reference") in _NOTES:
            mark = self._notes.mark(f"{name.removesuffix('Reference')} {attributes.get('id', '')}")
            if name not in _NOTES:
                self._outline.add(mark)
            else:
                self._note = f"\n{mark} "

    def _end(self, name: str) -> None:
        if self._silent:
            self._silent -= 1
        elif name == "p":
            self._outline.end(self._mark())
        elif name == "t":
            self._inside -= 1
        elif name == "tr":
            self._outline.end_row()

    def _text(self, text: str) -> None:
        if self._inside and not self._silent:
            self._outline.add(text)

    def _mark(self) -> str:
        if self._note:
            note, self._note = self._note, ""
            return note
        if self._style.level:
            return heading(self._style.level)
        return item(self._level) if self._listed or self._style.listed else ""


def _says_nothing(name: str, attributes: Attributes) -> bool:
    """What repeats something for older programs, lines above notes, numbers of slides."""
    if name in _NOTES:
        return "eparator" in attributes.get("type", "") or _number(attributes.get("id", "")) < 1
    return name == "Fallback" or (name == "fld" and attributes.get("type") == "slidenum")


def _styles(archive: zipfile.ZipFile, part: str) -> dict[str, Style]:
    """By their ids, which are in the language of the program; the names of headings are not."""
    known = {"": Style()}
    last = [""]

    def start(name: str, attributes: Attributes) -> None:
        value = attributes.get("val", "").lower()
        if name == "style":
            last[0] = attributes.get("styleId", "")
            known[last[0]] = Style()
        elif name == "name" and value.startswith("heading "):
            known[last[0]].level = _number(value[8:])
        elif name == "name" and value == "title":
            known[last[0]].level = 1
        elif name == "numPr":
            known[last[0]].listed = True

    with suppress(KeyError):  # there need not be any
        XML(start).read(archive, part, Gathered())
    return known


def _main(archive: zipfile.ZipFile) -> str:
    """The main part: its name is not always the usual one."""
    found: list[str] = []

    def relation(name: str, attributes: Attributes) -> None:
        if attributes.get("Type", "").endswith("/officeDocument"):
            found.append(attributes.get("Target", "").lstrip("/"))

    with suppress(KeyError):
        XML(relation).read(archive, "_rels/.rels", Gathered())
    return found[0] if found else MAIN


def _number(value: str) -> int:
    return int(value) if value.isascii() and value.isdigit() and len(value) < 6 else 0
