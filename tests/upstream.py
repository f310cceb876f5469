"""A model server to order answers from: the real OpenAI wire on loopback, told what to say."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

ALIVE = 15  # seconds between two signs of life while a piece waits


class Thought(str):
    """A piece of an answer that is reasoning, not text."""


@dataclass
class Answer:
    """`pieces` come `pause` seconds apart; with `held` the last one waits until it is set.

    `waits`: by the number of a piece, from 0, what is set before it comes. `model`: the only one
    that gives this answer; '' is any.
    """

    pieces: Sequence[str] = ("Hello", ", ", "world", ".")
    pause: float = 0.0
    held: asyncio.Event | None = None
    waits: Mapping[int, asyncio.Event] = field(default_factory=dict)
    cut: bool = False  # the connection breaks after the pieces
    reason: str = "stop"
    usage: bool = True  # whether it says what it counted
    status: int = 200
    error: dict[str, Any] = field(default_factory=dict)
    sealed: dict[str, Any] = field(default_factory=dict)  # a detail of its reasoning, at the end
    model: str = ""


class Upstream:
    """Serves `/v1`. `asked`: the bodies of all questions; `closed`: connections a client left.

    `keys`: what each question, and `listed` what each look at the models, was authorised with.
    """

    def __init__(self) -> None:
        self.url = ""
        self.models = ["tiny", "large"]
        self.answers: list[Answer] = []
        self.usual = Answer()
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.listed: list[str] = []
        self.open = 0
        self.closed = asyncio.Event()

    def will(self, *answers: Answer) -> None:
        """The next questions get these, in this order; those after them the usual one."""
        self.answers.extend(answers)

    async def list(self, request: web.Request) -> web.Response:
        self.listed.append(_key(request))
        return web.json_response({"data": [{"id": name} for name in self.models]})

    async def complete(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(await request.json())
        self.keys.append(_key(request))
        answer = self._next(self.asked[-1]["model"])
        if answer.status != 200:
            return web.json_response({"error": answer.error}, status=answer.status)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        self.open += 1
        try:
            await self._speak(response, answer, request)
        except (ConnectionResetError, asyncio.CancelledError):
            self.closed.set()
            raise
        finally:
            self.open -= 1
        return response

    def _next(self, model: str) -> Answer:
        for at, answer in enumerate(self.answers):
            if answer.model in ("", model):
                return self.answers.pop(at)
        return self.usual

    async def _speak(
        self, response: web.StreamResponse, answer: Answer, request: web.Request
    ) -> None:
        for number, piece in enumerate(answer.pieces):
            if number in answer.waits:
                await _once(answer.waits[number], response)
            if answer.held and number == len(answer.pieces) - 1:
                await _once(answer.held, response)
            name = "reasoning_content" if isinstance(piece, Thought) else "content"
            await response.write(_frame({"choices": [{"delta": {name: piece}}]}))
            if answer.pause:
                await asyncio.sleep(answer.pause)
        if answer.cut and request.transport:
            request.transport.close()
            return
        last = {"reasoning_details": [answer.sealed]} if answer.sealed else {}
        end = {"choices": [{"delta": last, "finish_reason": answer.reason}]}
        usage = {"prompt_tokens": 7, "completion_tokens": len(answer.pieces)}
        counted = _frame({"choices": [], "usage": usage}) if answer.usage else b""
        await response.write(_frame(end) + counted)
        await response.write(b"data: [DONE]\n\n")


@asynccontextmanager
async def running() -> AsyncIterator[Upstream]:
    upstream = Upstream()
    app = web.Application()
    app.router.add_get("/v1/models", upstream.list)
    app.router.add_post("/v1/chat/completions", upstream.complete)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    place = web.TCPSite(runner, "127.0.0.1", 0)
    await place.start()
    host, port = runner.addresses[0][:2]
    upstream.url = f"http://{host}:{port}/v1"
    try:
        yield upstream
    finally:
        await runner.shutdown()
        await runner.cleanup()


async def _once(event: asyncio.Event, response: web.StreamResponse) -> None:
    """Returns once it is set; until then nobody takes the silence for a broken connection."""
    while not event.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(ALIVE):
                await event.wait()
                return
        await response.write(b": wait\n\n")


def _frame(value: object) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()


def _key(request: web.Request) -> str:
    return request.headers.get("Authorization", "").removeprefix("Bearer ")
