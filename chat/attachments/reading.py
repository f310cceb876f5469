"""What is in a file: its kind, its text, its pixels. Looked at in a child process, never here.

A child, because the libraries that decode files are large, native, and fed with what strangers
send: whatever happens in there, this process sees one of a few words.
"""

import asyncio
import json
import logging
import re
import signal
import stat
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from chat.attachments.readers.found import MOST_TEXT, REST, Kind, Trouble, cleaned
from chat.errors import Unavailable
from chat.settings import child_environment

log = logging.getLogger(__name__)

UNKNOWN = "application/octet-stream"
AT_ONCE = 2  # children; others queue
SECONDS = 60  # from start to end, when the machine is busy; its processor time is limited, too
MOST_TOLD = 2_500_000  # bytes: 200,000 characters of any kind, in JSON
SOURCES = Path(__file__).parents[2]  # where `python -m chat…` finds us
_TYPE = re.compile(r"[\w.+-]{1,100}/[\w.+-]{1,100}", re.ASCII)
_SUFFIX = re.compile(r"\.[a-z0-9]{1,10}")
_DERIVED = re.compile(r"model\.(?:png|jpg)|thumb\.webp|page-[1-5]\.jpg")
_KINDS: dict[str, Kind] = {kind: kind for kind in get_args(Kind)}
_TROUBLES: dict[str, Trouble] = {trouble: trouble for trouble in get_args(Trouble)}
_BROKEN_BY = {signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGTRAP, signal.SIGFPE}

_children = asyncio.Semaphore(AT_ONCE)


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of a file.

    `type`: its media type, by its content. `text`: what a model reads, '' if nothing; whole unless
    `cut`. `pages`: of a PDF, slides, sheets; 1 of an image; else 0. `width`, `height`: pixels of an
    image, upright; else 0. Paths are in the folder given to `read`, of our own encoders' making,
    named after their kind: `model.jpg` or `model.png` for models (at most 1,568 pixels and 3.5 MB),
    `thumb.webp` for pages (at most 320 pixels and 15 kB), `page-1.jpg` … of a PDF without text.
    """

    type: str = UNKNOWN
    kind: Kind = "other"
    text: str = ""
    trouble: Trouble = ""
    cut: bool = False
    pages: int = 0
    width: int = 0
    height: int = 0
    model: Path | None = None
    thumb: Path | None = None
    pages_as_images: tuple[Path, ...] = ()


async def read(path: Path, name: str, folder: Path) -> Reading:
    """Whatever the content is, a Reading; Unavailable when this machine can start no process.

    `name`: what the file was called; it only tells one kind of text from another. `folder`: empty,
    the caller's to remove. Waits for its turn.
    """
    async with _children:
        process = await _started(path, name, folder)
        try:
            told, late = await _told(process)
        finally:
            await _end(process)
    lines = _lines(told)
    if process.returncode == 0 and lines and "trouble" in lines[-1]:
        return _reading(lines, folder)
    trouble = _why(process.returncode or 0, late=late)
    log.warning("A file could not be read: %s (exit status %s).", trouble, process.returncode)
    return _reading([*lines[:1], {"trouble": trouble}], folder)


async def _started(path: Path, name: str, folder: Path) -> Process:
    try:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "chat.attachments.child"),
            *_words(path, name, folder),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            cwd=SOURCES,
            env=child_environment() | {"TMPDIR": str(folder)},
            start_new_session=True,
        )
    except OSError as error:
        log.error("No process can be started to read a file: %s", error)
        raise Unavailable("The file cannot be read just now. Please try again.") from error


def _words(path: Path, name: str, folder: Path) -> tuple[str, str, str]:
    """Of a name no more than its suffix: whoever lists processes reads these."""
    suffix = _SUFFIX.fullmatch(Path(name).suffix.lower())
    return str(path.absolute()), suffix[0] if suffix else "", str(folder.absolute())


async def _told(process: Process) -> tuple[bytes, bool]:
    """What it wrote before it ended, or before it was too late, or too much."""
    assert process.stdout is not None
    told = bytearray()
    try:
        async with asyncio.timeout(SECONDS):
            while len(told) <= MOST_TOLD and (piece := await process.stdout.read(65_536)):
                told += piece
            if len(told) <= MOST_TOLD:
                await process.wait()
    except TimeoutError:
        return bytes(told), True
    return bytes(told), False


async def _end(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    assert process.stdin is not None and process.stdout is not None
    process.stdin.close()
    # asyncio takes a process for running as long as there is something left to read of it.
    while await process.stdout.read(65_536):
        pass
    await process.wait()


def _why(code: int, *, late: bool) -> Trouble:
    if late or code == -signal.SIGXCPU:
        return "slow"
    if -code in _BROKEN_BY or code >= 0:
        return "broken"
    return "too_large"  # it gave up by itself, or the kernel was short of memory


def _lines(told: bytes) -> list[dict[str, Any]]:
    """The whole lines; what was killed in the middle of one leaves less than that."""
    whole, _, _ = told.rpartition(b"\n")
    found = []
    for line in whole.split(b"\n") if whole else ():
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            break
        if isinstance(said, dict):
            found.append(said)
    return found


def _reading(lines: list[dict[str, Any]], folder: Path) -> Reading:
    """Of what a child said, which may have been talked into saying anything."""
    said: dict[str, Any] = {}
    for line in lines:
        said |= line
    named = str(said.get("type"))
    if why := said.get("why"):
        log.warning("A file of type %.100r is broken: %.200r", named, str(why))
    return Reading(
        type=named if _TYPE.fullmatch(named) else UNKNOWN,
        kind=_KINDS.get(str(said.get("kind")), "other"),
        text=cleaned(str(said.get("text", "")))[: MOST_TEXT + len(REST)],
        trouble=_TROUBLES.get(str(said.get("trouble")), "broken"),
        cut=said.get("cut") is True,
        pages=_count(said.get("pages")),
        width=_count(said.get("width")),
        height=_count(said.get("height")),
        model=_file(said.get("model"), folder),
        thumb=_file(said.get("thumb"), folder),
        pages_as_images=_pages(said.get("pages_as_images"), folder),
    )


def _count(said: object) -> int:
    return said if isinstance(said, int) and 0 < said < 1_000_000_000 else 0


def _pages(said: object, folder: Path) -> tuple[Path, ...]:
    found = (_file(name, folder) for name in said) if isinstance(said, list) else ()
    return tuple(path for path in found if path)


def _file(name: object, folder: Path) -> Path | None:
    """Only if it is there, and a file: a link would lead elsewhere."""
    if not (isinstance(name, str) and _DERIVED.fullmatch(name)):
        return None
    with suppress(OSError):
        if stat.S_ISREG((folder / name).lstat().st_mode):
            return folder / name
    return None
