"""What a provider wants back with an answer it gave: signatures, sealed thoughts, kept as they are.

Only the wire that made an echo reads it; to everybody else it is a string.
"""

import json
from typing import Any

from chat.providers.domain import Echo, Event

LONGEST = 64_000  # characters; what is longer is not kept: no wire needs it to go on talking


def packed(blocks: list[dict[str, Any]]) -> list[Event]:
    """The event for these blocks; none when there is nothing to keep, or too much."""
    if not blocks:
        return []
    data = json.dumps(blocks, separators=(",", ":"))
    return [Echo(data)] if len(data) <= LONGEST else []


def unpacked(echo: str) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = json.loads(echo) if echo else []
    return blocks
