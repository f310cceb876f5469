"""Server-sent events on the wire."""

import re

HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx and its relatives would collect the stream
}

_LINE_END = re.compile(r"\r\n?")


def event(data: str, *, id: int | None = None) -> bytes:
    """One message; the reader gets `data` back exactly, with every line end as LF.

    `id` becomes the reader's Last-Event-ID.
    """
    fields = [] if id is None else [f"id: {id}"]
    fields += [f"data: {line}" for line in _lines(data)]
    return _encoded(fields) + b"\n"


def moving(retry: int) -> bytes:
    """A stream's last words when it goes on elsewhere: come back in `retry` milliseconds.

    htmx heeds the time only in a message, and puts a message with a name nowhere.
    """
    return _encoded(["event: moving", f"retry: {retry}", "data: "]) + b"\n"


def comment(text: str = "") -> bytes:
    """Bytes that readers ignore and that keep proxies from closing a silent stream."""
    return _encoded([f": {line}" for line in _lines(text)]) + b"\n"


def _lines(text: str) -> list[str]:
    # Not splitlines(): U+2028, NEL and VT end no line in this format and would be lost.
    return _LINE_END.sub("\n", text).split("\n")


def _encoded(fields: list[str]) -> bytes:
    return "".join(f"{field}\n" for field in fields).encode("utf-8", "replace")


KEEP_ALIVE = comment("keep")
