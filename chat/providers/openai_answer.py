"""The answer of a chat-completions server: bytes of its event stream in, typed events out."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from chat.providers.domain import (
    Done,
    Event,
    ProviderError,
    ReasoningDelta,
    TextDelta,
    Usage,
)
from chat.providers.faults import from_payload
from chat.providers.http import Lines

Reason = Literal["stop", "length", "filter", "tool", "other"]
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
_decode = json.JSONDecoder().decode


class Answer:
    """One answer while it is read. No socket and no clock in here.

    Ends once: either `ended` is true and the last event was Done, or `fault` says what went wrong.
    """

    def __init__(self, api_key: str = "") -> None:
        self.ended = False
        self.fault: ProviderError | None = None
        self.reason: Reason | None = None  # known: the text is complete, only usage may follow
        self._api_key = api_key
        self._lines = Lines()
        self._usage: Usage | None = None
        self._opening: _Opening | None = _Opening()

    def feed(self, data: bytes) -> list[Event]:
        """The events in the next bytes, whatever their cut."""
        events: list[Event] = []
        if self.ended or self.fault:
            return events
        try:
            for line in self._lines.feed(data):
                self._line(line, events)
                if self.ended:
                    break
        except ProviderError as error:
            events += self.stop(error)
        return events

    def stop(self, error: ProviderError | None = None) -> list[Event]:
        """The last events, when nothing more comes: the connection ended, or failed with `error`.

        A server that never said it was finished was cut off, however cleanly it closed.
        """
        events: list[Event] = []
        if error is None:
            events += self.feed(b"\n")  # the last line may lack its newline
            error = ProviderError("truncated", "the stream ended without saying so")
        if self.ended or self.fault:
            return events
        if self.reason is None:
            self.fault = error
            events += self._held()
        else:
            self._end(events)
        return events

    def _line(self, line: bytes, events: list[Event]) -> None:
        if line.startswith(b"data:"):
            payload = line[5:].strip()
        elif line.startswith(b"{"):  # no stream at all: the answer, or an error, in one piece
            payload = line
        elif line.startswith(b"error:"):  # older llama.cpp
            payload = b'{"error":%b}' % line[6:].strip()
        elif line.startswith(b"<"):
            raise ProviderError("protocol", "a page came instead of an event stream")
        else:
            return  # a comment, the name or the number of an event, the line between two
        if payload == b"[DONE]":
            self._end(events)
        elif payload:
            try:
                self._chunk(_decode(payload.decode("utf-8", "replace")), events)
            except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
                name = type(error).__name__  # not its words: they can hold the text
                raise ProviderError("protocol", f"a chunk cannot be read ({name})") from error

    def _chunk(self, chunk: dict[str, Any], events: list[Event]) -> None:
        if chunk.get("error"):
            raise from_payload(chunk, api_key=self._api_key)
        if usage := chunk.get("usage"):
            self._usage = _usage(usage)
        for choice in chunk.get("choices") or ():
            if delta := choice.get("delta") or choice.get("message"):
                self._delta(delta, events)
            if reason := choice.get("finish_reason"):
                if reason == "error":
                    raise ProviderError("overloaded", "the provider gave up in the middle")
                self.reason = _REASONS.get(reason, "other")

    def _delta(self, delta: dict[str, Any], events: list[Event]) -> None:
        thought = (
            delta.get("reasoning_content") or delta.get("reasoning") or delta.get("reasoning_text")
        )
        if thought and type(thought) is str:
            events.append(ReasoningDelta(_clean(thought)))
        text = delta.get("content") or delta.get("refusal")
        if not text:
            return
        text = _clean(text if type(text) is str else _parts(text))
        if self._opening is None:
            events.append(TextDelta(text))
            return
        events += self._opening.feed(text)
        if self._opening.over:
            self._opening = None

    def _held(self) -> list[Event]:
        opening, self._opening = self._opening, None
        return opening.rest() if opening else []

    def _end(self, events: list[Event]) -> None:
        events += self._held()
        if self._usage:
            events.append(self._usage)
        events.append(Done(self.reason or "stop"))
        self.ended = True


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
            if len(text) < 100 and "<think>".startswith(start[:7]) and start[:7] != "<think>":
                self._held = text
                return []
            if not start.startswith("<think>"):
                self.over = True
                return [TextDelta(text)]
            self._thinking, text = True, start[7:]
        thought, found, answer = text.partition("</think>")
        if not found:
            keep = next((n for n in range(7, 0, -1) if "</think>".startswith(text[-n:])), 0)
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
        input=_count(usage.get("prompt_tokens")),
        output=_count(usage.get("completion_tokens")),
        cached=_count(cached.get("cached_tokens") or usage.get("prompt_cache_hit_tokens")),
        reasoning=_count(reasoning.get("reasoning_tokens")),
    )


def _count(value: object) -> int:
    return value if type(value) is int and 0 <= value < 2**31 else 0


def _parts(content: list[dict[str, Any]]) -> str:
    return "".join(part["text"] for part in content if part.get("type") == "text")


def _clean(text: str) -> str:
    """Without what no database and no page can hold: NUL and half surrogate pairs."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
