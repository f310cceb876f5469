"""Request bodies: counted while they come in, and refused with a sentence."""

import asyncio
from collections.abc import Awaitable, Callable
from html import escape
from typing import Any

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]

WINDOW = 512 * 1024  # bytes
_SLOWEST_BODY = 8_000  # bytes per second, beyond the patience that each body has
_LINGER_SECONDS, _LINGER_BYTES = 2.0, 8_000_000


class Refusal(Exception):
    """`sentence` is plain English without anything the client sent."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


def refusal(status: int, sentence: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Headers and body of a refusal: a paragraph that reads alone and as a fragment."""
    body = f'<p role="alert">{escape(sentence)}</p>\n'.encode()
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
    ]
    return [*headers, (b"allow", b"GET, HEAD, OPTIONS, POST")] if status == 405 else headers, body


class Body:
    """Hands a body on piece by piece: what the app does not ask for stays with the client.

    Of one that brings files (`streams`) the app is given no more than WINDOW bytes beyond those
    that it has worked off (`used`), and the client may take any time, as long as it is not silent.
    """

    __slots__ = (
        "_patience", "_receive", "_room", "_since", "ended", "limit", "streams", "taken", "worked",
    )  # fmt: skip

    def __init__(self, receive: Receive, patience: float) -> None:
        self._receive = receive
        self._patience = patience
        self._since = asyncio.get_running_loop().time()
        self._room = asyncio.Event()
        self.limit = 0
        self.streams = False
        self.worked = 0
        self.taken = 0
        self.ended = False

    async def receive(self) -> Message:
        if self.ended:
            return await self._receive()
        if self.streams:
            await self._until_there_is_room()
        pace = 0 if self.streams else self.taken / _SLOWEST_BODY
        try:
            async with asyncio.timeout_at(self._since + self._patience + pace):
                message = await self._take()
        except TimeoutError:
            raise Refusal(408, "This came in too slowly. Please try again.") from None
        if self.taken > self.limit:
            raise _too_large(self.limit)
        return message

    def used(self, size: int) -> None:
        """The app is done with so many bytes more."""
        self.worked += size
        self._room.set()

    async def linger(self) -> None:
        """Read a little more: a client that is reset while it sends may never see the answer."""
        end = self.taken + _LINGER_BYTES
        try:
            async with asyncio.timeout(_LINGER_SECONDS):
                while not self.ended and self.taken < end:
                    await self._take()
        except TimeoutError:
            return

    async def discard(self) -> None:
        while not self.ended:
            await self._take()

    async def _until_there_is_room(self) -> None:
        while self.taken - self.worked > WINDOW:
            self._room.clear()
            await self._room.wait()
        self._since = asyncio.get_running_loop().time()  # our own slowness is not the client's

    async def _take(self) -> Message:
        message = await self._receive()
        self.taken += len(message.get("body", b""))
        self.ended = not message.get("more_body", False)  # a disconnect ends it too
        return message


def declares_body(scope: Any) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


def check_body(scope: Any, headers: dict[bytes, bytes], limit: int | None) -> None:
    """`limit` in bytes; None: the app counts, and says which file is too large."""
    length, coding = headers.get(b"content-length"), headers.get(b"transfer-encoding")
    if coding is not None and (length is not None or scope["http_version"] == "1.0"):
        raise Refusal(400, "Content-Length and Transfer-Encoding contradict each other.")
    if length is not None and not length.isdigit():
        raise Refusal(400, "The Content-Length is malformed.")
    digits = (length or b"").lstrip(b"0")
    if coding is None and not digits:
        return
    if scope["method"] in ("GET", "HEAD"):
        raise Refusal(400, "A request that only reads has no body.")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Refusal(415, "Compressed bodies are not accepted.")
    if limit is None and len(digits) > 18:
        raise Refusal(413, "This is too large to be sent here.")
    if limit is not None and (len(digits) > 18 or int(digits or b"0") > limit):
        raise _too_large(limit)


def _too_large(limit: int) -> Refusal:
    amount = f"{limit / 1e6:.0f} MB" if limit >= 1e6 else f"{limit / 1e3:.0f} kB"
    return Refusal(413, f"This is too large: at most {amount} can be sent here at once.")
