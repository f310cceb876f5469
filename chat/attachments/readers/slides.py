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
        slides = sorted(
            (int(found[1]), found[0])
            for name in archive.namelist()
            if (found := _SLIDE.fullmatch(name))
        )
        for number, name in slides:
            if gathered.full:
                break
            gathered.add(f"[slide {number}]\n")
            for part in (name, *_notes(archive, name)):
                Body(Outline(gathered), {}, Notes()).read(archive, part)
    return gathered.found(pages=len(slides))


def _notes(archive: zipfile.ZipFile, slide: str) -> list[str]:
    """The part with what its speaker wants to say, if there is one."""
    folder, name = posixpath.split(slide)
    found: list[str] = []

    def relation(element: str, attributes: Attributes) -> None:
        if attributes.get("Type", "").endswith("/notesSlide"):
            found.append(posixpath.normpath(posixpath.join(folder, attributes.get("Target", ""))))

    with suppress(KeyError):
        XML(relation).read(archive, f"{folder}/_rels/{name}.rels", Gathered())
    held = set(archive.namelist())
    return [part for part in found[:1] if part in held]
