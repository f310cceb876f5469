"""Bounds of CPU time that hold on slow machines too: the unit is what an ordinary text takes."""

import time
from functools import cache

from chat.web import markdown

ORDINARY = ("word *word* and `word` " * 8 + "\n\n- item\n- **item**\n\n") * 450
HERE = 0.235  # CPU seconds that ORDINARY took where the bounds were measured
NOISE = 4  # neighbours cost that much, and what is not linear costs more


@cache
def _slowness() -> float:
    best = HERE * 100
    for _ in range(3):
        started = time.process_time()
        markdown.render(ORDINARY[:100_000])
        best = min(best, time.process_time() - started)
    return max(1.0, best / HERE)


def bound(seconds: float) -> float:
    """CPU seconds at most on this machine for so many where they were measured, in peace."""
    return seconds * _slowness() * NOISE
