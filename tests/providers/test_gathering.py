"""What comes between two renderings is taken in with one read, and nothing is lost by it."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, aclosing

import aiohttp
import pytest

from chat.providers import pace
from chat.providers.domain import Done, Event, ProviderError, TextDelta
from chat.providers.http import session
from chat.providers.openai import OpenAI
from chat.providers.pace import PACE
from tests.providers.wire import END, FAST, Upstream, frame, prompt, text_of

WORDS = [frame({"content": f"{word} "}) for word in ("once", "upon", "a", "time")]


@pytest.fixture
def slow_pace() -> Iterator[None]:
    """Half a second between two reads, as with hundreds of open pages."""
    with ExitStack() as reading:
        for _ in range(1_000):
            reading.enter_context(PACE.reader())
        yield


@pytest.fixture
def endless_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute between two reads: nothing happens by itself."""
    monkeypatch.setattr(pace, "TICK", 60)
    monkeypatch.setattr(pace, "LONGEST_TICK", 60)


class Turns:
    """Counts the turns of the event loop while it is open."""

    def __init__(self) -> None:
        self.number = 0
        self._counting = asyncio.create_task(self._count())

    async def _count(self) -> None:
        while True:
            self.number += 1
            await asyncio.sleep(0.001)

    def close(self) -> None:
        self._counting.cancel()


async def _slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    for piece in (frame({"content": "Well: "}), *WORDS, END):
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.02)
    writer.close()


@pytest.mark.usefixtures("slow_pace")
async def test_words_that_come_one_by_one_are_handed_on_together(
    http: aiohttp.ClientSession,
) -> None:
    server = await asyncio.start_server(_slowly, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    turns, events, came = Turns(), list[Event](), list[int]()
    async with aclosing(OpenAI("o", "O", url, "", http, limits=FAST).stream(prompt())) as stream:
        async for event in stream:
            events.append(event)
            came.append(turns.number)
    turns.close()
    server.close()

    assert text_of(events) == "Well: once upon a time "
    assert events[-1] == Done("stop")
    assert len(set(came[1:5])) == 1 < len(set(came))


@pytest.mark.usefixtures("endless_pace")
async def test_whoever_stops_does_not_wait_for_the_next_read(
    upstream: Upstream, provider: OpenAI
) -> None:
    upstream.answer(WORDS[0], None)
    stream = provider.stream(prompt())
    assert await anext(stream) == TextDelta("once ")
    resting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)

    resting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await resting
    async with asyncio.timeout(PACE.tick / 2):
        await upstream.left.wait()


@pytest.mark.usefixtures("slow_pace")
async def test_a_client_that_is_closed_meanwhile_says_so_in_our_words(upstream: Upstream) -> None:
    upstream.answer(WORDS[0], None)
    http = session()
    stream = OpenAI("o", "O", upstream.url, "", http, limits=FAST).stream(prompt())
    assert await anext(stream) == TextDelta("once ")
    resting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    await http.close()

    with pytest.raises(ProviderError) as found:
        await resting
    assert found.value.kind == "truncated"


@pytest.mark.usefixtures("endless_pace")
async def test_whoever_hurries_has_what_came_by_then(http: aiohttp.ClientSession) -> None:
    rests, came = asyncio.Event(), asyncio.Event()

    async def twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + WORDS[0])
        await writer.drain()
        await rests.wait()
        writer.write(WORDS[1])
        came.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(twice, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    heard = list[Event]()

    async def hear() -> None:
        async with aclosing(OpenAI("o", "O", url, "", http, limits=FAST).stream(prompt())) as told:
            async for event in told:
                heard.append(event)
                rests.set()  # it does before anybody else has a turn

    hearing = asyncio.create_task(hear())
    await came.wait()
    before = text_of(heard)
    await asyncio.sleep(0.1)  # what was written may still be on its way through the kernel
    await PACE.hurry()
    hearing.cancel()
    await asyncio.wait({hearing})
    server.close()

    assert (before, text_of(heard)) == ("once ", "once upon ")
