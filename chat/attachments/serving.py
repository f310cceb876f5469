"""A file as an HTTP answer: its headers, and the part of it that was asked for (RFC 9110, 14)."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import quote

from quart import Response, request

from chat.attachments.domain import Attachment
from chat.attachments.store import Store

# Types that browsers only ever draw; whatever else it is goes out as bytes without a meaning.
PLAIN = frozenset(
    """application/json application/pdf application/zip audio/mpeg image/avif image/bmp image/gif
image/heic image/jpeg image/png image/tiff image/webp text/csv text/markdown text/plain
video/mp4""".split()
)
FOR_EVER = "private, max-age=31536000, immutable"
_RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*")
_UNSAFE = re.compile(r"[^ !#$&+.0-9A-Z^_`a-z{}~()\[\]-]")


@dataclass(frozen=True, slots=True)
class Part:
    """From `start` up to `stop` of `size` bytes; `whole`: no range was asked for, or an odd one."""

    start: int
    stop: int
    size: int
    whole: bool


def part(header: str | None, size: int) -> Part | None:
    """What a Range header asks for; None: there is no such part (416).

    Several ranges at once, other units and nonsense get the whole, as the standard allows.
    """
    found = _RANGE.fullmatch(header or "")
    first, last = found.groups() if found else ("", "")
    if not first and not last:
        return Part(0, size, size, whole=True)
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < int(first):
            return Part(0, size, size, whole=True)
    return Part(start, stop, size, whole=False) if start < stop else None


def disposition(kind: str, name: str) -> str:
    """`kind` is inline or attachment; any name arrives whole (RFC 6266 and 8187)."""
    plain = _UNSAFE.sub("_", name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


async def served(store: Store, attachment: Attachment, picture: str = "") -> Response:
    """The file itself, or one of its pictures; FileNotFoundError when the content is not there."""
    stored = f"{attachment.file}.{picture}" if picture else attachment.file
    size = await store.size(stored)
    headers = _headers(attachment, picture)
    if _held(headers["ETag"]):
        response = Response(b"", 304, headers=headers)
        del response.headers["Content-Length"]  # it would be the file's (RFC 9110, 8.6)
        return response
    asked = request.headers.get("Range") if _may_be_part(headers["ETag"]) else None
    found = part(asked, size)
    if found is None:
        return Response(b"", 416, headers={**headers, "Content-Range": f"bytes */{size}"})
    headers["Content-Length"] = str(found.stop - found.start)
    if not found.whole:
        headers["Content-Range"] = f"bytes {found.start}-{found.stop - 1}/{size}"
    body = _nothing() if request.method == "HEAD" else store.stream(stored, found.start, found.stop)
    response = Response(body, 200 if found.whole else 206, headers=headers)
    response.timeout = None
    return response


def _headers(attachment: Attachment, picture: str) -> dict[str, str]:
    pictured = attachment.pictures.get(picture)
    inline = pictured or attachment.type == "text/plain"
    kind = pictured or (attachment.type if attachment.type in PLAIN else "application/octet-stream")
    return {
        "Content-Type": "text/plain; charset=utf-8" if kind == "text/plain" else kind,
        "Content-Disposition": disposition("inline" if inline else "attachment", attachment.name),
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": FOR_EVER,
        "Vary": "Cookie",
        "Accept-Ranges": "bytes",
        "ETag": f'"{attachment.id}{picture}"',  # never changes, and says nothing of the content
    }


def _held(etag: str) -> bool:
    """Whether the browser has it already."""
    given = {each.strip().removeprefix("W/") for each in _listed("If-None-Match")}
    return etag in given or "*" in given


def _may_be_part(etag: str) -> bool:
    """Ranges are of a GET alone (RFC 9110, 14.2)."""
    return request.method == "GET" and request.headers.get("If-Range", etag) == etag


def _listed(name: str) -> list[str]:
    return request.headers.get(name, "").split(",")


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""
