"""The chat-completions wire, spoken by OpenAI, Ollama, llama.cpp, vLLM and most gateways."""

import asyncio
import json
import random
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

import aiohttp

from chat.providers.domain import CONTINUE, Event, Model, Prompt, ProviderError
from chat.providers.faults import MAX_BODY, from_answer
from chat.providers.http import CLIENT_ERRORS, Limits, Watch, drain, failure, read
from chat.providers.openai_answer import Answer

MAX_LIST = 5_000_000  # bytes of a list of models
MAX_MODELS = 10_000
MAX_RETRY_AFTER = 20  # seconds that a person waits without being asked
PATIENCE = 10  # silence limits for which keep-alives alone hold a stream
_RETRIED = ("rate_limit", "overloaded", "network")
_NEEDED = ("model", "messages", "stream")
_NO_SYSTEM = re.compile(r"system.{0,40}role|role.{0,60}system|developer instruction", re.IGNORECASE)


class OpenAI:
    """One endpoint. `base_url` ends where `/chat/completions` begins; `api_key` may be empty.

    `http` comes from `http.session` and is closed by who made it. `notes`: what a model is good
    for, by the beginning of its id. `keep`: which ids are offered. `context`: tokens, for models
    whose window the endpoint does not tell. `extra`: more fields of each request. `goes_on`: a last
    turn of the assistant's is gone on with, as llama.cpp does; others are asked to in words.
    """

    def __init__(
        self,
        key: str,
        label: str,
        base_url: str,
        api_key: str,
        http: aiohttp.ClientSession,
        *,
        limits: Limits = Limits(),  # noqa: B008 (frozen)
        notes: Mapping[str, str] | None = None,
        keep: Callable[[str], bool] = lambda own_id: True,
        context: int = 0,
        extra: Mapping[str, Any] | None = None,
        goes_on: bool = False,
    ) -> None:
        self.key = key
        self.label = label
        self._url = base_url.rstrip("/")
        self._api_key = api_key
        self._http = http
        self._limits = limits
        self._notes = notes or {}
        self._keep = keep
        self._context = context
        self._extra = dict(extra or {})
        self._goes_on = goes_on
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._timeout = aiohttp.ClientTimeout(total=None, connect=limits.connect)
        self._refused: dict[str, set[str]] = {}  # by model: parameters it has turned down

    def warm(self) -> None:
        """Nothing to do: the first question opens the connection."""

    async def close(self) -> None:
        """Nothing to do: the client is not ours."""

    async def models(self) -> list[Model]:
        try:
            async with asyncio.timeout(self._limits.models):
                listed = await self._listed()
        except CLIENT_ERRORS as error:
            raise failure(error) from error
        models: dict[str, Model] = {}
        for entry in listed[:MAX_MODELS]:
            own_id = entry.get("id") if isinstance(entry, dict) else None
            if isinstance(own_id, str) and usable(own_id) and self._keep(own_id):
                models.setdefault(own_id, self._model(own_id, entry))
        return list(models.values())

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        reply = await self._begin(prompt)
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

    async def _listed(self) -> list[Any]:
        async with self._http.get(
            f"{self._url}/models",
            headers=self._headers,
            timeout=self._timeout,
            allow_redirects=False,
        ) as response:
            if response.status != 200:
                raise await self._error(response)
            body = await read(response, MAX_LIST + 1)
        try:
            found = json.loads(body) if len(body) <= MAX_LIST else None
        except RecursionError:
            found = None
        if isinstance(found, dict):
            found = found.get("data")
        if not isinstance(found, list):
            raise ProviderError("protocol", "the list of models cannot be read")
        return found

    def _model(self, own_id: str, entry: dict[str, Any]) -> Model:
        name = entry.get("name")
        window = _first_count(
            _inside(entry, "meta", "n_ctx"),  # llama.cpp
            entry.get("max_model_len"),  # vLLM
            entry.get("context_length"),  # OpenRouter, Together
            entry.get("context_window"),  # Groq
            entry.get("max_context_length"),  # Mistral, LM Studio
            self._context,
        )
        return Model(
            id=f"{self.key}/{own_id}",
            provider=self.label,
            name=name if isinstance(name, str) and 0 < len(name) <= 200 else own_id,
            note=next(
                (note for start, note in self._notes.items() if own_id.startswith(start)), ""
            ),
            context=window,
            max_output=_first_count(
                entry.get("max_completion_tokens"),
                _inside(entry, "top_provider", "max_completion_tokens"),
            ),
        )

    async def _begin(self, prompt: Prompt) -> "_Reply":
        """The reply with its first events: until then, and only until then, we may ask again."""
        tries = 0
        while True:
            body = self._body(prompt)
            try:
                return await self._attempt(body)
            except ProviderError as error:
                if self._adapt(prompt.model.own_id, body, error):
                    continue
                tries += 1
                if not self._worth_retrying(error, tries):
                    raise
                backoff = self._limits.backoff * 2 ** (tries - 1) * random.uniform(0.5, 1.5)  # noqa: S311 (jitter)
                if isinstance(error.__cause__, aiohttp.ServerDisconnectedError) and tries == 1:
                    backoff = 0  # most likely a kept connection that the server had just closed
                delay = max(error.retry_after, backoff)
            await asyncio.sleep(delay)

    def _body(self, prompt: Prompt) -> dict[str, Any]:
        refused = self._refused.get(prompt.model.own_id, set())
        messages = [{"role": turn.role, "content": turn.text} for turn in prompt.turns]
        if messages and messages[-1]["role"] == "assistant" and not self._goes_on:
            messages.append({"role": "user", "content": CONTINUE})
        if prompt.system and "system" not in refused:
            messages.insert(0, {"role": "system", "content": prompt.system})
        elif prompt.system and messages:
            messages[0]["content"] = f"{prompt.system}\n\n{messages[0]['content']}"
        body = self._extra | {"stream_options": {"include_usage": True}}
        if prompt.model.max_output:
            names = ["max_tokens", "max_completion_tokens"]
            if "//api.openai.com" in self._url:
                names.reverse()
            body |= {name: prompt.model.max_output for name in names if name not in refused}
            if set(names) <= body.keys():
                del body[names[1]]
        body = {name: value for name, value in body.items() if name not in refused}
        return body | {"model": prompt.model.own_id, "messages": messages, "stream": True}

    def _adapt(self, own_id: str, body: dict[str, Any], error: ProviderError) -> bool:
        """Remember what this model turned down. True: the next body is another one."""
        if error.status not in (400, 422, 500):
            return False
        named = {name for name in body if name not in _NEEDED and name in error.message}
        if body["messages"][:1] and body["messages"][0]["role"] == "system":
            named |= {"system"} if _NO_SYSTEM.search(error.message) else set()
        if named:
            self._refused.setdefault(own_id, set()).update(named)
        return bool(named)

    def _worth_retrying(self, error: ProviderError, tries: int) -> bool:
        again = error.kind in _RETRIED and error.retry_after <= MAX_RETRY_AFTER
        return again and tries <= self._limits.retries

    async def _attempt(self, body: dict[str, Any]) -> "_Reply":
        if self._http.closed:
            raise ProviderError("network", "the client is closed")
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self._limits.first):
                response = await self._http.post(
                    f"{self._url}/chat/completions",
                    data=json.dumps(body).encode(),
                    headers=self._headers
                    | {"Accept": "text/event-stream", "Content-Type": "application/json"},
                    timeout=self._timeout,
                    allow_redirects=False,
                )
        except CLIENT_ERRORS as error:
            raise failure(error) from error
        reply = _Reply(response, Answer(self._api_key), self._limits, loop.time() - began)
        try:
            if response.status != 200:
                raise await self._error(response)
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise ProviderError("protocol", "a compressed answer, which was not asked for")
            await reply.more()
            if reply.answer.fault and not reply.events:
                raise reply.answer.fault
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

    async def more(self) -> None:
        """Wait for the next events; after that `answer` may have ended or failed."""
        self.events = []
        while not (self.events or self.answer.fault or self.answer.ended):
            try:
                data = await self._watch.read()
            except ProviderError as error:
                self.events = self.answer.stop(error)
            else:
                self.events = self.answer.feed(data) if data else self.answer.stop()
                self._heard()
        if self.answer.ended and not self._response.content.at_eof():
            await drain(self._response)

    def _heard(self) -> None:
        now = self._time()
        if self.events:
            self._spoke, self._silence = now, self._limits.idle
        elif now - self._spoke > PATIENCE * self._limits.idle:
            self.events = self.answer.stop(ProviderError("timeout", "nothing but keep-alives"))
        self._watch.limit(self._limits.tail if self.answer.reason else self._silence)

    def close(self) -> None:
        """At once: a closed connection is how a provider learns that it can stop."""
        self._watch.stop()
        self._response.close()


def usable(own_id: str) -> bool:
    """Whether a provider's own id can be one: it is shown, stored and sent."""
    return own_id.isprintable() and 0 < len(own_id) <= 200


def _inside(entry: dict[str, Any], outer: str, inner: str) -> object:
    found = entry.get(outer)
    return found.get(inner) if isinstance(found, dict) else None


def _first_count(*values: object) -> int:
    return next((value for value in values if type(value) is int and 0 < value < 2**31), 0)
