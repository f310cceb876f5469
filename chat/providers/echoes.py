"""What a provider wants back with an answer it gave: signatures, sealed thoughts, kept as they are.

Only the wire that made an echo reads it; to everybody else it is a string.
"""

import json
from math import isfinite
from typing import Any

from chat.providers.domain import Echo, Event

LONGEST = 64_000  # characters; what is longer is not kept: no wire needs it to go on talking
DEEPEST = 20  # lists and objects in one another: what can be read is not always to be written


def packed(blocks: list[dict[str, Any]]) -> list[Event]:
    """The event for these blocks; none when there is nothing to keep, or too much."""
    if not blocks or not _flat(blocks, DEEPEST):
        return []
    data = json.dumps(blocks, separators=(",", ":"))
    return [Echo(data)] if len(data) <= LONGEST else []


def unpacked(echo: str) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = json.loads(echo) if echo else []
    return blocks


def _flat(value: object, deepest: int) -> bool:
    """Whether it is nested no deeper than this, and holds no number that JSON does not have."""
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return True
    return deepest > 0 and all(_flat(each, deepest - 1) for each in value)
