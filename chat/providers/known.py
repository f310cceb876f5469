"""What we know about models by their names, where the services' own lists say no more."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from chat.providers.domain import Model

T = TypeVar("T")

# By the beginning of the id; the first that fits, so the longer one comes first.
NOTES: Mapping[str, str] = {
    "gpt-5-nano": "Fastest and cheapest, for simple tasks",
    "gpt-5-mini": "Quick and inexpensive, for clear tasks",
    "gpt-5": "Strong at reasoning, code and writing",
    "gpt-4.1-nano": "Very fast, for short simple tasks",
    "gpt-4.1-mini": "Fast, with a very long memory",
    "gpt-4.1": "Careful with instructions, reads long texts",
    "gpt-4o-mini": "Small, quick all-rounder for everyday questions",
    "gpt-4o": "All-rounder for everyday conversation",
    "o4-mini": "Thinks first, quick at mathematics",
    "o3-mini": "Thinks first, small, for technical questions",
    "o3": "Thinks long, for hard technical questions",
    "claude-haiku": "Quick and inexpensive, for clear tasks",
    "claude-sonnet": "Strong at reasoning, code and writing",
    "claude-opus": "Thinks long, for hard technical questions",
    "gemini-2.5-flash-lite": "Fastest and cheapest, for simple tasks",
    "gemini-2.5-flash": "Fast, with a very long memory",
    "gemini-2.5-pro": "Careful with instructions, reads long texts",
    "gpt-oss": "Open model that thinks before answering",
    "llama3": "General open model, good in English",
    "qwen3-coder": "Open model for programming",
    "qwen3": "Open model, strong in many languages",
    "gemma3": "Compact open model, many languages",
    "gemma-3": "Compact open model, many languages",
    "mistral": "Light open model for general use",
    "deepseek-r1": "Open model that shows its thinking",
    "phi4": "Small open model, good at reasoning",
}

# Tokens of the window and of the longest answer, 0 where it need not be sent; found as above.
LIMITS: Mapping[str, tuple[int, int]] = {
    "gpt-5": (400_000, 0),
    "gpt-4.1": (1_047_576, 0),
    "gpt-4o": (128_000, 0),
    "chatgpt-4o": (128_000, 0),
    "gpt-4-turbo": (128_000, 0),
    "gpt-4": (8_192, 0),
    "gpt-3.5": (16_385, 0),
    "o1": (200_000, 0),
    "o3": (200_000, 0),
    "o4": (200_000, 0),
    "claude-3-7": (200_000, 64_000),
    "claude-3-5": (200_000, 8_192),
    "claude-3": (200_000, 4_096),
    "claude-opus": (200_000, 32_000),
    "claude": (200_000, 64_000),
    "gemini": (1_048_576, 0),
}

# Of these, whose endpoints do not say it: whether they read images, and whether they think first.
SEES: Mapping[str, bool] = {
    "gpt-5": True,
    "gpt-4.1": True,
    "gpt-4o": True,
    "chatgpt-4o": True,
    "gpt-4-turbo": True,
    "o1-mini": False,
    "o1-preview": False,
    "o1": True,
    "o3-mini": False,
    "o3": True,
    "o4": True,
    "claude": True,
    "gemini": True,
    "gemma3:270m": False,
    "gemma3:1b": False,
    "gemma3": True,
    "llava": True,
    "llama3.2-vision": True,
    "qwen2.5vl": True,
    "qwen3-vl": True,
}
REASONS: Mapping[str, bool] = {
    "gpt-5-chat": False,
    "gpt-5": True,
    "gpt-oss": True,
    "o1": True,
    "o3": True,
    "o4": True,
    "deepseek-r1": True,
}

# On OpenAI's list stand also models that draw, hear, speak or embed, and some that only other
# addresses of its interface serve.
_NO_CHAT = re.compile(
    r"embedding|tts|whisper|transcribe|audio|realtime|dall-e|image|sora|moderation|babbage"
    r"|davinci|instruct|computer-use|codex|deep-research|-pro(-|$)"
)
# On Google's, too, and they answer to the same method as the ones that write.
_NO_TEXT = re.compile(r"embedding|tts|audio|image|live|robotics|computer-use")
_DATED = re.compile(r"-(\d{4}-\d\d-\d\d|\d{4})$")
_PLACES = {start: place for place, start in enumerate(NOTES)}


def chats(own_id: str) -> bool:
    """Whether a model of OpenAI answers on the chat-completions address."""
    return not _NO_CHAT.search(own_id)


def writes(own_id: str) -> bool:
    """Whether a model of Google is for conversation."""
    return not _NO_TEXT.search(own_id)


def completed(model: Model) -> Model:
    """With the limits and abilities we know of, where the endpoint told none."""
    context, max_output = _first(LIMITS, model.own_id, (0, 0))
    return replace(
        model,
        context=model.context or context,
        max_output=model.max_output or max_output,
        reasons=model.reasons or _first(REASONS, model.own_id, False),
        sees=model.sees or _first(SEES, model.own_id, False),
    )


def rank(model: Model) -> tuple[bool, int]:
    """Where a model stands in its group: fixed copies of a day last, else as the endpoint lists."""
    return bool(_DATED.search(model.own_id)), _family(model.own_id)


def _first(told: Mapping[str, T], own_id: str, otherwise: T) -> T:
    return next((what for start, what in told.items() if own_id.startswith(start)), otherwise)


def _family(own_id: str) -> int:
    return next((place for start, place in _PLACES.items() if own_id.startswith(start)), len(NOTES))
