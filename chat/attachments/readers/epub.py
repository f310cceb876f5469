"""Books: their chapters, in the order of reading."""

import posixpath
import zipfile
from pathlib import Path
from urllib.parse import unquote

from chat.attachments.readers.archive import XML, Attributes, opened
from chat.attachments.readers.found import Found, Gathered, Sort, Unreadable
from chat.attachments.readers.markup import MOST_SOURCE, lines


def read(path: Path, sort: Sort, folder: Path) -> Found:
    gathered = Gathered()
    with opened(path) as archive:
        for chapter in _chapters(archive):
            if gathered.full:
                break
            with archive.open(chapter) as file:
                lines(file.read(MOST_SOURCE).decode("utf-8", "replace"), gathered)
    return gathered.found()


def _chapters(archive: zipfile.ZipFile) -> list[str]:
    """The parts to read: the package lists all there are, and its spine their order."""
    package = _package(archive)
    files: dict[str, str] = {}
    spine: list[str] = []

    def start(name: str, attributes: Attributes) -> None:
        if name == "item":
            files[attributes.get("id", "")] = unquote(attributes.get("href", ""))
        elif name == "itemref":
            spine.append(attributes.get("idref", ""))

    XML(start).read(archive, package, Gathered())
    beside = posixpath.dirname(package)
    found = (
        posixpath.normpath(posixpath.join(beside, files[each])) for each in spine if each in files
    )
    held = set(archive.namelist())
    return [name for name in found if name in held]


def _package(archive: zipfile.ZipFile) -> str:
    found: list[str] = []

    def start(name: str, attributes: Attributes) -> None:
        if name == "rootfile":
            found.append(attributes.get("full-path", ""))

    XML(start).read(archive, "META-INF/container.xml", Gathered())
    if "META-INF/encryption.xml" in archive.namelist() and not found:
        raise Unreadable("encrypted")
    return found[0] if found else ""
