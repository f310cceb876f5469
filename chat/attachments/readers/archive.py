"""The parts of a document that is an archive, after a look at how large they claim to be."""

import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.parsers import expat

from chat.attachments.readers.found import MOST_UNPACKED, Gathered, Unreadable

MOST_PARTS = 10_000
MOST_RATIO = 150  # of unpacked to packed: documents stay far below it, bombs beyond
HARMLESS = 20_000_000  # bytes that may have any ratio
PIECE = 65_536
_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, expat.ExpatError)

Attributes = dict[str, str]


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Unreadable when it is broken (then or while it is read), encrypted, or would unpack to too
    much: what a part claims is what is read of it at most.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            unpacked = sum(each.file_size for each in parts)
            ratio = unpacked / max(1, path.stat().st_size)
            if unpacked > MOST_UNPACKED or len(parts) > MOST_PARTS:
                raise Unreadable("too_large")
            if unpacked > HARMLESS and ratio > MOST_RATIO:
                raise Unreadable("too_large")
            if any(each.flag_bits & 1 for each in parts):
                raise Unreadable("encrypted")
            yield archive
    except (*_FAULTS, KeyError, ValueError) as error:
        raise Unreadable("broken") from error


class XML:
    """One part, element by element: no tree of it is ever in memory.

    `start` and `end` get names without their namespaces; `text` gets what stands between them.
    Entities of its own are refused: no document needs them, and they grow.
    """

    def __init__(
        self,
        start: Callable[[str, Attributes], None],
        end: Callable[[str], None] = lambda name: None,
        text: Callable[[str], None] = lambda text: None,
    ) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.EntityDeclHandler = _refuse
        parser.StartElementHandler = lambda name, attributes: start(
            _local(name), {_local(key): value for key, value in attributes.items()}
        )
        parser.EndElementHandler = lambda name: end(_local(name))
        parser.CharacterDataHandler = text
        self._parser = parser

    def read(self, archive: zipfile.ZipFile, name: str, gathered: Gathered) -> None:
        """All of a part, or as much of it as there is room or time for."""
        with archive.open(name) as file:
            while piece := file.read(PIECE):
                if gathered.full:
                    return
                self._parser.Parse(piece, False)
            self._parser.Parse(b"", True)


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


def _refuse(*declared: object) -> None:
    raise Unreadable("broken")
