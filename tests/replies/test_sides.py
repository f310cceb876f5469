"""Up to three models answer the same question at once; one of them goes on."""

import asyncio
from collections.abc import Callable

import pytest

from tests.conftest import ON_SQLITE, SiteMaker
from tests.people import Person, conversation_of, reply_of
from tests.raw import ask
from tests.rows import count, rows, state
from tests.sides import GUIDE, LARGE, TINY, chosen_of, compare, replies_of, said_by
from tests.site import Site
from tests.upstream import Answer, Upstream


async def ended(person: Person, ids: list[str]) -> None:
    await asyncio.gather(*(person.watched(each) for each in ids))


async def begun(person: Person, ids: list[str]) -> None:
    """Returns once every one of them has said something."""
    for each in ids:
        async for _ in person.events(each):
            break


async def compared(person: Person, upstream: Upstream, talk: str = "") -> tuple[str, list[str]]:
    """A conversation in which two models have answered; the ids of their replies."""
    upstream.will(Answer(["Small."], model="tiny"), Answer(["Big."], model="large"))
    sent = await compare(person, TINY, LARGE, talk=talk)
    ids = replies_of(sent)
    await ended(person, ids)
    return talk or conversation_of(sent), ids


def said(upstream: Upstream) -> list[str]:
    return [str(turn["content"]) for turn in upstream.asked[-1]["messages"]]


