"""A server on loopback that answers exactly the bytes a test orders, and what reads from it."""

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

import pytest

from chat.providers.domain import (
    Done,
    Event,
    Model,
    Prompt,
    Provider,
    ProviderError,
    ReasoningDelta,
    TextDelta,
    Turn,
)
from chat.providers.http import Limits

FAST = Limits(first=5, idle=5, tail=0.2, backoff=0.01)


@dataclass(frozen=True)
class Reply:
    """`parts`: bytes to send, or None to wait until the client is gone."""

    parts: Sequence[bytes | None] = ()
    status: int = 200
    headers: str = "Content-Type: text/event-stream\r\n"
    silent: bool = False  # not even a status line


class Upstream:
    """Answers each request with the next of `replies`, and closes: that ends the body."""

    def __init__(self) -> None:
        self.replies: deque[Reply] = deque()
        self.bodies: list[dict[str, Any]] = []
        self.heads: list[str] = []
        self.left = asyncio.Event()  # the client closed a connection that we held open
        self.asked = asyncio.Event()
        self.url = ""

    def answer(self, *parts: bytes | None, **how: Any) -> None:
        self.replies.append(Reply(parts, **how))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._serve(reader, writer)
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        lower = head.lower()
        if "content-length: " in lower:
            length = int(lower.split("content-length: ")[1].split("\r\n")[0])
            self.bodies.append(json.loads(await reader.readexactly(length)))
        self.asked.set()
        reply = self.replies.popleft()
        if not reply.silent:
            start = f"HTTP/1.1 {reply.status} Ordered\r\n{reply.headers}Connection: close\r\n\r\n"
            writer.write(start.encode())
        for part in reply.parts:
            if part is None:
                await reader.read()
                self.left.set()
            else:
                writer.write(part)
                await writer.drain()


def prompt(text: str = "Hello", *, system: str = "", max_output: int = 0) -> Prompt:
    model = Model("openai/m1", "Ordered", "m1", max_output=max_output)
    return Prompt(model, (Turn("user", text),), system)


async def told(provider: Provider, asked: Prompt | None = None) -> list[Event]:
    """Every event of an answer."""
    async with aclosing(provider.stream(asked or prompt())) as events:
        return [event async for event in events]


async def failed(provider: Provider, asked: Prompt | None = None) -> tuple[str, ProviderError]:
    """The text that came before the failure, and the failure."""
    events: list[Event] = []
    with pytest.raises(ProviderError) as caught:
        async with aclosing(provider.stream(asked or prompt())) as stream:
            async for event in stream:
                events.append(event)
    assert not any(isinstance(event, Done) for event in events)
    return text_of(events), caught.value


def text_of(events: Sequence[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def thought_of(events: Sequence[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, ReasoningDelta))


def frame(delta: dict[str, Any] | None = None, **more: Any) -> bytes:
    """One chunk as OpenAI sends it; `finish` is its finish_reason, `more` its other fields."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": more.pop("finish", None)}
    return b"data: " + json.dumps({"choices": [choice], **more}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
END = frame(finish="stop") + DONE
