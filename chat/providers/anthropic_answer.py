"""What the chunks of a message mean, and which of its blocks go back with it."""

from collections.abc import Mapping
from typing import Any

from chat.providers import echoes
from chat.providers.answer import Reason, clean, count
from chat.providers.domain import Event, ReasoningDelta, TextDelta, Usage

_REASONS: Mapping[str, Reason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "filter",
    "tool_use": "tool",
}
_COUNTED = (
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
)
_THOUGHT = ("thinking_tokens",)
_OF_A_BLOCK = 100  # characters, about, for what else it says


class AnthropicChunks:
    """The Chunks of one message. Tools and pings are passed over."""

    mark = b""

    def __init__(self) -> None:
        self.reason: Reason | None = None
        self.usage: Usage | None = None
        self._counts = dict.fromkeys((*_COUNTED, *_THOUGHT), 0)
        self._sealed: _Sealed | None = _Sealed()

    def chunk(self, chunk: dict[str, Any], events: list[Event]) -> bool:
        kind = chunk.get("type")
        if kind == "content_block_delta":
            self._part(chunk["delta"], events)
        elif kind == "content_block_start":
            self._part(chunk["content_block"], events)
        elif kind == "message_start":
            self._count(chunk["message"].get("usage"))
        elif kind == "message_delta":
            self._count(chunk.get("usage"))
            if reason := chunk["delta"].get("stop_reason"):
                self.reason = _REASONS.get(reason, "other")
        return kind == "message_stop"

    def rest(self) -> list[Event]:
        return []

    def _part(self, part: dict[str, Any], events: list[Event]) -> None:
        kind = part.get("type")
        if kind in ("text_delta", "text"):
            if text := part["text"]:
                if self._sealed:  # what goes back is what came before the text
                    events += self._sealed.echo()
                    self._sealed = None
                events.append(TextDelta(clean(text)))
            return
        if self._sealed:
            self._sealed.part(kind, part)
        if kind in ("thinking_delta", "thinking") and (thought := part["thinking"]):
            events.append(ReasoningDelta(clean(thought)))

    def _count(self, usage: dict[str, Any] | None) -> None:
        """Counts so far: what a later chunk leaves out stays as it was."""
        if not usage:
            return
        so_far = self._counts
        thought = usage.get("output_tokens_details") or {}
        for told, names in ((usage, _COUNTED), (thought, _THOUGHT)):
            for name in names:
                if (value := told.get(name)) is not None:
                    so_far[name] = count(value)
        cached, written = so_far["cache_read_input_tokens"], so_far["cache_creation_input_tokens"]
        self.usage = Usage(
            input=so_far["input_tokens"] + cached + written,
            output=so_far["output_tokens"],
            cached=cached,
            written=written,
            reasoning=so_far["thinking_tokens"],
        )


class _Sealed:
    """Blocks of thoughts as they came: one with a signature goes back with it, word for word."""

    def __init__(self) -> None:
        self._blocks: list[dict[str, Any]] = []
        self._thoughts: list[str] = []  # of the block that is open
        self._signed = False  # whether it is
        self._size = 0

    def part(self, kind: object, part: dict[str, Any]) -> None:
        if self._size > echoes.LONGEST:
            return
        if kind == "redacted_thinking":
            self._add(type=kind, data=part["data"])
        elif kind == "thinking":
            self._thoughts, self._signed = [], False
        if kind in ("thinking", "thinking_delta") and (thought := part["thinking"]):
            self._thoughts.append(str(thought))
            self._size += len(thought)
        if kind in ("thinking", "signature_delta") and (signature := part.get("signature")):
            if self._signed:  # once more: the later one counts, as for the official client
                self._blocks.pop()
            self._signed = True
            self._add(type="thinking", thinking="".join(self._thoughts), signature=signature)

    def echo(self) -> list[Event]:
        return echoes.packed(self._blocks) if self._size <= echoes.LONGEST else []

    def _add(self, **block: Any) -> None:
        self._size += _OF_A_BLOCK + len(str(block.get("data") or block.get("signature")))
        self._blocks.append(block)
