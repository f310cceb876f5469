"""What is in a file, by its content. This version knows text; the rest it only keeps."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["image", "text", "document", "other"]
LONGEST_TEXT = 200_000  # characters


@dataclass(frozen=True, slots=True)
class Reading:
    """`text`: what a model reads. `trouble`: why there is none, '' when all is well.

    `model` and `thumb` are pictures of an image, made anew; `pages_as_images` the first pages of a
    document without text. They are files in the folder that `read` was given.
    """

    type: str
    kind: Kind
    text: str
    trouble: str
    cut: bool
    pages: int
    width: int
    height: int
    model: Path | None
    thumb: Path | None
    pages_as_images: tuple[Path, ...]


async def read(path: Path, name: str, folder: Path) -> Reading:
    """Never raises for any content."""
    return await asyncio.to_thread(_read, path)


def _read(path: Path) -> Reading:
    with path.open("rb") as file:
        data = file.read(4 * LONGEST_TEXT + 1)
    text = data[: 4 * LONGEST_TEXT].decode("utf-8", "ignore")
    whole = len(data) <= 4 * LONGEST_TEXT
    if "\0" in text or (whole and text.encode() != data):
        return _nothing("application/octet-stream", "other", "unknown")
    cut = not whole or len(text) > LONGEST_TEXT
    read = text[:LONGEST_TEXT]
    return Reading("text/plain", "text", read, "", cut, 0, 0, 0, None, None, ())


def _nothing(kind_of: str, kind: Kind, trouble: str) -> Reading:
    return Reading(kind_of, kind, "", trouble, False, 0, 0, 0, None, None, ())
