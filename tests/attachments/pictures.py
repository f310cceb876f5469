"""A reader that makes pictures, for tests of what is shown of them."""

import io
from pathlib import Path

import pytest
from PIL import Image

from chat.attachments import reading
from chat.attachments.reading import Reading


def photo(width: int = 400, height: int = 300, colour: str = "seagreen") -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(made, "PNG")
    return made.getvalue()


def understand_images(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = reading.read

    async def read(path: Path, name: str, folder: Path) -> Reading:
        if path.read_bytes()[:4] != b"\x89PNG":
            return await plain(path, name, folder)
        with Image.open(path) as image:
            width, height = image.size
            image.save(folder / "model.png")
            image.thumbnail((320, 320))
            image.save(folder / "thumb.webp")
        pictures = folder / "model.png", folder / "thumb.webp"
        return Reading("image/png", "image", "", "", False, 0, width, height, *pictures, ())

    monkeypatch.setattr(reading, "read", read)
