"""What the child process runs that looks into one file, within limits that nothing in it can pass.

`python -m chat.attachments.child FILE SUFFIX FOLDER` writes two lines of JSON to standard output:
what sort of file it is, then what was found in it. It ends when standard input does, or with its
parent, however that came about.
"""

import ctypes
import json
import os
import resource
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from chat.attachments.readers import sorting
from chat.attachments.readers.found import Found, Sort, Unreadable

PR_SET_PDEATHSIG = 1  # prctl(2)
LIMITS = [
    (resource.RLIMIT_CPU, 30),  # seconds
    (resource.RLIMIT_FSIZE, 16_000_000),  # bytes of one file
    (resource.RLIMIT_NOFILE, 48),
    (resource.RLIMIT_CORE, 0),
]
if sys.platform == "linux":  # bytes of address space: 80 megapixels with all their colours, twice
    LIMITS.append((resource.RLIMIT_AS, 1_200_000_000))


def main(file: str, suffix: str, folder: str) -> None:
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    say = _quiet()
    _limit()
    os.umask(0o077)
    _look(Path(file), suffix, Path(folder), say)
    os._exit(0)  # native libraries have nothing to tidy up here, and may crash when they do


def _look(path: Path, suffix: str, folder: Path, say: int) -> None:
    found, why = Found(), ""
    try:
        sort = sorting.sort_of(path, suffix)
        _say(say, type=sort.type, kind=sort.kind)
        found = _read(path, sort, folder)
    except Unreadable as error:
        found = Found(trouble=error.trouble)
    except MemoryError:
        found = Found(trouble="too_large")
    except BaseException as error:  # bytes that may be anything, and libraries that may be, too
        found, why = Found(trouble="broken"), f"{type(error).__name__}: {error}"
    _say(say, **asdict(found), why=why[:200])


def _read(path: Path, sort: Sort, folder: Path) -> Found:
    """By the one reader for it: no other is loaded."""
    match sort.reader:
        case "images":
            from chat.attachments.readers.images import read
        case "texts":
            from chat.attachments.readers.texts import read
        case "markup":
            from chat.attachments.readers.markup import read
        case "pdf":
            from chat.attachments.readers.pdf import read
        case "word":
            from chat.attachments.readers.word import read
        case "sheets":
            from chat.attachments.readers.sheets import read
        case "slides":
            from chat.attachments.readers.slides import read
        case "opendocument":
            from chat.attachments.readers.opendocument import read
        case "epub":
            from chat.attachments.readers.epub import read
        case _:
            return Found(trouble=sort.trouble)
    return read(path, sort, folder)


def _leave_with_parent() -> None:
    with suppress(OSError):
        while os.read(0, 1024):
            pass
    os._exit(0)


def _limit() -> None:
    """The kernel's limits. When memory runs out this process goes first, and not the server."""
    os.nice(5)
    for what, most in LIMITS:
        _, hardest = resource.getrlimit(what)
        most = most if hardest == resource.RLIM_INFINITY else min(most, hardest)
        # Of the processor's time the first limit says why it ends, and only the second is final.
        resource.setrlimit(what, (most, hardest if what == resource.RLIMIT_CPU else most))
    if sys.platform != "linux":  # others have only the end of their input to tell them
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _quiet() -> int:
    """Sends what native code prints to nowhere; returns where the parent listens."""
    say = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return say


def _say(where: int, **what: object) -> None:
    rest = (json.dumps(what, ensure_ascii=False) + "\n").encode("utf-8", "replace")
    while rest:
        rest = rest[os.write(where, rest) :]


if __name__ == "__main__":
    main(*sys.argv[1:])
