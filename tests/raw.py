"""Requests that no form of ours makes: any method, any bytes."""

import asyncio
import codecs
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from tests.people import Answer, Person


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
