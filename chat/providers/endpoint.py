"""One address where models are asked: requests, further tries, silence, the stream of an answer."""

import asyncio
import io
import json
import random
import re
from collections.abc import AsyncGenerator, Mapping, Set
from copy import copy
from typing import Any, Protocol

import aiohttp

from chat.providers.answer import Answer, Chunks
from chat.providers.domain import Event, Prompt, ProviderError
from chat.providers.faults import MAX_BODY, from_answer
from chat.providers.http import CLIENT_ERRORS, Limits, Watch, drain, failure, read
from chat.providers.listing import MAX_LIST, entries
from chat.providers.pace import PACE

MAX_RETRY_AFTER = 20  # seconds that a person waits without being asked
LARGE = 500_000  # bytes of a request: more is sent in pieces
MUCH = 16_000  # bytes in one read: who sends so fast is read without a rest
PATIENCE = 10  # silence limits for which keep-alives alone hold a stream
_RETRIED = ("rate_limit", "overloaded", "network")
_MENDABLE = (400, 422, 500)  # statuses that can mean: not with this parameter
_VERSIONED = re.compile(r"/v\d\w*$")
# About a figure, not about what it is for: one person's choice must not decide for everybody.
_OUT_OF_RANGE = re.compile(
    r"too (?:large|big|high|many|small|low)|at most|at least|(?:less|greater|more) than"
    r"|between|range|maximum|minimum|exceed",
    re.IGNORECASE,
)
_NO_SYSTEM = re.compile(r"system.{0,40}role|role.{0,60}system|developer instruction", re.IGNORECASE)


class Wire(Protocol):
    """How one protocol asks, and how its answers are read."""

    def request(self, prompt: Prompt, refused: Set[str]) -> tuple[str, dict[str, Any]]:
        """The URL and the body, without the parameters in `refused`."""
        ...

    def turned_down(self, body: dict[str, Any], error: ProviderError) -> set[str]:
        """What of the body the error names: without it the same may be granted."""
        ...

    def chunks(self) -> Chunks: ...


class Endpoint:
    """Asks over HTTP for all wires. `headers` carry the key; `api_key` is kept out of messages.

    `http` comes from `http.session` and is closed by who made it.
    """

    def __init__(
        self, http: aiohttp.ClientSession, headers: Mapping[str, str], api_key: str, limits: Limits
    ) -> None:
        self._http = http
        self._headers = dict(headers)
        self._api_key = api_key
        self._limits = limits
        self._timeout = aiohttp.ClientTimeout(total=None, connect=limits.connect)
        self._refused: dict[str, Set[str]] = {}  # by model: parameters it has turned down

    def with_key(self, headers: Mapping[str, str], api_key: str) -> "Endpoint":
        """The same address asked with another key: both know what a model has turned down."""
        other = copy(self)
        other._headers, other._api_key = dict(headers), api_key
        return other

    async def listed(self, url: str, key: str) -> list[dict[str, Any]]:
        """The objects in a list of models, which stands under `key`; ProviderError without one."""
        try:
            async with asyncio.timeout(self._limits.models):
                async with self._http.get(
                    url, headers=self._headers, timeout=self._timeout, allow_redirects=False
                ) as response:
                    if response.status != 200:
                        raise await self._error(response)
                    body = await read(response, MAX_LIST + 1)
        except CLIENT_ERRORS as error:
            raise failure(error) from error
        return await asyncio.to_thread(entries, body, key)

    async def stream(self, wire: Wire, prompt: Prompt) -> AsyncGenerator[Event, None]:
        """The answer, as `Provider.stream` gives it."""
        reply = await self._begin(wire, prompt)
        try:
            while True:  # one level of generators: each more costs every token
                for event in reply.events:
                    yield event
                if reply.answer.fault:
                    raise reply.answer.fault
                if reply.answer.ended:
                    return
                await reply.more()
        finally:
            reply.close()

    async def _begin(self, wire: Wire, prompt: Prompt) -> "_Reply":
        """The reply with its first events: until then, and only until then, we may ask again."""
        own_id, tries = prompt.model.own_id, 0
        refused = self._refused.get(own_id, frozenset())
        while True:
            url, body, written = await _written(wire, prompt, refused)
            try:
                return await self._attempt(url, written, Answer(wire.chunks(), self._api_key))
            except ProviderError as error:
                named = wire.turned_down(body, error) if error.status in _MENDABLE else set()
                if not named <= refused:
                    refused |= named
                    if not (prompt.personal and _OUT_OF_RANGE.search(error.message)):
                        self._refused[own_id] = refused
                    continue
                tries += 1
                if not self._worth_retrying(error, tries):
                    raise
                backoff = self._limits.backoff * 2 ** (tries - 1) * random.uniform(0.5, 1.5)  # noqa: S311 (jitter)
                if isinstance(error.__cause__, aiohttp.ServerDisconnectedError) and tries == 1:
                    backoff = 0  # most likely a kept connection that the server had just closed
                delay = max(error.retry_after, backoff)
            await asyncio.sleep(delay)

    def _worth_retrying(self, error: ProviderError, tries: int) -> bool:
        again = error.kind in _RETRIED and error.retry_after <= MAX_RETRY_AFTER
        return again and tries <= self._limits.retries

    async def _attempt(self, url: str, body: bytes, answer: Answer) -> "_Reply":
        if self._http.closed:
            raise ProviderError("network", "the client is closed")
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self._limits.first):
                response = await self._http.post(
                    url,
                    data=io.BytesIO(body) if len(body) > LARGE else body,
                    headers=self._headers
                    | {"Accept": "text/event-stream", "Content-Type": "application/json"},
                    timeout=self._timeout,
                    allow_redirects=False,
                )
        except CLIENT_ERRORS as error:
            raise failure(error) from error
        reply = _Reply(response, answer, self._limits, loop.time() - began)
        try:
            if response.status != 200:
                raise await self._error(response)
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise ProviderError("protocol", "a compressed answer, which was not asked for")
            await reply.more()
            if answer.fault and not reply.events:
                raise answer.fault
        except BaseException:
            reply.close()
            raise
        return reply

    async def _error(self, response: aiohttp.ClientResponse) -> ProviderError:
        try:
            async with asyncio.timeout(self._limits.tail):
                body = await read(response, MAX_BODY)
        except CLIENT_ERRORS:
            body = b""
        return from_answer(response.status, response.headers, body, self._api_key)


