"""A conversation is deleted with everything that hangs on it."""

import asyncio

from tests.conversations.test_history import shown
from tests.people import Person, conversation_of, reply_of
from tests.raw import ask
from tests.rows import count, until
from tests.site import Site
from tests.talks import add_messages, add_talks
from tests.upstream import Answer, Upstream


async def left_of(site: Site, talk: str) -> dict[str, int]:
    """Rows that still name a conversation."""
    chunks = "reply_id IN (SELECT id FROM replies WHERE conversation_id = :id)"
    return {
        "conversations": await count(site, "conversations", "id = :id", id=talk),
        "messages": await count(site, "messages", "conversation_id = :id", id=talk),
        "replies": await count(site, "replies", "conversation_id = :id", id=talk),
        "chunks": await count(site, "reply_chunks", chunks, id=talk),
    }


async def test_all_of_it_is_gone_and_nothing_else(site: Site, ada: Person) -> None:
    ids = await add_talks(site, ada, 2)
    for talk in ids:
        await add_messages(site, ada, talk, 6)
    before = await left_of(site, ids[0])

    gone = await ask(ada, "POST", f"/conversations/{ids[0]}/deletion")

    assert before == {"conversations": 1, "messages": 6, "replies": 3, "chunks": 0}
    assert gone.status == 303
    assert gone.headers["Location"] == "/"
    assert set((await left_of(site, ids[0])).values()) == {0}
    assert await left_of(site, ids[1]) == before
    assert (await ada.get(f"/conversations/{ids[0]}")).status == 404
    assert shown(await ada.get("/")) == [ids[1]]


async def test_a_fragment_request_is_led_away(site: Site, ada: Person) -> None:
    talk = (await add_talks(site, ada, 1))[0]

    gone = await ada.partial(f"/conversations/{talk}/deletion")

    assert gone.status == 200
    assert gone.headers["HX-Redirect"] == "/"
    assert gone.text == ""


async def test_again_there_is_nothing(site: Site, ada: Person) -> None:
    talk = (await add_talks(site, ada, 1))[0]
    await ada.partial(f"/conversations/{talk}/deletion")

    assert (await ada.partial(f"/conversations/{talk}/deletion")).status == 404


async def test_while_a_reply_is_written_the_provider_is_left_and_nothing_more_is_stored(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    """R43: nothing is written for a conversation that is gone."""
    upstream.will(Answer(["word "] * 2_000, pause=0.01))
    upstream.closed.clear()
    sent = await ada.send("Talk")
    talk, reply = conversation_of(sent), reply_of(sent)

    async def some_text_is_saved() -> bool:
        return (await left_of(site, talk))["chunks"] > 0

    await until(some_text_is_saved, within=10)
    await ada.partial(f"/conversations/{talk}/deletion")
    async with asyncio.timeout(8):
        await upstream.closed.wait()

    async def forgotten() -> bool:
        return not site.app.extensions["generations"].writes(reply)

    await until(forgotten, within=10)
    assert set((await left_of(site, talk)).values()) == {0}
    assert await count(site, "messages", "id = :id", id=reply) == 0
    assert await count(site, "reply_chunks", "reply_id = :id", id=reply) == 0
    assert (await ada.get(f"/replies/{reply}")).status == 404


async def test_its_key_can_be_used_again(site: Site, ada: Person) -> None:
    sent = await ada.send("Hello", key="the-same")
    await ada.watched(reply_of(sent))
    await ada.partial(f"/conversations/{conversation_of(sent)}/deletion")

    again = await ada.send("Hello", key="the-same")

    assert again.status == 200
    assert conversation_of(again) != conversation_of(sent)
    await ada.watched(reply_of(again))


async def test_one_of_thousands_of_messages_can_be_deleted_too(site: Site, ada: Person) -> None:
    """A cascade along the messages would nest deeper than SQLite allows."""
    (talk,) = await add_talks(site, ada, 1)
    await add_messages(site, ada, talk, 2400)

    answer = await ada.post(f"/conversations/{talk}/deletion")

    assert answer.status == 200
    assert await count(site, "messages", "conversation_id = :talk", talk=talk) == 0