async def test_each_model_is_asked_the_same_and_has_a_reply_of_its_own(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    before = len(upstream.asked)
    upstream.will(Answer(["Small."], model="tiny"), Answer(["Big."], model="large"))

    sent = await compare(ada, TINY, LARGE, GUIDE)
    ids = replies_of(sent)
    await ended(ada, ids[:2])
    await ada.partial(f"/replies/{ids[2]}/stop")
    page = await ada.get(f"/conversations/{conversation_of(sent)}")

    asked = upstream.asked[before:]
    assert sorted(each["model"] for each in asked) == ["large", "tiny"]
    assert asked[0]["messages"] == asked[1]["messages"]
    assert replies_of(page) == ids and len(ids) == 3
    assert said_by(page)[:2] == ["Small.", "Big."]
    assert [each["data-model"] for each in page.html.select(".sides [data-reply]")][:2] == [
        "tiny",
        "large",
    ]
    assert len(page.html.select("[data-role=user]")) == 1
    assert not page.html.select(".versions")
    assert await count(site, "messages", "conversation_id = :id", id=conversation_of(sent)) == 4


async def test_each_is_measured_and_counted_alone(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    """Three replies cost three replies, and nothing more is asked of anybody."""
    before = len(upstream.asked)
    _, ids = await compared(ada, upstream)

    found = await rows(
        site, "SELECT input_tokens, output_tokens FROM replies WHERE side > 0 AND id IN (:a, :b)",
        a=ids[0], b=ids[1],
    )  # fmt: skip
    usage = await ada.get("/account/usage")

    assert [dict(row) for row in found] == [{"input_tokens": 7, "output_tokens": 1}] * 2
    assert len(upstream.asked) == before + 2
    assert usage.words("td.count") == "2"


async def test_the_conversation_goes_on_from_the_first_unless_another_is_chosen(
    ada: Person, upstream: Upstream
) -> None:
    talk, ids = await compared(ada, upstream)
    first = chosen_of(await ada.get(f"/conversations/{talk}"))

    await ended(ada, [reply_of(await ada.send("Go on", talk))])

    assert first == [ids[0]]
    assert said(upstream) == ["Which one?", "Small.", "Go on"]


async def test_a_form_chooses_another_one(ada: Person, upstream: Upstream) -> None:
    talk, ids = await compared(ada, upstream)
    page = await ada.get(f"/conversations/{talk}")

    form = page.one(f"#m-{ids[1]} form.choose")
    page = await ada.post(str(form["action"]))
    picked = page.one("#model option[selected]")["value"]
    sent = await ada.send("Go on", talk, model=str(picked))
    await ended(ada, [reply_of(sent)])

    assert page.status == 200
    assert chosen_of(page) == [ids[1]]
    assert picked == LARGE
    assert said(upstream) == ["Which one?", "Big.", "Go on"]


async def test_when_it_went_on_the_others_are_folded_away_and_still_there(
    ada: Person, upstream: Upstream
) -> None:
    talk, ids = await compared(ada, upstream)
    await ended(ada, [reply_of(await ada.send("Go on", talk))])

    page = await ada.get(f"/conversations/{talk}")
    other = await ada.post(str(page.one(f"details.others #m-{ids[1]} form.choose")["action"]))

    assert replies_of(page, "details.others") == [ids[1]]
    assert page.words("details.others summary") == "large answered too"
    assert page.html.select(f".past > #m-{ids[0]}")
    assert not page.html.select(f"#m-{ids[0]} .choose")
    assert chosen_of(other) == [ids[1]]
    assert len(other.html.select("[data-role=user]")) == 1


@ON_SQLITE
async def test_the_others_are_named_in_one_sentence(ada: Person) -> None:
    sent = await compare(ada, TINY, LARGE, GUIDE)
    talk = conversation_of(sent)
    await ada.partial(f"/conversations/{talk}/stop")
    await ended(ada, replies_of(sent))
    await ended(ada, [reply_of(await ada.send("Go on", talk))])

    page = await ada.get(f"/conversations/{talk}")

    assert page.words("details.others summary") == "large and Guide both answered too"


async def test_a_conversation_may_have_several(ada: Person, upstream: Upstream) -> None:
    talk, first = await compared(ada, upstream)
    await ada.post(f"/messages/{first[1]}/path")
    _, second = await compared(ada, upstream, talk)

    page = await ada.get(f"/conversations/{talk}")

    assert said(upstream) == ["Which one?", "Big.", "Which one?"]
    assert replies_of(page, "#messages > .sides") == second
    assert replies_of(page, "details.others") == [first[0]]


async def test_one_is_retried_in_its_place(ada: Person, upstream: Upstream) -> None:
    talk, ids = await compared(ada, upstream)
    upstream.will(Answer(["Bigger."]))

    again = await ada.partial(f"/replies/{ids[1]}/retry")
    newer = reply_of(again)
    await ended(ada, [newer])
    page = await ada.get(f"/conversations/{talk}")
    await ada.post(f"/messages/{ids[1]}/path")
    older = await ada.get(f"/conversations/{talk}")

    assert upstream.asked[-1]["model"] == "large"
    assert replies_of(page) == [ids[0], newer]
    assert said_by(page) == ["Small.", "Bigger."]
    assert chosen_of(page) == [ids[0]]
    assert page.one("#model option[selected]")["value"] == TINY
    assert page.words(f"#m-{newer} .versions") == "2/2"
    assert not page.html.select(f"#m-{ids[0]} .versions")
    assert replies_of(older) == ids and chosen_of(older) == [ids[1]]


async def test_the_chosen_one_is_retried_and_stays_the_chosen_one(
    ada: Person, upstream: Upstream
) -> None:
    talk, ids = await compared(ada, upstream)

    newer = reply_of(await ada.partial(f"/replies/{ids[0]}/retry"))
    await ended(ada, [newer])
    page = await ada.get(f"/conversations/{talk}")

    assert chosen_of(page) == [newer]
    assert replies_of(page) == [newer, ids[1]]


async def test_retrying_an_earlier_one_begins_another_branch(
    ada: Person, upstream: Upstream
) -> None:
    talk, ids = await compared(ada, upstream)
    await ended(ada, [reply_of(await ada.send("Go on", talk))])

    again = await ada.partial(f"/replies/{ids[1]}/retry")
    page = await ada.get(again.headers["HX-Redirect"])
    newer = chosen_of(page)
    await ended(ada, newer)

    assert replies_of(page) == [ids[0], *newer]
    assert len(page.html.select("[data-role=user]")) == 1


async def test_one_is_stopped_and_the_others_go_on(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    held = asyncio.Event()
    upstream.will(
        Answer(["One", "two"], held=asyncio.Event(), model="tiny"),
        Answer(["Three ", "four"], held=held, model="large"),
    )
    sent = await compare(ada, TINY, LARGE)
    tiny, large = replies_of(sent)
    await begun(ada, [tiny, large])

    form = sent.one(f"#m-{tiny} form.halting")
    stopped = await ada.partial(str(form["action"]))
    states = [await state(site, each) for each in (tiny, large)]
    refused = await ada.send("Go on", conversation_of(sent))
    again = await ada.partial(f"/replies/{tiny}/retry")  # which does not wait for the other one
    held.set()
    await ended(ada, [reply_of(again), large])

    assert stopped.one(f"#m-{tiny}")["data-state"] == "stopped"
    assert stopped.html.select("#send .stop")
    assert states[0] == "stopped" and states[1] in ("pending", "streaming")
    assert refused.status == 409
    assert again.status == 200
    assert await state(site, large) == "complete"


async def test_the_composer_stops_them_all(site: Site, ada: Person, upstream: Upstream) -> None:
    upstream.will(*[Answer(["One", "two"], held=asyncio.Event()) for _ in range(2)])
    sent = await compare(ada, TINY, LARGE)
    ids, button = replies_of(sent), sent.one("#send .stop")
    await begun(ada, ids)

    stopped = await ada.partial(str(button["formaction"]))

    assert [await state(site, each) for each in ids] == ["stopped"] * 2
    assert sorted(replies_of(stopped, "hx-partial")) == sorted(ids)
    assert stopped.html.select("#send .send")
    again = await ask(ada, "POST", str(button["formaction"]))
    assert (again.status, again.headers["Location"]) == (
        303,
        f"/conversations/{conversation_of(sent)}",
    )


async def test_the_end_of_one_leaves_stop_where_it_is(ada: Person, upstream: Upstream) -> None:
    held = asyncio.Event()
    upstream.will(Answer(["Quick."], model="tiny"), Answer(["A", "b"], held=held, model="large"))
    tiny, large = replies_of(await compare(ada, TINY, LARGE))

    first = (await ada.watched(tiny))[-1].html
    held.set()
    last = (await ada.watched(large))[-1].html

    assert first.select("#send .stop") and first.select(f"#m-{tiny} .chosen")
    assert last.select("#send .send") and last.select(f"#m-{large} form.choose")


async def test_the_same_form_twice_asks_once(site: Site, ada: Person, upstream: Upstream) -> None:
    before = len(upstream.asked)

    both = await asyncio.gather(*(compare(ada, TINY, LARGE, key="once") for _ in range(2)))
    ids = replies_of(both[0])
    await ended(ada, ids)
    retried = reply_of(await ada.partial(f"/replies/{ids[1]}/retry"))
    await ended(ada, [retried])
    later = await compare(ada, TINY, LARGE, key="once")

    assert replies_of(both[1]) == replies_of(later) == ids
    assert len(upstream.asked) == before + 3
    assert await count(site, "messages", "key = 'once'") == 1


@pytest.mark.parametrize(
    "models",
    [(TINY, LARGE, GUIDE, "openai/more"), (TINY, TINY), (TINY, "nobody/knows")],
    ids=["four", "the same twice", "one that is not offered"],
)
async def test_what_cannot_be_compared_is_refused_with_everything_typed(
    site: Site, ada: Person, models: tuple[str, ...]
) -> None:
    form = [("text", "Which one?"), ("key", "k"), *(("model", each) for each in models)]
    before = await count(site, "messages")

    refused = await ask(ada, "POST", "/conversations", data=form)
    fragment = await compare(ada, *models)

    picked = [str(each["value"]) for each in refused.html.select("#compare option[selected]")]
    assert refused.status == fragment.status == 422
    assert refused.words("#composer textarea") == "Which one?"
    assert refused.one("#model option[selected]")["value"] == TINY
    assert [each for each in picked if each] == [
        each for each in models[1:3] if each != "nobody/knows"
    ]
    assert await count(site, "messages") == before


async def test_an_empty_field_is_no_model(ada: Person) -> None:
    sent = await compare(ada, TINY, "", "")
    await ended(ada, [reply_of(sent)])

    assert not replies_of(sent)


async def test_all_or_none_are_begun(
    make_site: SiteMaker, people: Callable[..., Person], upstream: Upstream
) -> None:
    """Side by side of three with two left is refused as a whole."""
    site = await make_site(LIMIT_REPLIES="2", LIMIT_SENDS="5")
    ada, held = people(site), asyncio.Event()
    await ada.register()

    small = await compare(ada, TINY, LARGE, GUIDE)
    upstream.will(Answer(["One", "two"], held=held))
    running = await ada.send("One")
    full = await compare(ada, TINY, LARGE)
    held.set()
    await ended(ada, [reply_of(running)])
    two = replies_of(await compare(ada, TINY, LARGE))
    await ended(ada, two)
    again = replies_of(await compare(ada, TINY, LARGE))
    await ended(ada, again)
    many = await compare(ada, TINY, LARGE)

    assert [each.status for each in (small, full, many)] == [429] * 3
    assert {str(each.one(".notice")["data-code"]) for each in (small, full)} == {"too_many"}
    assert "Compare fewer models" in small.words(".notice")
    assert "Wait for one to end" in full.words(".notice")
    assert await count(site, "messages") == 2 + 3 + 3


async def test_a_stranger_learns_and_changes_nothing(
    ada: Person, eve: Person, upstream: Upstream
) -> None:
    talk, ids = await compared(ada, upstream)
    paths = [f"/messages/{ids[1]}/path", f"/conversations/{talk}/stop", f"/replies/{ids[1]}/retry"]

    answers = [await ask(eve, "POST", path) for path in paths]
    into = await compare(eve, TINY, LARGE, talk=talk)
    mine = await compare(eve, TINY, LARGE, parent=ids[1])

    assert [each.status for each in (*answers, into)] == [404] * 4
    assert mine.status == 200  # a new conversation follows nothing
    await ended(eve, replies_of(mine))
    assert chosen_of(await ada.get(f"/conversations/{talk}")) == [ids[0]]
