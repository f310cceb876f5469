"""The messages wire of Anthropic, spoken by Claude, by llama.cpp and by some gateways."""

import re
from collections.abc import AsyncGenerator, Mapping, Set
from copy import copy
from typing import Any

import aiohttp

from chat.providers import echoes, listing
from chat.providers.anthropic_answer import AnthropicChunks
from chat.providers.domain import CONTINUE, Event, Model, Prompt, ProviderError, Turn
from chat.providers.endpoint import Endpoint, versioned
from chat.providers.http import Limits

VERSION = "2023-06-01"  # of the wire; there is no later one
HOTTEST = 1.0  # the highest temperature of this wire; others go up to 2
LEAST_OUTPUT = 4_096  # tokens that every Claude may write; a limit must be sent
LEAST_BUDGET, MOST_BUDGET = 1_024, 16_000  # tokens to think, of those to write
_THINKING = re.compile(r"thinking|adaptive|budget_tokens")
_OF_A_TURN = re.compile(r"messages\.\d|signature|redacted")


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
        self._endpoint = Endpoint(http, _headers(api_key), api_key, limits)

    def with_key(self, api_key: str) -> "Anthropic":
        other = copy(self)
        other._endpoint = self._endpoint.with_key(_headers(api_key), api_key)
        return other

    def warm(self) -> None:
        """Nothing to do: the first question opens the connection."""

    async def close(self) -> None:
        """Nothing to do: the client is not ours."""

    async def models(self) -> list[Model]:
        """What one page holds: it may have 1,000, many times what there is."""
        listed = await self._endpoint.listed(f"{self._url}/models?limit=1000", "data")
        active = (entry for entry in listed if entry.get("lifecycle") != "retired")
        return await listing.models(active, lambda entry: entry.get("id"), self._model)

    def stream(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        return self._endpoint.stream(self, prompt)

    def chunks(self) -> AnthropicChunks:
        return AnthropicChunks()

    def request(self, prompt: Prompt, refused: Set[str]) -> tuple[str, dict[str, Any]]:
        messages = [
            {"role": turn.role, "content": _content(turn, echo="echo" not in refused)}
            for turn in prompt.turns
            if turn.text.strip() or turn.images
        ]  # a blank one is refused, and the whole question with it
        if messages and messages[-1]["role"] == "assistant":  # newer models take no beginning
            messages.append({"role": "user", "content": CONTINUE})
        most = prompt.most_output or LEAST_OUTPUT
        most = min(most, LEAST_OUTPUT) if "max_tokens" in refused else most
        body: dict[str, Any] = {
            "model": prompt.model.own_id,
            "max_tokens": most,
            "messages": messages,
            "stream": True,
        } | _thinking(prompt, most, refused)
        if prompt.system:
            body["system"] = prompt.system
        if prompt.temperature is not None and "temperature" not in refused:
            body["temperature"] = min(prompt.temperature, HOTTEST)
        if "cache_control" not in refused:
            # The service itself marks how far the prompt is the same as the next one's beginning.
            body["cache_control"] = {"type": "ephemeral"}
        return f"{self._url}/messages", body

    def turned_down(self, body: dict[str, Any], error: ProviderError) -> set[str]:
        """`max_tokens`, when it is beyond the model's; when it is beyond the window, it is not.

        A way to think that the model does not have, or what came back with an earlier answer.
        """
        if error.kind == "context":
            return set()
        if "cache_control" in error.message and "cache_control" in body:
            return {"cache_control"}
        if _OF_A_TURN.search(error.message) and any(map(_echoes, body["messages"])):
            return {"echo"}
        if "thinking" in body and _THINKING.search(error.message):
            return {"adaptive" if body["thinking"]["type"] == "adaptive" else "thinking"}
        if error.kind != "bad_request":
            return set()
        named = {name for name in ("max_tokens", "temperature") if name in error.message}
        return named & {name for name in body if name != "max_tokens" or body[name] > LEAST_OUTPUT}

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


def _content(turn: Turn, *, echo: bool) -> str | list[dict[str, Any]]:
    """With the thoughts that it wants back before the text, as they came; and images, as advised.

    Plain text as it always was.
    """
    parts = echoes.unpacked(turn.echo) if echo else []
    parts += [
        {
            "type": "image",
            "source": {"type": "base64", "media_type": image.type, "data": image.base64()},
        }
        for image in turn.images
    ]
    if not parts:
        return turn.text
    return [*parts, {"type": "text", "text": turn.text}] if turn.text.strip() else parts


def _echoes(message: dict[str, Any]) -> bool:
    blocks = message["content"] if isinstance(message["content"], list) else []
    return any(block["type"] in ("thinking", "redacted_thinking") for block in blocks)


def _thinking(prompt: Prompt, most: int, refused: Set[str]) -> dict[str, Any]:
    """How a model that thinks is asked to show it; a temperature and thoughts exclude each other.

    From Claude 4.6 on a model finds out itself how much to think, before it needed a budget:
    https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking
    """
    warm = prompt.temperature is not None and "temperature" not in refused
    if warm or not prompt.model.reasons:
        return {}
    if "adaptive" not in refused:
        return {"thinking": {"type": "adaptive", "display": "summarized"}}
    budget = min(MOST_BUDGET, most // 2)
    if "thinking" in refused or budget < LEAST_BUDGET:
        return {}
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


def _headers(api_key: str) -> dict[str, str]:
    return {"anthropic-version": VERSION} | ({"x-api-key": api_key} if api_key else {})
