"""What the chunks of a chat-completions stream mean."""

from collections.abc import Mapping
from typing import Any

from chat.providers import echoes
from chat.providers.answer import Reason, clean, count
from chat.providers.domain import Event, ProviderError, ReasoningDelta, TextDelta, Usage

_GROWING = ("text", "summary")
_OF_AN_ENTRY = 100  # characters, about, for what else it says
_NEAR = 90  # white space before <think> that may be
_REASONS: Mapping[str, Reason] = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "length": "length",
    "max_tokens": "length",
    "content_filter": "filter",
    "tool_calls": "tool",
    "function_call": "tool",
}


class OpenAIChunks:
    """The Chunks of OpenAI and of all who imitate it."""

    mark = b"[DONE]"

    def __init__(self) -> None:
        self.reason: Reason | None = None
        self.usage: Usage | None = None
        self._opening: _Opening | None = _Opening()
        self._details: _Details | None = None
        self._echoed = False

    def chunk(self, chunk: dict[str, Any], events: list[Event]) -> bool:
        if usage := chunk.get("usage"):
            self.usage = _usage(usage)
        for choice in chunk.get("choices") or ():
            if delta := choice.get("delta") or choice.get("message"):
                self._delta(delta, events)
            if reason := choice.get("finish_reason"):
                if reason == "error":
                    raise ProviderError("overloaded", "the provider gave up in the middle")
                self.reason = _REASONS.get(reason, "other")
        return False

    def rest(self) -> list[Event]:
        opening, self._opening = self._opening, None
        held = opening.rest() if opening else []
        return held + (self._details.echo() if self._details else [])

    def _delta(self, delta: dict[str, Any], events: list[Event]) -> None:
        thought = (
            delta.get("reasoning_content") or delta.get("reasoning") or delta.get("reasoning_text")
        )
        if thought and type(thought) is str:
            events.append(ReasoningDelta(clean(thought)))
        if details := delta.get("reasoning_details"):  # OpenRouter's
            self._details = self._details or _Details()
            self._details.add(details)
        text = delta.get("content") or delta.get("refusal")
        if not text:
            return
        text = clean(text if type(text) is str else _parts(text))
        if self._details and not self._echoed:  # now, for an answer that is stopped; and at the end
            self._echoed = True
            events += self._details.echo()
        if self._opening is None:
            events.append(TextDelta(text))
            return
        events += self._opening.feed(text)
        if self._opening.over:
            self._opening = None


class _Details:
    """Thoughts as OpenRouter gives them beside the text: pieces with one number belong together.

    They go back all and in order, if there is a signature or something sealed among them.
    https://openrouter.ai/docs/use-cases/reasoning-tokens
    """

    def __init__(self) -> None:
        self._found: list[dict[str, Any]] = []
        self._size = 0
        self._sealed = False

    def add(self, details: object) -> None:
        for detail in details if isinstance(details, list) else ():
            if isinstance(detail, dict) and self._size <= echoes.LONGEST:
                self._take({name: value for name, value in detail.items() if value is not None})

    def echo(self) -> list[Event]:
        if not self._sealed or self._size > echoes.LONGEST:
            return []
        return echoes.packed(
            [
                {
                    name: "".join(value) if name in _GROWING else value
                    for name, value in each.items()
                }
                for each in self._found
            ]
        )

    def _take(self, said: dict[str, Any]) -> None:
        last = self._found[-1] if self._found else {}
        number, kind = said.get("index"), said.get("type")
        if "data" in said or (number, kind) != (last.get("index"), last.get("type")) or not last:
            self._found.append(last := {})
            self._size += _OF_AN_ENTRY
        for name, value in said.items():
            if name not in _GROWING:
                if last.get(name) != value:
                    last[name] = value
                    self._size += len(name) + len(str(value))
            elif value and type(value) is str:
                last.setdefault(name, []).append(value)
                self._size += len(value)
        self._sealed = self._sealed or bool(said.get("signature") or said.get("data"))


class _Opening:
    """Text until it is sure whether it begins with <think>, and then until </think>.

    Anywhere else the tag is text: people ask about it.
    """

    def __init__(self) -> None:
        self.over = False
        self._thinking = False
        self._held = ""

    def feed(self, text: str) -> list[Event]:
        text, self._held = self._held + text, ""
        if not self._thinking:
            start = text.lstrip()
            near = len(text) - len(start) < _NEAR
            if near and "<think>".startswith(start[:7]) and start[:7] != "<think>":
                self._held = text
                return []
            if not (near and start.startswith("<think>")):
                self.over = True
                return [TextDelta(text)]
            self._thinking, text = True, start[7:]
        thought, found, answer = text.partition("</think>")
        if not found:
            most = min(7, len(text))
            keep = next((n for n in range(most, 0, -1) if "</think>".startswith(text[-n:])), 0)
            thought, self._held = text[: len(text) - keep], text[len(text) - keep :]
        self.over = bool(found)
        events: list[Event] = [ReasoningDelta(thought)] if thought else []
        return [*events, TextDelta(answer)] if answer else events

    def rest(self) -> list[Event]:
        if not self._held:
            return []
        return [ReasoningDelta(self._held) if self._thinking else TextDelta(self._held)]


def _usage(usage: dict[str, Any]) -> Usage:
    cached = usage.get("prompt_tokens_details") or {}
    reasoning = usage.get("completion_tokens_details") or {}
    return Usage(
        input=count(usage.get("prompt_tokens")),
        output=count(usage.get("completion_tokens")),
        cached=count(cached.get("cached_tokens") or usage.get("prompt_cache_hit_tokens")),
        reasoning=count(reasoning.get("reasoning_tokens")),
    )


def _parts(content: list[dict[str, Any]]) -> str:
    return "".join(part["text"] for part in content if part.get("type") == "text")
