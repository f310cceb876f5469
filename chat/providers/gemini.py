"""The generateContent wire of Google's Gemini."""

import re
from collections.abc import AsyncGenerator, Callable, Mapping, Set
from copy import copy
from typing import Any
from urllib.parse import quote

import aiohttp

from chat.providers import echoes, listing
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

_NOT_YET = "FINISH_REASON_UNSPECIFIED"
_FIGURES = {  # of generationConfig, and how errors call them
    "maxOutputTokens": re.compile("max_?output_?tokens", re.IGNORECASE),
    "temperature": re.compile("temperature", re.IGNORECASE),
}
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
        self._endpoint = Endpoint(http, _headers(api_key), api_key, limits)

    def with_key(self, api_key: str) -> "Gemini":
        other = copy(self)
        other._endpoint = self._endpoint.with_key(_headers(api_key), api_key)
        return other

    def warm(self) -> None:
        """Nothing to do: the first question opens the connection."""

    async def close(self) -> None:
        """Nothing to do: the client is not ours."""

    async def models(self) -> list[Model]:
        """What one page holds: it may have 1,000, many times what there is."""
        listed = await self._endpoint.listed(f"{self._url}/models?pageSize=1000", "models")
        writing = (entry for entry in listed if _writes(entry))
        return await listing.models(writing, _own_id, self._model, self._keep)

    def stream(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        return self._endpoint.stream(self, prompt)

    def chunks(self) -> "GeminiChunks":
        return GeminiChunks()

    def request(self, prompt: Prompt, refused: Set[str]) -> tuple[str, dict[str, Any]]:
        contents: list[dict[str, Any]] = [
            {
                "role": "user" if turn.role == "user" else "model",
                "parts": _parts(turn, echo="echo" not in refused),
            }
            for turn in prompt.turns
            if turn.text or turn.images
        ]
        if contents and contents[-1]["role"] == "model":
            contents.append({"role": "user", "parts": [{"text": CONTINUE}]})
        body: dict[str, Any] = {"contents": contents}
        if prompt.system and "system" not in refused:
            body["systemInstruction"] = {"parts": [{"text": prompt.system}]}
        elif prompt.system and contents:
            contents[0]["parts"].insert(0, {"text": f"{prompt.system}\n\n"})
        config: dict[str, Any] = {}
        if prompt.most_output and "maxOutputTokens" not in refused:
            config["maxOutputTokens"] = prompt.most_output
        if prompt.temperature is not None and "temperature" not in refused:
            config["temperature"] = prompt.temperature
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
        config = body.get("generationConfig", {})
        for name, words in _FIGURES.items():
            if name in config and words.search(error.message):
                named.add(name)
        thinks = "thinkingConfig" in config
        if thinks and ("hinking" in error.message or "houghts" in error.message):
            named.add("thinking")
        parts = (part for each in body["contents"] for part in each["parts"])
        if (
            any("thoughtSignature" in part for part in parts)
            and "signature" in error.message.lower()
        ):
            named.add("echo")
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
    """The Chunks of one answer: its first candidate. Calls and files are passed over.

    The wire has no end mark: a reason, then the end of the connection. A blocked question has no
    candidate, only why it was blocked.
    """

    mark = b""

    def __init__(self) -> None:
        self.reason: Reason | None = None
        self.usage: Usage | None = None
        self._signature = ""  # of the last part of the text that has one
        self._signed = self._after = 0  # characters of that part, and behind it

    def chunk(self, chunk: dict[str, Any], events: list[Event]) -> bool:
        if counts := chunk.get("usageMetadata"):
            self.usage = _usage(counts)
        if (chunk.get("promptFeedback") or {}).get("blockReason"):
            self.reason = "filter"
        for candidate in (chunk.get("candidates") or ())[:1]:
            for part in (candidate.get("content") or {}).get("parts") or ():
                self._part(part, events)
            reason = candidate.get("finishReason")
            if reason and reason != _NOT_YET:
                self.reason = _REASONS.get(reason, "other")
        return False

    def rest(self) -> list[Event]:
        if not self._signature:
            return []
        signed = {"thoughtSignature": self._signature, "length": self._signed, "after": self._after}
        return echoes.packed([signed])

    def _part(self, part: dict[str, Any], events: list[Event]) -> None:
        text = clean(part.get("text") or "")
        if part.get("thought") is True:
            if text:
                events.append(ReasoningDelta(text))
            return
        if text:
            events.append(TextDelta(text))
            self._after += len(text)
        if (signature := part.get("thoughtSignature")) and ("text" in part or len(part) == 1):
            self._signature, self._signed, self._after = str(signature), len(text), 0


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


def _parts(turn: Turn, *, echo: bool) -> list[dict[str, Any]]:
    """The text; a signature stands at the part that it came with, and is not to be moved.

    Images before their text. https://ai.google.dev/gemini-api/docs/thought-signatures
    """
    for signed in echoes.unpacked(turn.echo) if echo else ():
        end = max(0, len(turn.text) - signed.get("after", 0))
        start = max(0, end - signed.get("length", 0))
        signature = signed.get("thoughtSignature", "")
        part = {"text": turn.text[start:end], "thoughtSignature": signature}
        around = [{"text": text} if text else {} for text in (turn.text[:start], turn.text[end:])]
        return [each for each in (around[0], part, around[1]) if each]
    images: list[dict[str, Any]] = [
        {"inlineData": {"mimeType": image.type, "data": image.base64()}} for image in turn.images
    ]
    return [*images, {"text": turn.text}] if turn.text else images


def _writes(entry: dict[str, Any]) -> bool:
    methods = entry.get("supportedGenerationMethods")
    return isinstance(methods, list) and "generateContent" in methods


def _own_id(entry: dict[str, Any]) -> str:
    return str(entry.get("name") or "").removeprefix("models/")


def _headers(api_key: str) -> dict[str, str]:
    return {"x-goog-api-key": api_key} if api_key else {}
