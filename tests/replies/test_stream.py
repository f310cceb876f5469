"""Server-sent events of a reply: from the beginning, from anywhere, once more, to the end."""

import asyncio
import random
from collections.abc import Callable

import pytest
from bs4 import BeautifulSoup

from tests.people import Answer as Page
from tests.people import Event, Person, conversation_of, reply_of
from tests.raw import ask
from tests.rows import rows, text_of, until
from tests.screen import Screen, normal
from tests.site import Site
from tests.upstream import Answer, Upstream

LAST = "That was all."
DOCUMENT = """# Whales

They *breathe* air, and `sing`.

- blue
- grey
  - young

```python
def sing(whale):
    return f"{whale} & <song>"
```

| whale | length |
|---|---|
| blue | 30 m |
| grey | 15 m |

A last paragraph before the ENDMARK

"""


def pieces(text: str, seed: int = 1) -> list[str]:
    """`text` cut anywhere, also inside a fence or a table."""
    cut = random.Random(seed)
    found = []
    while text:
        size = cut.randint(1, 12)
        found.append(text[:size])
        text = text[size:]
    return found


async def stored_html(site: Site, reply: str) -> str:
    found = await rows(site, "SELECT html FROM messages WHERE id = :id", id=reply)
    return normal(found[0]["html"])


async def read_until_mark(
    person: Person, screen: Screen, reply: str, *, settled: bool = False
) -> None:
    """Up to the mark; `settled`: in a finished block, so that the page stays until more comes."""
    async for event in person.events(reply, screen.held):
        screen.apply(event)
        if "ENDMARK" in (screen.blocks if settled else screen.text):
            return
    raise AssertionError("the stream ended before the mark")


