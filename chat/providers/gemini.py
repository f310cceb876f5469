"""The generateContent wire of Google's Gemini."""

from collections.abc import AsyncGenerator, Callable, Mapping, Set
from typing import Any
from urllib.parse import quote

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
from chat.providers.endpoint import Endpoint, knows_no_system, versioned
from chat.providers.http import Limits

URL = "https://generativelanguage.googleapis.com"
_NOT_YET = "FINISH_REASON_UNSPECIFIED"
_FILTERED = """SAFETY RECITATION BLOCKLIST PROHIBITED_CONTENT SPII LANGUAGE ESCALATION MODEL_ARMOR
IMAGE_SAFETY IMAGE_PROHIBITED_CONTENT IMAGE_RECITATION""".split()
_REASONS: Mapping[str, Reason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    "UNEXPECTED_TOOL_CALL": "tool",
    "TOO_MANY_TOOL_CALLS": "tool",
    "MALFORMED_FUNCTION_CALL": "tool",
    **dict.fromkeys(_FILTERED, "filter"),
}


class Gemini:
    """One endpoint. `base_url` ends before `/v1beta` or in it; `api_key` may be empty.

    `http` comes from `http.session` and is closed by who made it. `notes`: what a model is good
    for, by the beginning of its id. `keep`: which ids are offered.
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
    ) -> None:
        self.key = key
        self.label = label
        self._url = versioned(base_url, "v1beta")
        self._notes = notes or {}
        self._keep = keep
        headers = {"x-goog-api-key": api_key} if api_key else {}
        self._endpoint = Endpoint(http, headers, api_key, limits)

    def warm(self) -> None:
        """Nothing to do: the first question opens the connection."""

    async def close(self) -> None:
        """Nothing to do: the client is not ours."""

    async def models(self) -> list[Model]:
        """What one page holds: it may have 1,000, many times what there is."""
        listed = await self._endpoint.listed(f"{self._url}/models?pageSize=1000", "models")
        writing = (entry for entry in listed if _writes(entry))
        return listing.models(writing, _own_id, self._model, self._keep)

    def stream(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        return self._endpoint.stream(self, prompt)

    def chunks(self) -> "GeminiChunks":
        return GeminiChunks()

    def request(self, prompt: Prompt, refused: Set[str]) -> tuple[str, dict[str, Any]]:
        contents: list[dict[str, Any]] = [
            {"parts": _parts(turn), "role": "user" if turn.role == "user" else "model"}
            for turn in prompt.turns
            if turn.text or turn.images
        ]
        if contents and contents[-1]["role"] == "model":
            contents.append(_content(CONTINUE, role="user"))
        body: dict[str, Any] = {"contents": contents}
        if prompt.system and "system" not in refused:
            body["systemInstruction"] = _content(prompt.system)
        elif prompt.system and contents:
            contents[0]["parts"].insert(0, {"text": f"{prompt.system}\n\n"})
        config: dict[str, Any] = {}
        if prompt.model.max_output:
            config["maxOutputTokens"] = prompt.model.max_output
        if prompt.model.reasons and "thinking" not in refused:  # else it is silent for long
            config["thinkingConfig"] = {"includeThoughts": True}
        if config:
            body["generationConfig"] = config
        model = quote(prompt.model.own_id, safe="")
        return f"{self._url}/models/{model}:streamGenerateContent?alt=sse", body

    def turned_down(self, body: dict[str, Any], error: ProviderError) -> set[str]:
        named: set[str] = set()
        if "systemInstruction" in body and knows_no_system(error):
            named.add("system")
        thinks = "thinkingConfig" in body.get("generationConfig", {})
        if thinks and ("hinking" in error.message or "houghts" in error.message):
            named.add("thinking")
        return named

    def _model(self, own_id: str, entry: dict[str, Any]) -> Model:
        return Model(
            id=f"{self.key}/{own_id}",
            provider=self.label,
            name=listing.name(entry.get("displayName"), own_id),
            note=listing.note(self._notes, own_id),
            context=listing.first_count(entry.get("inputTokenLimit")),
            max_output=listing.first_count(entry.get("outputTokenLimit")),
            reasons=entry.get("thinking") is True,
        )


class GeminiChunks:
    """The Chunks of one answer: its first candidate. Signatures, calls and files are passed over.

    The wire has no end mark: a reason, then the end of the connection. A blocked question has no
    candidate, only why it was blocked.
    """

    mark = b""

    def __init__(self) -> None:
        self.reason: Reason | None = None
        self.usage: Usage | None = None

    def chunk(self, chunk: dict[str, Any], events: list[Event]) -> bool:
        if counts := chunk.get("usageMetadata"):
            self.usage = _usage(counts)
        if (chunk.get("promptFeedback") or {}).get("blockReason"):
            self.reason = "filter"
        for candidate in (chunk.get("candidates") or ())[:1]:
            for part in (candidate.get("content") or {}).get("parts") or ():
                if text := part.get("text"):
                    thought = part.get("thought") is True
                    events.append((ReasoningDelta if thought else TextDelta)(clean(text)))
            reason = candidate.get("finishReason")
            if reason and reason != _NOT_YET:
                self.reason = _REASONS.get(reason, "other")
        return False

    def rest(self) -> list[Event]:
        return []


def _usage(counts: dict[str, Any]) -> Usage:
    """Each chunk counts from the beginning; what was thought is not among the candidates'."""
    thought = count(counts.get("thoughtsTokenCount"))
    tools = count(counts.get("toolUsePromptTokenCount"))
    return Usage(
        input=count(counts.get("promptTokenCount")) + tools,
        output=count(counts.get("candidatesTokenCount")) + thought,
        cached=count(counts.get("cachedContentTokenCount")),
        reasoning=thought,
    )


def _parts(turn: Turn) -> list[dict[str, Any]]:
    images: list[dict[str, Any]] = [
        {"inlineData": {"mimeType": image.type, "data": image.base64()}} for image in turn.images
    ]
    return [*images, {"text": turn.text}] if turn.text else images


def _content(text: str, **more: str) -> dict[str, Any]:
    return {"parts": [{"text": text}], **more}


def _writes(entry: dict[str, Any]) -> bool:
    methods = entry.get("supportedGenerationMethods")
    return isinstance(methods, list) and "generateContent" in methods


def _own_id(entry: dict[str, Any]) -> str:
    return str(entry.get("name") or "").removeprefix("models/")
