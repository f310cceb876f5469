"""What people send along: files, their names, and how much of them."""

import re
import unicodedata
from dataclasses import dataclass

UNSENT = 7 * 86_400_000  # milliseconds that a file waits to be sent
LONGEST_NAME = 200  # bytes of UTF-8
MOST_UNSENT = 100  # files of an account
# What changes the direction of what comes behind it, or cannot be seen: a name is only its own.
_UNSEEN = re.compile("[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
_JOINERS = "\u200c\u200d"  # within words and signs, never all of a name
_ESCAPED = {
    "%22": '"',
    "%0D": " ",
    "%0A": " ",
}  # as browsers write them in a form (HTML, 4.10.22.8)
THUMB = 160  # CSS pixels of the longer side, as it is shown


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one account: bytes of a file, files of a message, bytes of all it keeps."""

    upload_bytes: int
    upload_files: int
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file in its place. `file` is the name of its content: it never leaves the server.

    `derived`: the pictures that were made of it, with their types; `text`: what a model reads,
    where it was asked for.
    """

    id: str
    message_id: str | None  # None until it is sent
    name: str
    file: str
    created_at: int
    size: int
    type: str
    kind: str
    trouble: str
    cut: int
    pages: int
    width: int
    height: int
    derived: str
    text: str = ""

    @property
    def pictures(self) -> dict[str, str]:
        """Names of what was made of it (`model`, `thumb`, `page1`, …) and their media types."""
        return dict(each.split(":", 1) for each in self.derived.split())

    @property
    def seen_only(self) -> tuple[str, ...]:
        """Names of the pictures that models get that see: an image's one, the pages of a scan."""
        return tuple(each for each in self.pictures if each == "model" or each.startswith("page"))

    @property
    def box(self) -> tuple[int, int]:
        """Width and height of its thumbnail on a page, in CSS pixels."""
        most = max(self.width, self.height, 1)
        scale = min(1.0, THUMB / most)
        return max(1, round(self.width * scale)), max(1, round(self.height * scale))


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of one's files. `conversation_id` is '' where it was never sent."""

    attachment: Attachment
    conversation_id: str
    title: str


def clean_name(given: str) -> str:
    """A file's name as it is kept: one line without folders, which says what it says."""
    for escaped, meant in _ESCAPED.items():
        given = given.replace(escaped, meant)
    name = unicodedata.normalize("NFC", given.encode("utf-8", "replace").decode())
    name = re.split(r"[/\\]", name)[-1]
    name = _UNSEEN.sub("", "".join(" " if not _plain(each) else each for each in name))
    name = " ".join(name.split()).strip(f". {_JOINERS}") or "file"
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending.encode()) > 20:
        stem, dot, ending = name, "", ""
    room = LONGEST_NAME - len((dot + ending).encode())
    return stem.encode()[:room].decode(errors="ignore") + dot + ending


def _plain(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Zl", "Zp", "Cs")
