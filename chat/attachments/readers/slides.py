"""PowerPoint presentations: the text of one slide after the other, each with its notes."""

import posixpath
import re
import zipfile
from contextlib import suppress
from pathlib import Path

from chat.attachments.readers.archive import XML, Attributes, opened
from chat.attachments.readers.found import Found, Gathered, Sort
from chat.attachments.readers.outline import Notes, Outline
from chat.attachments.readers.word import Body

_SLIDE = re.compile(r"ppt/slides/slide([0-9]{1,5})\.xml")


def read(path: Path, sort: Sort, folder: Path) -> Found:
    gathered = Gathered()
    with opened(path) as archive:
        held = set(archive.namelist())
        slides = sorted(
            (int(found[1]), found[0]) for name in held if (found := _SLIDE.fullmatch(name))
        )
        for number, name in slides:
            if gathered.full:
                break
            gathered.add(f"[slide {number}]\n")
            for part in (name, _notes(archive, name)):
                if part in held:
                    Body(Outline(gathered), {}, Notes()).read(archive, part)
    return gathered.found(pages=len(slides))


def _notes(archive: zipfile.ZipFile, slide: str) -> str:
    """The part with what its speaker wants to say, '' where none is named."""
    folder, name = posixpath.split(slide)
    found: list[str] = []

    def relation(element: str, attributes: Attributes) -> None:
        if attributes.get("Type", "").endswith("/notesSlide"):
            found.append(posixpath.normpath(posixpath.join(folder, attributes.get("Target", ""))))

    with suppress(KeyError):
        XML(relation).read(archive, f"{folder}/_rels/{name}.rels", Gathered())
    return found[0] if found else ""
