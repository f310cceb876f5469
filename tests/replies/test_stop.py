"""A reply is stopped: the provider is left at once, and what had arrived is kept."""

import asyncio
from collections.abc import Callable
from unittest.mock import AsyncMock

import pytest

from tests.conftest import SiteMaker
from tests.people import Answer as Page
from tests.people import Person, conversation_of, reply_of
from tests.raw import ask
from tests.rows import change, count, rows, state, text_of
from tests.site import Site
from tests.upstream import Answer, Upstream


async def begun(person: Person, upstream: Upstream) -> Page:
    """A message whose reply hangs after its first words, which somebody has seen."""
    upstream.will(Answer(["Once upon", " a time"], held=asyncio.Event()))
    upstream.closed.clear()
    sent = await person.send("Tell me a story")
    async for event in person.events(reply_of(sent)):
        assert "Once upon" in event.data
        break
    return sent


async def test_the_provider_is_left_without_waiting_for_a_look_at_the_rows(
    site: Site, ada: Person, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site.app.extensions["generations"], "_look", AsyncMock())
    sent = await begun(ada, upstream)

    async with asyncio.timeout(8):
        stopped = await ada.partial(f"/replies/{reply_of(sent)}/stop")
        await upstream.closed.wait()

    assert stopped.status == 200


async def test_the_text_so_far_is_kept(site: Site, ada: Person, upstream: Upstream) -> None:
    sent = await begun(ada, upstream)

    stopped = await ada.partial(f"/replies/{reply_of(sent)}/stop")

    assert stopped.one("[data-reply]")["data-state"] == "stopped"
    assert stopped.words("[data-part=text]") == "Once upon"
    assert stopped.words(".outcome p") == "You stopped this answer."
    assert await text_of(site, reply_of(sent)) == "Once upon"
    page = await ada.get(f"/conversations/{conversation_of(sent)}")
    assert page.words("[data-reply] [data-part=text]") == "Once upon"
    assert await count(site, "reply_chunks", "reply_id = :id", id=reply_of(sent)) == 0


async def test_the_composer_is_free_again(ada: Person, upstream: Upstream) -> None:
    sent = await begun(ada, upstream)

    stopped = await ada.partial(f"/replies/{reply_of(sent)}/stop")
    later = await ada.send("Another one", conversation_of(sent))

    assert stopped.html.select_one("#send .send") is not None
    assert later.status == 200
    await ada.watched(reply_of(later))
    told = upstream.asked[-1]["messages"]
    assert [turn["content"] for turn in told] == ["Tell me a story", "Once upon", "Another one"]


async def test_without_scripts_it_leads_back_to_the_reply(ada: Person, upstream: Upstream) -> None:
    sent = await begun(ada, upstream)
    path = f"/conversations/{conversation_of(sent)}"

    stopped = await ask(ada, "POST", f"/replies/{reply_of(sent)}/stop")
    page = await ada.get(path)

    assert stopped.status == 303
    assert stopped.headers["Location"] == f"{path}#m-{reply_of(sent)}"
    assert page.one("[data-reply]")["data-state"] == "stopped"


async def test_without_scripts_chosen_files_do_not_go_with_it(
    ada: Person, upstream: Upstream
) -> None:
    sent = await begun(ada, upstream)
    page = await ada.get(f"/conversations/{conversation_of(sent)}")
    await ada.partial(f"/replies/{reply_of(sent)}/stop")

    assert page.one("#composer")["enctype"] == "multipart/form-data"
    assert page.one("#send .stop")["formenctype"] == "application/x-www-form-urlencoded"


async def test_before_the_first_word_it_leaves_an_empty_reply(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    upstream.will(Answer(["Never said"], held=asyncio.Event()))
    upstream.closed.clear()
    sent = await ada.send("Tell me a story")

    stopped = await ada.partial(f"/replies/{reply_of(sent)}/stop")
    upstream.answers.clear()  # it may not even have been asked

    assert stopped.one("[data-reply]")["data-state"] == "stopped"
    assert await text_of(site, reply_of(sent)) == ""


async def test_from_another_browser_of_the_same_account(
    site: Site, ada: Person, people: Callable[..., Person], upstream: Upstream
) -> None:
    sent = await begun(ada, upstream)
    phone = people(site, ada.email)
    await phone.log_in()
    watching = asyncio.create_task(ada.watched(reply_of(sent)))

    stopped = await phone.partial(f"/replies/{reply_of(sent)}/stop")

    assert stopped.one("[data-reply]")["data-state"] == "stopped"
    last = (await watching)[-1]
    bubble = last.html.select_one("[data-reply]")
    assert bubble is not None and bubble["data-state"] == "stopped"


@pytest.mark.parametrize("times", [2, 5])
async def test_stopping_again_changes_nothing(
    site: Site, ada: Person, upstream: Upstream, times: int
) -> None:
    sent = await begun(ada, upstream)
    path = f"/replies/{reply_of(sent)}/stop"

    together = await asyncio.gather(*(ada.partial(path) for _ in range(times)))
    ended = await rows(site, "SELECT * FROM replies WHERE id = :id", id=reply_of(sent))
    later = await ada.partial(path)

    for stopped in (*together, later):
        assert stopped.status == 200
        assert stopped.one("[data-reply]")["data-state"] == "stopped"
    assert await rows(site, "SELECT * FROM replies WHERE id = :id", id=reply_of(sent)) == ended


async def test_a_finished_reply_stays_what_it_is(site: Site, ada: Person) -> None:
    sent = await ada.send("Hello")
    await ada.watched(reply_of(sent))

    stopped = await ada.partial(f"/replies/{reply_of(sent)}/stop")

    assert stopped.status == 200
    assert stopped.one("[data-reply]")["data-state"] == "complete"
    assert stopped.words("[data-part=text]") == "Hello, world."
    assert await state(site, reply_of(sent)) == "complete"


async def test_what_was_stopped_says_nothing_more(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    """What a provider sends on its way out belongs to nobody."""
    upstream.will(Answer(["word "] * 5_000, pause=0.002))
    upstream.closed.clear()
    sent = await ada.send("Talk")
    async for _ in ada.events(reply_of(sent)):
        break
    await ada.partial(f"/replies/{reply_of(sent)}/stop")
    kept = await text_of(site, reply_of(sent))

    async with asyncio.timeout(8):
        await upstream.closed.wait()
    await asyncio.sleep(0.3)  # longer than the time between two savings
    assert await text_of(site, reply_of(sent)) == kept
    assert await count(site, "reply_chunks", "reply_id = :id", id=reply_of(sent)) == 0


async def test_nobody_waits_for_ever_when_the_end_cannot_be_stored(
    make_site: SiteMaker, people: Callable[..., Person], upstream: Upstream
) -> None:
    site = await make_site()
    ada = people(site)
    await ada.register()
    sent = await begun(ada, upstream)
    watching = asyncio.create_task(ada.watched(reply_of(sent)))
    await change(site, "ALTER TABLE reply_chunks RENAME TO lost")

    async with asyncio.timeout(15):
        stopped = await ada.partial(f"/replies/{reply_of(sent)}/stop")
        await watching

    assert stopped.status == 200
    await change(site, "ALTER TABLE lost RENAME TO reply_chunks")