class _Reply:
    """One open answer. `events`: what the last read brought, not yet handed on."""

    def __init__(
        self, response: aiohttp.ClientResponse, answer: Answer, limits: Limits, waited: float
    ) -> None:
        self.answer = answer
        self.events: list[Event] = []
        self._response = response
        self._limits = limits
        self._time = asyncio.get_running_loop().time
        self._spoke = self._time()
        self._watch = Watch(response)
        self._watch.limit(max(0.001, limits.first - waited))
        self._silence = limits.first
        self._rests = False

    async def more(self) -> None:
        """Wait for the next events; after that `answer` may have ended or failed.

        Nobody is shown more than one rendering a tick, so it is not read more often either.
        """
        if self._rests and (then := PACE.after(self._spoke)) > self._time():
            await self._watch.gather(then)
        self.events = []
        while not (self.events or self.answer.fault or self.answer.ended):
            try:
                data = await self._watch.read()
            except ProviderError as error:
                self.events = self.answer.stop(error)
            else:
                self.events = self.answer.feed(data) if data else self.answer.stop()
                self._heard()
                self._rests = len(data) < MUCH and not self.answer.complete
        if self.answer.ended and not self._response.content.at_eof():
            await drain(self._response)

    def _heard(self) -> None:
        now = self._time()
        if self.events:
            self._spoke, self._silence = now, self._limits.idle
        elif now - self._spoke > PATIENCE * self._limits.idle:
            self.events = self.answer.stop(ProviderError("timeout", "nothing but keep-alives"))
        self._watch.limit(self._limits.tail if self.answer.complete else self._silence)

    def close(self) -> None:
        """At once: a closed connection is how a provider learns that it can stop."""
        self._watch.stop()
        self._response.close()


async def _written(
    wire: Wire, prompt: Prompt, refused: Set[str]
) -> tuple[str, dict[str, Any], bytes]:
    """The request, and its body as bytes. Images are megabytes: nobody else shall wait for them."""

    def write() -> tuple[str, dict[str, Any], bytes]:
        url, body = wire.request(prompt, refused)
        # Piece by piece, since whoever holds the interpreter's lock in one long call holds up all.
        return url, body, b"".join(each.encode() for each in json.JSONEncoder().iterencode(body))

    if any(turn.images for turn in prompt.turns):
        return await asyncio.to_thread(write)
    url, body = wire.request(prompt, refused)
    return url, body, json.dumps(body).encode()


def versioned(base_url: str, version: str) -> str:
    """A base URL that ends in a version: people give it with and without."""
    url = base_url.rstrip("/")
    return url if _VERSIONED.search(url) else f"{url}/{version}"


def knows_no_system(error: ProviderError) -> bool:
    """Whether the error says that the model takes no system text beside the conversation."""
    return bool(_NO_SYSTEM.search(error.message))
