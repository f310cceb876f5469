"""What we know about models by their names. The services' own lists say nothing but the names."""

import re
from collections.abc import Mapping

from chat.providers.domain import Model

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
    "gpt-oss": "Open model that thinks before answering",
    "llama3": "General open model, good in English",
    "qwen3-coder": "Open model for programming",
    "qwen3": "Open model, strong in many languages",
    "gemma3": "Compact open model, many languages",
    "mistral": "Light open model for general use",
    "deepseek-r1": "Open model that shows its thinking",
    "phi4": "Small open model, good at reasoning",
}

# On OpenAI's list stand also models that draw, hear, speak or embed, and some that only other
# addresses of its interface serve.
_NO_CHAT = re.compile(
    r"embedding|tts|whisper|transcribe|audio|realtime|dall-e|image|sora|moderation|babbage"
    r"|davinci|instruct|computer-use|codex|deep-research|-pro(-|$)"
)
_DATED = re.compile(r"-(\d{4}-\d\d-\d\d|\d{4})$")
_PLACES = {start: place for place, start in enumerate(NOTES)}


def chats(own_id: str) -> bool:
    """Whether a model of OpenAI answers on the chat-completions address."""
    return not _NO_CHAT.search(own_id)


def rank(model: Model) -> tuple[bool, int]:
    """Where a model stands in its group: fixed copies of a day last, else as the endpoint lists."""
    return bool(_DATED.search(model.own_id)), _family(model.own_id)


def _family(own_id: str) -> int:
    return next((place for start, place in _PLACES.items() if own_id.startswith(start)), len(NOTES))
