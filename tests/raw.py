"""Requests that no form of ours makes: any method, any bytes."""

import asyncio
import codecs
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from typing import Any

from tests.people import Answer, Event, Person


async def ask(
    person: Person, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Any
) -> Answer:
    """One request with this browser's cookies; redirects are not followed."""
    sent = {"Origin": person.base, "Sec-Fetch-Site": "same-origin", **(headers or {})}
    return await person._ask(method, path, headers=sent, allow_redirects=False, **more)


async def post_bytes(person: Person, path: str, body: bytes) -> Answer:
    """A form exactly as these bytes spell it."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return await ask(person, "POST", path, headers, data=body)


async def written(person: Person, path: str, limit: float = 20) -> AsyncGenerator[str, None]:
    """A page piece by piece, as it is written."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    async with asyncio.timeout(limit), person._http.get(person.base + path) as response:
        assert response.status == 200, response.status
        async for data in response.content.iter_any():
            yield decoder.decode(data)


async def received(person: Person, reply: str, last: str, size: int, seconds: float) -> bytes:
    """A reply's stream for at most that many bytes and that long; then the connection breaks."""
    headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last} if last else {})}
    url, found = f"{person.base}/replies/{reply}/stream", b""
    async with person._http.get(url, headers=headers) as response:
        assert response.status == 200, response.status
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while len(found) < size and (
                    part := await response.content.read(size - len(found))
                ):
                    found += part
    return found


def streamed(raw: bytes) -> list[Event]:
    """The events that are whole in the bytes of a stream."""
    events = []
    for block in raw.decode("utf-8", "replace").split("\n\n")[:-1]:
        lines = block.split("\n")
        data = [line[6:] for line in lines if line.startswith("data:")]
        ident = "".join(line[4:] for line in lines if line.startswith("id:"))
        if data:
            events.append(Event(ident, "\n".join(data)))
    return events
