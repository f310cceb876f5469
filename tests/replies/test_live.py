"""How often a reply that grows is rendered."""

import asyncio
import time
from collections.abc import Callable

import pytest

from chat.replies.live import Live
from chat.web.blocks import Document


def wait(seconds: float) -> None:
    time.sleep(seconds)


def work(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


async def rendered_twice(live: Live) -> float:
    """Seconds between the ends of two renderings of a reply that always has something new."""
    for seen in range(2):
        live.feed("word ")
        before = time.monotonic()
        await live.fresh(seen)
    return time.monotonic() - before


@pytest.mark.parametrize(("delay", "often"), [(wait, True), (work, False)])
async def test_only_a_rendering_that_costs_much_is_made_less_often(
    monkeypatch: pytest.MonkeyPatch, delay: Callable[[float], None], often: bool
) -> None:
    """A process that had to wait for a core once does not keep its readers waiting for it."""
    advance = Document.advance

    def slow(document: Document) -> None:
        monkeypatch.setattr(Document, "advance", advance)
        delay(0.4)
        advance(document)

    monkeypatch.setattr(Document, "advance", slow)
    async with asyncio.timeout(30):
        spent = await rendered_twice(Live("r", "a", "c"))

    assert (spent < 3) == often
