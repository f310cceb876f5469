"""A long conversation goes on: what does not fit is left out, said, and learnt."""

from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest

from chat.conversations.measures import Measures
from chat.providers.domain import Model
from tests.attachments.sending import uploaded
from tests.conftest import ON_SQLITE, SiteMaker
from tests.people import Person, conversation_of, reply_of
from tests.rows import change, rows
from tests.site import Site
from tests.talks import add_messages, add_talks
from tests.upstream import Answer, Upstream

UNCOUNTED = Answer(usage=False)
LONG = "UPDATE messages SET text = :text WHERE conversation_id = :talk AND role = 'user'"
TOO_LONG = {
    "message": "the request (2000 tokens) exceeds the available context size (1536 tokens)",
    "type": "exceed_context_size_error",
}


@pytest.fixture
async def site(make_site: SiteMaker, upstream: Upstream) -> AsyncIterator[Site]:
    """Of each test's own: what is learnt of a model stays with an installation."""
    upstream.usual = UNCOUNTED
    yield await make_site()
    upstream.usual = Answer()
    upstream.answers.clear()


async def long_talk(site: Site, ada: Person, messages: int = 30) -> tuple[str, list[str]]:
    """About 220 tokens a turn."""
    talk = (await add_talks(site, ada, 1))[0]
    ids = await add_messages(site, ada, talk, messages)
    await change(site, LONG, talk=talk, text="word " * 200)
    return talk, ids


def texts(asked: dict[str, Any]) -> list[str]:
    return [str(each["content"]) for each in asked["messages"]]


async def test_the_oldest_turns_are_left_out_and_the_page_says_so(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    talk, ids = await long_talk(site, ada)

    sent = await ada.send("And now?", talk)
    await ada.watched(reply_of(sent))

    asked = upstream.asked[-1]["messages"]
    assert asked[0]["role"] == "user" and asked[-1]["content"] == "And now?"
    assert 8 < len(asked) < 20
    page = await ada.get(f"/conversations/{talk}")
    first = ids[30 - (len(asked) - 1)]
    after = page.one(".boundary").find_next_sibling("article")
    assert after is not None and after["id"] == f"m-{first}"
    assert page.words(".boundary") == "Messages above are no longer sent to the model."


async def test_the_next_prompts_begin_the_same(site: Site, ada: Person, upstream: Upstream) -> None:
    talk, _ = await long_talk(site, ada)
    for number in range(4):
        await ada.watched(reply_of(await ada.send(f"Question {number}", talk)))

    prompts = [texts(each) for each in upstream.asked[-4:]]
    for before, after in pairwise(prompts):
        assert after[: len(before)] == before, "the provider has read this already"


async def test_the_last_event_moves_the_boundary(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    talk, ids = await long_talk(site, ada)

    events = await ada.watched(reply_of(await ada.send("And now?", talk)))

    last = events[-1].data
    assert 'hx-target=".boundary" hx-swap="delete"' in last
    first = (await rows(site, "SELECT since FROM replies WHERE since <> ''"))[0]["since"]
    assert first in ids and f'hx-target="#m-{first}" hx-swap="beforebegin"' in last


async def test_what_a_provider_refuses_as_too_long_is_learnt_and_asked_again_smaller(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    talk, _ = await long_talk(site, ada)
    upstream.will(Answer(status=400, error=TOO_LONG))

    sent = await ada.send("And now?", talk)
    await ada.watched(reply_of(sent))

    page = await ada.get(f"/conversations/{talk}")
    assert page.one(f"#m-{reply_of(sent)}")["data-state"] == "complete"
    refused, granted = (len(each["messages"]) for each in upstream.asked[-2:])
    assert granted < refused * 0.7
    learnt = await rows(site, "SELECT model, size FROM model_measures")
    assert learnt == [{"model": "openai/tiny", "size": 1536}]
    again = Measures(site.db)
    await again.open()
    assert again.of(Model("openai/tiny", "", "")).window == 1536


async def test_how_a_model_counts_is_learnt_from_its_figures(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    """Its counts are a seventh of ours or less: the ratio goes down, as far as it may."""
    upstream.usual = Answer()
    for _ in range(12):
        await ada.watched(reply_of(await ada.send("word " * 100)))

    stored = await rows(site, "SELECT ratio FROM model_measures")
    assert 300 <= stored[0]["ratio"] <= 340
    asked = await rows(site, "SELECT asked FROM replies")
    assert {row["asked"] for row in asked} == {104}


async def test_refused_twice_it_fails_with_a_sentence(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    talk, _ = await long_talk(site, ada)
    asked = len(upstream.asked)
    upstream.will(*[Answer(status=400, error=TOO_LONG)] * 2)

    sent = await ada.send("And now?", talk)
    await ada.watched(reply_of(sent))

    page = await ada.get(f"/conversations/{talk}")
    assert page.words(f"#m-{reply_of(sent)} .outcome p") == (
        "This is too long for this model. Shorten it, or try another one."
    )
    assert len(upstream.asked) - asked == 2


async def test_one_question_that_is_too_long_is_not_asked_twice(
    ada: Person, upstream: Upstream
) -> None:
    asked = len(upstream.asked)
    upstream.will(Answer(status=400, error=TOO_LONG))

    sent = await ada.send("word " * 9_000)
    await ada.watched(reply_of(sent))

    page = await ada.get(f"/conversations/{conversation_of(sent)}")
    assert page.one(f"#m-{reply_of(sent)}")["data-state"] == "failed"
    assert len(upstream.asked) - asked == 1


async def test_a_switch_says_what_the_model_will_not_be_sent(site: Site, ada: Person) -> None:
    talk, _ = await long_talk(site, ada)
    short = (await add_talks(site, ada, 1))[0]
    await add_messages(site, ada, short, 4)

    said = (await ada.partial(f"/conversations/{talk}/model", {"model": "openai/large"})).words(
        ".left-out"
    )
    switched = await ada.partial(f"/conversations/{short}/model", {"model": "openai/large"})

    assert said.startswith("large cannot read all of this: the first ")
    assert not switched.html.select(".left-out")


@ON_SQLITE
async def test_a_switch_counts_files_instructions_and_the_question_to_come(
    ada: Person, upstream: Upstream
) -> None:
    async def talk(text: str, **more: str) -> str:
        sent = await ada.send(text, **more)
        await ada.watched(reply_of(sent))
        return conversation_of(sent)

    async def said(talk: str) -> str:
        answer = await ada.partial(f"/conversations/{talk}/model", {"model": "openai/large"})
        return " ".join(each.get_text() for each in answer.html.select(".left-out"))

    file = await uploaded(ada, "long.txt", b"word " * 9_000)
    with_file = await talk("What is in it?", attachment=file)
    long, short = await talk("word " * 9_000), await talk("word " * 1_000)
    before = await said(short)
    await ada.post(f"/conversations/{short}/instructions", {"system": "Be kind. " * 900})

    lost = "large cannot read all of this: the first 2 messages will not be sent to it."
    assert await said(with_file) == (
        "The files are too long for large: it gets only their beginnings."
    )
    assert await said(long) == lost
    assert (before, await said(short)) == ("", lost)
