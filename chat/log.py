"""Log lines: one record is one line on stderr, whatever strange text is in it."""

import json
import logging
import traceback
from datetime import UTC, datetime
from types import TracebackType

from chat.errors import ChatError
from chat.settings import BadSettings
from chat.web.guard import request_id

LONGEST = 2_000
EXPECTED = (ChatError, BadSettings, ConnectionError, TimeoutError, KeyboardInterrupt)
_QUIET = ("hypercorn.error", "hypercorn.access", "asyncio", "aiosqlite", "quart.serving", "stripe")


def configure(log_format: str) -> None:
    """Everything at info and above goes to stderr, as `text` or `json`; libraries only warn."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLine() if log_format == "json" else TextLine())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


class TextLine(logging.Formatter):
    """`<time> <LEVEL> <what happened> [r=<request>]`."""

    def format(self, record: logging.LogRecord) -> str:
        request = request_id.get()
        line = f"{_time(record)} {record.levelname} {_what(record)}"
        return f"{line} r={request}" if request else line


class JsonLine(logging.Formatter):
    """An object with `time level logger message`, and `request` where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _what(record),
        }
        if request := request_id.get():
            line["request"] = request
        return json.dumps(line, ensure_ascii=False)


def one_line(text: str) -> str:
    """`text` without line ends, control characters, escapes for terminals and lone surrogates."""
    cut = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    if cut.isprintable():
        return cut
    escaped = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in cut
    )
    return escaped if len(escaped) <= LONGEST else f"{escaped[: LONGEST - 1]}…"


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _what(record: logging.LogRecord) -> str:
    try:
        message = record.getMessage()
    except (TypeError, ValueError):
        message = str(record.msg)
    if record.exc_info and record.exc_info[1] is not None:
        message = f"{message}: {_failure(record.exc_info[1], record.exc_info[2])}"
    return one_line(message)


def _failure(error: BaseException, trace: TracebackType | None) -> str:
    """The error and, unless it is one that we expect, where it came from, innermost first."""
    said = f"{type(error).__name__}: {one_line(str(error))[:500]}"
    if isinstance(error, EXPECTED) or trace is None:
        return said
    frames = reversed(traceback.extract_tb(trace)[-12:])
    return f"{said} at " + " < ".join(
        f"{frame.name} ({'/'.join(frame.filename.split('/')[-2:])}:{frame.lineno})"
        for frame in frames
    )
