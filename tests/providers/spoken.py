"""The wires of Anthropic and Google: their frames, and what speaks them with a stand-in."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from chat.providers.answer import Chunks
from chat.providers.anthropic import Anthropic
from chat.providers.anthropic_answer import AnthropicChunks
from chat.providers.domain import Model, Prompt, Provider, Turn
from chat.providers.gemini import Gemini, GeminiChunks
from chat.providers.http import Limits


@dataclass(frozen=True)
class Spoken:
    """One wire. `text` and `thought` make a frame each, `end` ends a stream well."""

    name: str
    chunks: Callable[[], Chunks]
    make: Callable[[str, aiohttp.ClientSession, Limits], Provider]
    text: Callable[[str], bytes]
    thought: Callable[[str], bytes]
    end: bytes
    overloaded: bytes  # an error in the middle of a stream


def data(chunk: object) -> bytes:
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def event(kind: str, **fields: Any) -> bytes:
    """One event as Anthropic sends it: its name stands outside and inside."""
    return f"event: {kind}\n".encode() + data({"type": kind, **fields})


def block(*deltas: dict[str, Any], index: int = 0, **fields: Any) -> bytes:
    """A whole block: how it opens, then its deltas."""
    opened = event("content_block_start", index=index, content_block=fields)
    inner = (event("content_block_delta", index=index, delta=each) for each in deltas)
    return b"".join([opened, *inner, event("content_block_stop", index=index)])


def delta(**fields: Any) -> bytes:
    return event("content_block_delta", index=0, delta=fields)


def said(text: str) -> bytes:
    return block({"type": "text_delta", "text": text}, type="text", text="")


def stopped(reason: str | None = "end_turn", **usage: Any) -> bytes:
    fields = {"stop_reason": reason, "stop_sequence": None}
    return event("message_delta", delta=fields, usage={"output_tokens": 5, **usage})


def started(**usage: Any) -> bytes:
    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "content": [],
        "model": "m1",
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 9, "output_tokens": 1, **usage},
    }
    return event("message_start", message=message)


def candidate(*parts: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    """One chunk as Gemini sends it; `more` are its other fields."""
    its: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": 0}
    if finish:
        its["finishReason"] = finish
    return data({"candidates": [its], **more})


def asked(text: str = "Hello", **model: Any) -> Prompt:
    return Prompt(Model("anthropic/m1", "Ordered", "m1", **model), (Turn("user", text),))


ANTHROPIC = Spoken(
    "anthropic",
    AnthropicChunks,
    lambda url, http, limits: Anthropic("anthropic", "Ordered", url, "key-1", http, limits=limits),
    lambda text: delta(type="text_delta", text=text),
    lambda text: delta(type="thinking_delta", thinking=text),
    stopped() + event("message_stop"),
    event("error", error={"type": "overloaded_error", "message": "Overloaded"}),
)
GEMINI = Spoken(
    "gemini",
    GeminiChunks,
    lambda url, http, limits: Gemini("gemini", "Ordered", url, "key-1", http, limits=limits),
    lambda text: candidate({"text": text}),
    lambda text: candidate({"text": text, "thought": True}),
    candidate(finish="STOP"),
    data({"error": {"code": 503, "message": "Overloaded", "status": "UNAVAILABLE"}}),
)
WIRES = (ANTHROPIC, GEMINI)
