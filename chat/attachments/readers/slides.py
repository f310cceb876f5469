"""PowerPoint presentations: the text of one slide after the other."""

import re
from pathlib import Path

from chat.attachments.readers.archive import opened
from chat.attachments.readers.found import Found, Gathered, Sort
from chat.attachments.readers.outline import Outline
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
            Body(Outline(gathered), {}).read(archive, name)
    return gathered.found(pages=len(slides))
