"""The messages wire of Anthropic, spoken by Claude, by llama.cpp and by some gateways."""

from collections.abc import AsyncGenerator, Mapping, Set
from typing import Any

import aiohttp

from chat.providers import listing
from chat.providers.answer import Reason, clean, count
from chat.providers.domain import (
    CONTINUE,
    Event,
    Model,
    Prompt,
    ProviderError,
    ReasoningDelta,
    TextDelta,
    Turn,
    Usage,
)
from chat.providers.endpoint import Endpoint, versioned
from chat.providers.http import Limits

URL = "https://api.anthropic.com"
VERSION = "2023-06-01"  # of the wire; there is no later one
LEAST_OUTPUT = 4_096  # tokens that every Claude may write; a limit must be sent
_REASONS: Mapping[str, Reason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "filter",
    "tool_use": "tool",
}


class Anthropic:
    """One endpoint. `base_url` ends before `/v1` or in it; `api_key` may be empty.

    `http` comes from `http.session` and is closed by who made it. `notes`: what a model is good
    for, by the beginning of its id.
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
    ) -> None:
        self.key = key
        self.label = label
        self._url = versioned(base_url, "v1")
        self._notes = notes or {}
        headers = {"anthropic-version": VERSION} | ({"x-api-key": api_key} if api_key else {})
        self._endpoint = Endpoint(http, headers, api_key, limits)

    def warm(self) -> None:
        """Nothing to do: the first question opens the connection."""

    async def close(self) -> None:
        """Nothing to do: the client is not ours."""

    async def models(self) -> list[Model]:
        """What one page holds: it may have 1,000, many times what there is."""
        listed = await self._endpoint.listed(f"{self._url}/models?limit=1000", "data")
        active = (entry for entry in listed if entry.get("lifecycle") != "retired")
        return listing.models(active, lambda entry: entry.get("id"), self._model)

    def stream(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        return self._endpoint.stream(self, prompt)

    def chunks(self) -> "AnthropicChunks":
        return AnthropicChunks()

    def request(self, prompt: Prompt, refused: Set[str]) -> tuple[str, dict[str, Any]]:
        messages = [
            {"role": turn.role, "content": _content(turn)}
            for turn in prompt.turns
            if turn.text.strip() or turn.images
        ]  # a blank one is refused, and the whole question with it
        if messages and messages[-1]["role"] == "assistant":  # newer models take no beginning
            messages.append({"role": "user", "content": CONTINUE})
        most = LEAST_OUTPUT if "max_tokens" in refused else prompt.model.max_output
        body = {
            "model": prompt.model.own_id,
            "max_tokens": most or LEAST_OUTPUT,
            "messages": messages,
            "stream": True,
        }
        return f"{self._url}/messages", body | ({"system": prompt.system} if prompt.system else {})

    def turned_down(self, body: dict[str, Any], error: ProviderError) -> set[str]:
        """`max_tokens`, when it is beyond the model's; when it is beyond the window, it is not."""
        mine = error.kind == "bad_request" and "max_tokens" in error.message
        return {"max_tokens"} if mine and body["max_tokens"] > LEAST_OUTPUT else set()

    def _model(self, own_id: str, entry: dict[str, Any]) -> Model:
        return Model(
            id=f"{self.key}/{own_id}",
            provider=self.label,
            name=listing.name(entry.get("display_name"), own_id),
            note=listing.note(self._notes, own_id),
            context=listing.first_count(
                entry.get("max_input_tokens"),
                listing.inside(entry, "meta", "n_ctx"),  # llama.cpp
            ),
            max_output=listing.first_count(entry.get("max_tokens")),
            reasons=listing.inside(entry, "capabilities", "thinking", "supported") is True,
            sees=listing.inside(entry, "capabilities", "image_input", "supported") is True,
        )


class AnthropicChunks:
    """The Chunks of one message. Signatures, hidden thoughts, tools and pings are passed over."""

    mark = b""

    def __init__(self) -> None:
        self.reason: Reason | None = None
        self.usage: Usage | None = None
        self._counts: dict[str, Any] = {}

    def chunk(self, chunk: dict[str, Any], events: list[Event]) -> bool:
        kind = chunk.get("type")
        if kind == "content_block_delta":
            _part(chunk["delta"], events)
        elif kind == "content_block_start":
            _part(chunk["content_block"], events)
        elif kind == "message_start":
            self._count(chunk["message"].get("usage"))
        elif kind == "message_delta":
            self._count(chunk.get("usage"))
            if reason := chunk["delta"].get("stop_reason"):
                self.reason = _REASONS.get(reason, "other")
        return kind == "message_stop"

    def rest(self) -> list[Event]:
        return []

    def _count(self, usage: dict[str, Any] | None) -> None:
        """Counts so far: what a later chunk leaves out stays as it was."""
        if not usage:
            return
        self._counts |= {name: value for name, value in usage.items() if value is not None}
        cached = count(self._counts.get("cache_read_input_tokens"))
        written = count(self._counts.get("cache_creation_input_tokens"))
        details = self._counts.get("output_tokens_details") or {}
        self.usage = Usage(
            input=count(self._counts.get("input_tokens")) + cached + written,
            output=count(self._counts.get("output_tokens")),
            cached=cached,
            reasoning=count(details.get("thinking_tokens")),
        )


def _content(turn: Turn) -> str | list[dict[str, Any]]:
    """Plain text as it always was; images before their text, as its makers advise."""
    if not turn.images:
        return turn.text
    parts: list[dict[str, Any]] = [
        {
            "type": "image",
            "source": {"type": "base64", "media_type": image.type, "data": image.base64()},
        }
        for image in turn.images
    ]
    return [*parts, {"type": "text", "text": turn.text}] if turn.text.strip() else parts


def _part(part: dict[str, Any], events: list[Event]) -> None:
    kind = part.get("type")
    if kind in ("text_delta", "text"):
        if text := part["text"]:
            events.append(TextDelta(clean(text)))
    elif kind in ("thinking_delta", "thinking") and (thought := part["thinking"]):
        events.append(ReasoningDelta(clean(thought)))
