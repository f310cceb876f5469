"""How much one account may ask for: messages a minute, replies at once, open streams."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from tests.conftest import SiteMaker
from tests.people import Person, conversation_of, reply_of
from tests.raw import ask
from tests.rows import count, until
from tests.upstream import Answer, Upstream


@asynccontextmanager
async def following(person: Person, reply: str) -> AsyncIterator[None]:
    """A stream that is open, and has shown something, for as long as the block lasts."""
    begun = asyncio.Event()

    async def read() -> None:
        async for _ in person.events(reply):
            begun.set()

    reading = asyncio.create_task(read())
    await begun.wait()
    try:
        yield
    finally:
        reading.cancel()
        await asyncio.wait({reading})


async def test_only_so_many_replies_are_written_at_once(
    make_site: SiteMaker, people: Callable[..., Person], upstream: Upstream
) -> None:
    site = await make_site(LIMIT_REPLIES="2")
    ada, held = people(site), asyncio.Event()
    await ada.register()
    upstream.will(*[Answer(["One", "two"], held=held) for _ in range(2)])
    running = [await ada.send(f"Number {n}") for n in range(2)]

    refused = await ada.send("Number 3")
    held.set()
    await asyncio.gather(*(ada.watched(reply_of(answer)) for answer in running))
    later = await ada.send("Number 3")

    assert refused.status == 429
    assert refused.one(".notice")["data-code"] == "too_many"
    assert int(refused.headers["Retry-After"]) > 0
    assert later.status == 200
    await ada.watched(reply_of(later))


async def test_only_so_many_messages_are_sent_in_a_minute(
    make_site: SiteMaker, people: Callable[..., Person]
) -> None:
    site = await make_site(LIMIT_SENDS="2")
    ada, eve = people(site), people(site)
    await asyncio.gather(ada.register(), eve.register())
    for number in range(2):
        sent = await ada.send(f"Number {number}")
        await ada.watched(reply_of(sent))

    refused = await ada.send("Number 3")
    page = await ada.post("/conversations", {"text": "Number 3", "model": "openai/tiny"})
    other = await eve.send("Mine is the first")

    assert refused.status == page.status == 429
    assert refused.one(".notice")["data-code"] == "too_many"
    assert page.one("main [data-code]")["data-code"] == "too_many"
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert page.words("textarea") == "Number 3"
    assert await count(site, "messages") == 4 + 2
    assert other.status == 200
    await eve.watched(reply_of(other))


async def test_one_account_opens_only_so_many_streams(
    make_site: SiteMaker, people: Callable[..., Person], upstream: Upstream
) -> None:
    """S092: the one too many is refused, and a place that was left is free again."""
    site = await make_site(LIMIT_STREAMS="2")
    ada, held = people(site), asyncio.Event()
    await ada.register()
    upstream.will(Answer(["One ENDMARK", "two"], held=held))
    sent = await ada.send("Hello")
    path = f"/replies/{reply_of(sent)}/stream"

    async with following(ada, reply_of(sent)):
        async with following(ada, reply_of(sent)):
            refused = await ada.get(path, headers={"Accept": "text/event-stream"})
            live = await ada.get(f"/conversations/{conversation_of(sent)}/live")

        async def free() -> bool:
            return (await ask(ada, "HEAD", path)).status == 200

        await until(free, within=15)
    held.set()
    await ada.watched(reply_of(sent))

    assert refused.status == live.status == 429
    assert refused.one("[data-code]")["data-code"] == "too_many"
    assert int(refused.headers["Retry-After"]) > 0


async def test_a_burst_of_streams_stays_within_the_limit(
    make_site: SiteMaker, people: Callable[..., Person], upstream: Upstream
) -> None:
    site, held, looked = await make_site(LIMIT_STREAMS="3"), asyncio.Event(), asyncio.Event()
    ada, shown, ended = people(site), 0, 0
    await ada.register()
    upstream.will(Answer(["One", "two"], held=held))
    reply = reply_of(await ada.send("Hello"))

    async def watch() -> None:
        nonlocal shown, ended
        try:
            async for _ in ada.events(reply):
                shown += 1
                await looked.wait()
        except AssertionError:  # 429
            pass
        finally:
            ended += 1

    watching = [asyncio.create_task(watch()) for _ in range(30)]
    await until(lambda: _is(ended + shown >= 30), within=10)
    within = shown
    held.set()
    looked.set()
    await asyncio.gather(*watching)

    assert 1 <= within <= 3


async def _is(true: bool) -> bool:
    return true