async def test_the_page_ends_equal_to_what_is_stored(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    upstream.will(Answer(pieces(DOCUMENT + LAST), pause=0.01))
    sent = await ada.send("Tell me about whales")
    screen = Screen(sent, reply_of(sent))

    for event in await ada.watched(reply_of(sent)):
        screen.apply(event)

    assert screen.bubble["data-state"] == "complete"
    assert normal(screen.html) == await stored_html(site, reply_of(sent))
    assert (await text_of(site, reply_of(sent))) == DOCUMENT + LAST
    page = await ada.get(f"/conversations/{conversation_of(sent)}")
    assert normal(page.one("[data-role=assistant] [data-part=text]").decode_contents()) == normal(
        screen.html
    )


@pytest.mark.parametrize("seed", range(3))
async def test_a_page_that_reconnects_often_shows_what_a_fresh_one_shows(
    site: Site, ada: Person, upstream: Upstream, seed: int
) -> None:
    """R1: cut after a random number of events, again and again, and continued by the last id."""
    cut, begun, held = random.Random(seed), asyncio.Event(), asyncio.Event()
    parts = [*pieces(DOCUMENT, seed), LAST]
    upstream.will(Answer(parts, pause=0.012, held=held, waits={8: begun}))
    sent = await ada.send("Tell me about whales")
    reply = reply_of(sent)
    often, connections = Screen(sent, reply), 0

    while "ENDMARK" not in often.blocks:
        left = cut.randint(1, 3) if connections else 1
        connections += 1
        async for event in ada.events(reply, often.held):
            often.apply(event)
            begun.set()
            left -= 1
            if not left or "ENDMARK" in often.blocks:
                break
    fresh = Screen(sent, reply)
    await read_until_mark(ada, fresh, reply, settled=True)
    await read_until_mark(ada, often, reply, settled=True)
    held.set()
    final = Screen(sent, reply)
    for event in await ada.watched(reply):
        final.apply(event)

    assert connections > 1
    assert normal(often.blocks) == normal(fresh.blocks)
    assert normal(often.tail) == normal(fresh.tail)
    assert normal(final.html) == await stored_html(site, reply)
    assert normal(final.html).startswith(normal(fresh.blocks))
    assert "ENDMARK" in final.text and LAST in final.text


async def test_ids_are_the_numbers_of_finished_blocks(
    ada: Person, upstream: Upstream, site: Site
) -> None:
    begun, held = asyncio.Event(), asyncio.Event()
    upstream.will(Answer([*pieces(DOCUMENT), LAST], pause=0.012, held=held, waits={8: begun}))
    sent = await ada.send("Tell me about whales")
    screen, ids = Screen(sent, reply_of(sent)), []

    async for event in ada.events(reply_of(sent)):
        screen.apply(event)
        begun.set()
        ids.append(int(event.id))
        assert len(BeautifulSoup(screen.blocks, "html.parser").find_all(recursive=False)) == ids[-1]
        if "ENDMARK" in screen.text:
            break
    held.set()
    await ada.watched(reply_of(sent))

    assert ids == sorted(ids)
    assert ids[0] < ids[-1]


async def test_it_continues_after_the_blocks_that_the_page_holds(
    ada: Person, upstream: Upstream
) -> None:
    held = asyncio.Event()
    upstream.will(Answer(["One.\n\nTwo.\n\nThree.\n\nENDMARK", LAST], held=held))
    sent = await ada.send("Count")
    screen = Screen(sent, reply_of(sent))
    await read_until_mark(ada, screen, reply_of(sent))

    async for event in ada.events(reply_of(sent), last="2"):
        again = event
        break
    held.set()

    assert screen.held == "3"
    assert again.id == "3"
    assert again.html.select_one("[hx-target$=blocks]")["hx-swap"] == "beforeend"  # type: ignore[index]
    assert "Three." in again.data
    assert "Two." not in again.data
    await ada.watched(reply_of(sent))


@pytest.mark.parametrize("last", ["", "x", "-1", "1.0", "99", "9" * 400, "²", "%00", "1,2"])
async def test_an_unusable_position_gets_everything(
    ada: Person, upstream: Upstream, last: str
) -> None:
    held = asyncio.Event()
    upstream.will(Answer(["One.\n\nTwo.\n\nENDMARK", LAST], held=held))
    sent = await ada.send("Count")
    screen = Screen(sent, reply_of(sent))
    await read_until_mark(ada, screen, reply_of(sent))

    async for event in ada.events(reply_of(sent), last=last):
        snapshot = event
        break
    held.set()

    assert snapshot.html.select_one("[hx-target$=blocks]")["hx-swap"] == "innerHTML"  # type: ignore[index]
    assert "One." in snapshot.data and "ENDMARK" in snapshot.data
    await ada.watched(reply_of(sent))


async def test_two_who_watch_see_the_same_end(
    site: Site, ada: Person, people: Callable[..., Person], upstream: Upstream
) -> None:
    upstream.will(Answer(pieces(DOCUMENT + LAST), pause=0.005))
    phone = people(site, ada.email)
    await phone.log_in()
    sent = await ada.send("Tell me about whales")

    one, two = await asyncio.gather(*(who.watched(reply_of(sent)) for who in (ada, phone)))

    screens = [screen_of(sent, events) for events in (one, two)]
    assert screens[0] == screens[1] == await stored_html(site, reply_of(sent))


def screen_of(sent: Page, events: list[Event]) -> str:
    screen = Screen(sent, reply_of(sent))
    for event in events:
        screen.apply(event)
    return normal(screen.html)


async def test_a_reply_that_is_over_is_sent_as_its_final_form_alone(ada: Person) -> None:
    sent = await ada.send("Hello")
    await ada.watched(reply_of(sent))

    events = await ada.watched(reply_of(sent))

    assert len(events) == 1
    assert events[0].id == ""
    bubble = events[0].html.select_one(f"#m-{reply_of(sent)}")
    assert bubble is not None and bubble["data-state"] == "complete"


async def test_the_last_message_opens_no_stream_and_brings_the_send_button_back(
    ada: Person,
) -> None:
    sent = await ada.send("Hello")

    last = (await ada.watched(reply_of(sent)))[-1]

    assert "hx-sse:connect" in sent.one("[data-reply]").attrs
    assert "hx-sse:connect" not in last.data
    assert last.html.select_one("#send .send") is not None
    assert last.html.select_one("#send .stop") is None


async def test_the_reply_goes_on_when_nobody_watches(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    upstream.will(Answer(["Hello", " you", "."], pause=0.05))
    sent = await ada.send("Hello")
    async for _ in ada.events(reply_of(sent)):
        break

    async def ended() -> bool:
        found = await ada.get(f"/replies/{reply_of(sent)}")
        return found.one("article")["data-state"] == "complete"

    await until(ended, within=15)
    assert await text_of(site, reply_of(sent)) == "Hello you."


async def test_a_look_at_the_head_opens_nothing(ada: Person, upstream: Upstream) -> None:
    held = asyncio.Event()
    upstream.will(Answer(["One", "two"], held=held))
    sent = await ada.send("Hello")

    looked = await ask(ada, "HEAD", f"/replies/{reply_of(sent)}/stream")
    held.set()

    assert looked.status == 200
    assert looked.headers["Content-Type"].startswith("text/event-stream")
    assert looked.text == ""
    await ada.watched(reply_of(sent))


async def test_streams_are_kept_by_nobody_on_the_way(ada: Person) -> None:
    sent = await ada.send("Hello")

    looked = await ask(ada, "HEAD", f"/replies/{reply_of(sent)}/stream")

    assert looked.headers["Cache-Control"] == "no-store"
    assert looked.headers["X-Accel-Buffering"] == "no"
    await ada.watched(reply_of(sent))


async def test_a_stream_of_what_is_deleted_ends(ada: Person, upstream: Upstream) -> None:
    upstream.will(Answer(["One", "two"], held=asyncio.Event()))
    sent = await ada.send("Hello")
    stream = ada.events(reply_of(sent))
    await anext(stream)

    await ada.post(f"/conversations/{conversation_of(sent)}/deletion")
    rest = [event.data async for event in stream]

    assert not any("data-state" in data for data in rest)
    assert (await ada.get(f"/replies/{reply_of(sent)}/stream")).status == 404
