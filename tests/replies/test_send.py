"""A message is sent, and its reply grows."""

import asyncio
from contextlib import suppress

from tests.people import Person, conversation_of, reply_of
from tests.rows import count, until
from tests.site import Site
from tests.upstream import Answer, Upstream


async def test_a_first_message_begins_a_conversation(ada: Person, upstream: Upstream) -> None:
    sent = await ada.send("What is the capital of Portugal?")

    assert sent.status == 200
    assert sent.headers["HX-Push-Url"] == f"/conversations/{conversation_of(sent)}"
    assert sent.words("[data-role=user] [data-part=text]") == "What is the capital of Portugal?"
    assert sent.words("h1") == "What is the capital of Portugal?"
    await ada.watched(reply_of(sent))


async def test_the_reply_is_streamed_and_stored(ada: Person, upstream: Upstream) -> None:
    held, events = asyncio.Event(), []
    upstream.will(Answer(["Lis", "bon", " it is."], held=held))

    sent = await ada.send("What is the capital of Portugal?")
    async for event in ada.events(reply_of(sent)):
        events.append(event)
        held.set()

    final = events[-1].html.select_one(f"#m-{reply_of(sent)}")
    assert len(events) > 1
    assert final is not None and final["data-state"] == "complete"
    assert "hx-sse:connect" not in final.attrs
    page = await ada.get(f"/conversations/{conversation_of(sent)}")
    assert page.words("[data-role=assistant] [data-part=text]") == "Lisbon it is."


async def test_a_sender_who_leaves_at_once_gets_the_reply_all_the_same(
    site: Site, ada: Person
) -> None:
    """Wherever the connection breaks: no message is left without its reply, none is doubled."""
    sent = await ada.send("Hello")
    await ada.watched(reply_of(sent))
    talk = conversation_of(sent)

    async def none_is_running() -> bool:
        running = "conversation_id = :id AND state IN ('pending', 'streaming')"
        return await count(site, "replies", running, id=talk) == 0

    for number in range(40):
        with suppress(TimeoutError):
            async with asyncio.timeout(0.0003 * number):
                await ada.send(f"Number {number}", talk, key=f"{talk}{number}")
        await until(none_is_running, within=15)
        assert (await ada.send(f"Number {number}", talk, key=f"{talk}{number}")).status == 200
        await until(none_is_running, within=15)

    asked = await count(site, "messages", "conversation_id = :id AND role = 'user'", id=talk)
    assert asked == 41
    assert await count(site, "replies", "conversation_id = :id", id=talk) == 41
