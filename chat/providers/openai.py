"""The chat-completions wire, spoken by OpenAI, OpenRouter, Ollama, llama.cpp, vLLM and gateways."""

import re
from collections.abc import AsyncGenerator, Callable, Mapping, Set
from copy import copy
from dataclasses import replace
from typing import Any

import aiohttp

from chat.providers import echoes, listing
from chat.providers.domain import CONTINUE, Event, Model, Prompt, ProviderError, Turn
from chat.providers.endpoint import Endpoint, knows_no_system
from chat.providers.http import Limits
from chat.providers.openai_answer import OpenAIChunks

_NEEDED = ("model", "messages", "stream")
_OF_AN_ECHO = re.compile(r"reasoning|thinking|signature|encrypted", re.IGNORECASE)


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
        self._notes = notes or {}
        self._keep = keep
        self._context = context
        self._extra = dict(extra or {})
        self._goes_on = goes_on
        self._endpoint = Endpoint(http, _headers(api_key), api_key, limits)

    def with_key(self, api_key: str) -> "OpenAI":
        other = copy(self)
        other._endpoint = self._endpoint.with_key(_headers(api_key), api_key)
        return other

    def warm(self) -> None:
        """Nothing to do: the first question opens the connection."""

    async def close(self) -> None:
        """Nothing to do: the client is not ours."""

    async def models(self) -> list[Model]:
        listed = await self._endpoint.listed(f"{self._url}/models", "data")
        return await listing.models(listed, lambda entry: entry.get("id"), self._model, self._keep)

    def stream(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        return self._endpoint.stream(self, prompt)

    def chunks(self) -> OpenAIChunks:
        return OpenAIChunks()

    def request(self, prompt: Prompt, refused: Set[str]) -> tuple[str, dict[str, Any]]:
        messages = [_message(turn, echo="echo" not in refused) for turn in prompt.turns]
        if messages and messages[-1]["role"] == "assistant" and not self._goes_on:
            messages.append({"role": "user", "content": CONTINUE})
        if prompt.system and "system" not in refused:
            messages.insert(0, {"role": "system", "content": prompt.system})
        elif prompt.system and messages:
            first = prompt.turns[0]
            said = replace(first, text=f"{prompt.system}\n\n{first.text}")
            messages[0]["content"] = _content(said)
        body = self._extra | {"stream_options": {"include_usage": True}}
        if prompt.temperature is not None:
            body["temperature"] = prompt.temperature
        if prompt.most_output:
            names = ["max_tokens", "max_completion_tokens"]
            if "//api.openai.com" in self._url:
                names.reverse()
            body |= {name: prompt.most_output for name in names if name not in refused}
            if set(names) <= body.keys():
                del body[names[1]]
        body = {name: value for name, value in body.items() if name not in refused}
        body |= {"model": prompt.model.own_id, "messages": messages, "stream": True}
        return f"{self._url}/chat/completions", body

    def turned_down(self, body: dict[str, Any], error: ProviderError) -> set[str]:
        named = {name for name in body if name not in _NEEDED and name in error.message}
        if body["messages"][:1] and body["messages"][0]["role"] == "system":
            named |= {"system"} if knows_no_system(error) else set()
        echoed = any("reasoning_details" in message for message in body["messages"])
        if echoed and _OF_AN_ECHO.search(error.message):
            named.add("echo")
        return named

    def _model(self, own_id: str, entry: dict[str, Any]) -> Model:
        window = listing.first_count(
            listing.inside(entry, "meta", "n_ctx"),  # llama.cpp
            entry.get("max_model_len"),  # vLLM
            entry.get("context_length"),  # OpenRouter, Together
            entry.get("context_window"),  # Groq
            entry.get("max_context_length"),  # Mistral, LM Studio
            self._context,
        )
        return Model(
            id=f"{self.key}/{own_id}",
            provider=self.label,
            name=listing.name(entry.get("name"), own_id),
            note=listing.note(self._notes, own_id),
            context=window,
            max_output=listing.first_count(
                entry.get("max_completion_tokens"),
                listing.inside(entry, "top_provider", "max_completion_tokens"),
            ),
            reasons="reasoning" in listing.words(entry, "supported_parameters"),  # OpenRouter
            sees="image" in listing.words(entry, "architecture", "input_modalities"),
            price=listing.price(entry),
        )


def _message(turn: Turn, *, echo: bool) -> dict[str, Any]:
    """With the sealed thoughts that OpenRouter wants back, as they came."""
    details = echoes.unpacked(turn.echo) if echo else []
    message: dict[str, Any] = {"role": turn.role, "content": _content(turn)}
    return message | ({"reasoning_details": details} if details else {})


def _content(turn: Turn) -> str | list[dict[str, Any]]:
    """Plain text as it always was, for servers that know nothing else; images before their text."""
    if not turn.images:
        return turn.text
    parts: list[dict[str, Any]] = [
        {"type": "image_url", "image_url": {"url": f"data:{image.type};base64,{image.base64()}"}}
        for image in turn.images
    ]
    return [*parts, {"type": "text", "text": turn.text}] if turn.text.strip() else parts


def _headers(api_key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}
