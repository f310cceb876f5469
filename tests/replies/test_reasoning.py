"""What a model thinks before it answers: in a folded part of its own, apart from the text."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from chat.conversations import thoughts
from tests.conftest import ON_SQLITE
from tests.people import Answer as Page
from tests.people import Person, conversation_of, reply_of
from tests.raw import written
from tests.rows import change, count, interrupted, rows, state, text_of
from tests.screen import Screen, normal
from tests.site import Site
from tests.upstream import Answer, Thought, Upstream

HM = [Thought("Hm, "), Thought("whales?\n"), Thought("\nThey <b>sing</b>"), Thought(" & eat.")]
KEPT = "Hm, whales?\n\nThey <b>sing</b> & eat."
SHOWN = "<p>Hm, whales?</p><p>They &lt;b&gt;sing&lt;/b&gt; &amp; eat.</p>"
SAID = ["They sing.\n\n", "They eat.\n\n", "That was all."]
SEALED = {"type": "reasoning.encrypted", "data": "gA==", "index": 0}


async def kept(site: Site, reply: str) -> str:
    found = await rows(site, "SELECT reasoning FROM replies WHERE id = :id", id=reply)
    return str(found[0]["reasoning"])


async def thinking(person: Person, upstream: Upstream, *more: str) -> tuple[Page, Screen]:
    """A page whose reply has thought all of HM, and goes on for ever."""
    upstream.will(Answer([*HM, *more, "never"], held=asyncio.Event()))
    sent = await person.send("Tell me about whales")
    screen = Screen(sent, reply_of(sent))
    async for event in person.events(reply_of(sent)):
        screen.apply(event)
        if "eat." in screen.thoughts and all(word.strip() in screen.text for word in more):
            return sent, screen
    raise AssertionError("the stream ended")


async def finished(person: Person, upstream: Upstream, answer: Answer, **form: str) -> Page:
    upstream.will(answer)
    sent = await person.send("Tell me about whales", **form)
    await person.watched(reply_of(sent))
    return await person.get(f"/conversations/{conversation_of(sent) or form['conversation']}")


async def test_it_grows_folded_above_the_text_and_stays_when_it_has_ended(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    said = asyncio.Event()
    upstream.will(Answer([*HM, *SAID], pause=0.12, waits={len(HM): said}))
    sent = await ada.send("Tell me about whales")
    screen, headings = Screen(sent, reply_of(sent)), list[str]()
    assert screen.thoughts == ""

    async for event in ada.events(reply_of(sent)):
        screen.apply(event)
        headings.append(screen.thinking)
        said.set()
        assert not screen.text or normal(screen.thoughts) == SHOWN
        assert SHOWN.startswith(normal(screen.thoughts).removesuffix("</p>"))

    assert normal(screen.thoughts) == SHOWN
    assert headings[0] == "Thinking…" and headings[-1].startswith("Thought for ")
    part = screen.bubble.select_one("details[data-part=reasoning]")
    assert part is not None and "open" not in part.attrs
    assert part.find_next_sibling()["data-part"] == "text"  # type: ignore[index] # it is there
    assert len(screen.bubble.select("[data-part=text]")) == 1
    assert await kept(site, reply_of(sent)) == KEPT
    assert await text_of(site, reply_of(sent)) == "".join(SAID)
    page = await ada.get(f"/conversations/{conversation_of(sent)}")
    assert normal(page.one("[data-part=reasoning] .thoughts").decode_contents()) == SHOWN
    assert "Hm" not in page.one("[data-part=text]:has(p)").get_text()


async def test_it_is_never_sent_back_nor_a_title(ada: Person, upstream: Upstream) -> None:
    page = await finished(ada, upstream, Answer([*HM, *SAID]))

    await ada.watched(reply_of(await ada.send("And?", conversation_of(page))))

    assert [turn["content"] for turn in upstream.asked[-1]["messages"]] == [
        "Tell me about whales",
        "".join(SAID),
        "And?",
    ]
    assert "reasoning" not in str(upstream.asked[-1])
    assert page.words("title") == "Tell me about whales · Prosa"


async def test_what_its_provider_wants_back_goes_to_the_same_model_only(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    page = await finished(ada, upstream, Answer([*HM, *SAID], sealed=SEALED))
    talk = conversation_of(page)

    await ada.watched(reply_of(await ada.send("And?", talk)))
    await ada.watched(reply_of(await ada.send("And you?", talk, model="openai/large")))

    same, other = (body["messages"][1] for body in upstream.asked[-2:])
    assert same["reasoning_details"] == [SEALED]
    assert other == {"role": "assistant", "content": "".join(SAID)}
    assert "gA==" not in page.text


@pytest.mark.parametrize("last", ["", "0", "1", "2", "3", "7", "-1", "x"])
async def test_after_a_reconnect_it_is_whole_and_nothing_is_there_twice(
    ada: Person, upstream: Upstream, last: str
) -> None:
    sent, screen = await thinking(ada, upstream, *SAID[:2])
    assert screen.held == "2"

    async for event in ada.events(reply_of(sent), last):
        again = Screen(sent, reply_of(sent)) if not last.isdigit() or int(last) > 2 else screen
        again.apply(event)
        break
    await ada.partial(f"/replies/{reply_of(sent)}/stop")

    assert event.id == "2"
    assert normal(again.thoughts) == SHOWN
    assert again.thinking.startswith("Thought for ")


async def test_much_of_it_is_sent_once_and_cut_at_its_longest(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    """A hundred thousand characters cost their length, not its square; ten times that is cut."""
    line = "x" * 498 + "\n\n"
    gates = {number: asyncio.Event() for number in range(20, 201, 20)}
    shut, events = list(gates.values()), []
    upstream.will(Answer([*[Thought(line)] * 200, "Yes."], waits=gates))
    sent = await ada.send("Think")
    async for event in ada.events(reply_of(sent)):
        events.append(event)
        if shut:
            shut.pop(0).set()
    grown = [event for event in events if "data-state" not in event.data]
    upstream.will(Answer([*[Thought(line * 40)] * 50, "Yes."]))
    more = await ada.send("Think more")
    screen = Screen(more, reply_of(more))
    for event in await ada.watched(reply_of(more)):
        screen.apply(event)

    assert len(grown) > 5
    assert sum(len(event.data) for event in grown) < 130_000
    assert len(await kept(site, reply_of(more))) == thoughts.LONGEST == 200_000
    assert screen.thoughts.endswith(str(thoughts.note()))
    assert screen.thoughts.count("aside") == 1
    assert screen.text.strip() == "Yes."


async def test_what_it_thinks_between_two_sentences_is_a_paragraph_of_its_own(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    said, pieces = asyncio.Event(), [*HM, "They ", Thought("\nDo "), Thought("they?"), "sing."]
    upstream.will(Answer(pieces, pause=0.12, waits={len(HM): said}))
    sent = await ada.send("Tell me about whales")
    screen, headings = Screen(sent, reply_of(sent)), list[str]()
    async for event in ada.events(reply_of(sent)):
        screen.apply(event)
        headings.append(screen.thinking)
        said.set()

    assert await kept(site, reply_of(sent)) == f"{KEPT}\n\nDo they?"
    assert normal(screen.thoughts) == f"{SHOWN}<p>Do they?</p>"
    assert screen.text == "They sing."
    assert headings[0] == "Thinking…" and headings[-1].startswith("Thought for ")


async def test_a_stop_keeps_what_was_thought(site: Site, ada: Person, upstream: Upstream) -> None:
    sent, _ = await thinking(ada, upstream)

    stopped = await ada.partial(f"/replies/{reply_of(sent)}/stop")

    assert await state(site, reply_of(sent)) == "stopped"
    assert await kept(site, reply_of(sent)) == KEPT
    assert normal(stopped.one(".thoughts").decode_contents()) == SHOWN
    assert await text_of(site, reply_of(sent)) == ""
    assert await count(site, "reply_chunks", "reply_id = :id", id=reply_of(sent)) == 0


async def test_a_failure_keeps_it_and_offers_a_retry(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    page = await finished(ada, upstream, Answer(HM, cut=True))
    reply = reply_of(page)

    assert await state(site, reply) == "failed"
    assert await kept(site, reply) == KEPT
    assert page.words(".outcome p") == "The connection broke before the answer was complete."
    assert page.html.select_one(f"form[action='/replies/{reply}/retry']") is not None


async def test_going_on_keeps_what_was_thought_and_adds_to_it(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    sent, _ = await thinking(ada, upstream, "They")
    reply = reply_of(sent)
    await ada.partial(f"/replies/{reply}/stop")
    on = asyncio.Event()
    upstream.will(Answer([Thought("\n"), Thought("On."), " sing."], waits={2: on}))
    page = await ada.partial(f"/replies/{reply}/continuation")
    screen = Screen(page, reply)
    async for event in ada.events(reply):
        screen.apply(event)
        if "On." in screen.thoughts and not on.is_set():
            await asyncio.sleep(0.15)  # it thinks for as long
            on.set()

    assert await kept(site, reply) == f"{KEPT}\n\nOn."
    assert normal(screen.thoughts) == f"{SHOWN}<p>On.</p>"
    assert await text_of(site, reply) == "They sing."
    spent = await rows(site, "SELECT thought_ms FROM replies WHERE id = :id", id=reply)
    assert spent[0]["thought_ms"] > 100


async def test_what_a_dead_process_thought_is_taken_over_and_nobody_knows_how_long(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    page = await finished(ada, upstream, Answer([Thought("So."), "Yes"]))
    reply = reply_of(page)
    back = "UPDATE replies SET state = 'streaming', worker = 4711, epoch = 7 WHERE id = :id"
    chunk = "INSERT INTO reply_chunks (reply_id, seq, body, thought) VALUES (:id, :seq, :b, :t)"
    for seq, (body, thought) in enumerate([("", "\n\nThen"), (" and", " no."), (" no", "")], 1):
        await change(site, chunk, id=reply, seq=seq, b=body, t=thought)
    await change(site, back, id=reply)
    taken = site.app.extensions["generations"]._ownership.take_over(4711)

    assert await taken == 1

    await interrupted(site, reply)
    assert await kept(site, reply) == "So.\n\nThen no."
    assert await text_of(site, reply) == "Yes and no"
    again = await ada.get(f"/conversations/{conversation_of(page)}")
    assert again.words("[data-part=reasoning] summary") == "Thoughts"


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        (HM, "The model used up its limit while thinking. Retry, or try another model."),
        ([""], "The model used up its limit before it wrote anything."),
        (["Yes"], "The answer was cut off at the model's limit."),
    ],
    ids=["thoughts", "nothing", "text"],
)
async def test_a_limit_used_up_before_the_answer_is_said_in_words(
    ada: Person, upstream: Upstream, pieces: list[str], words: str
) -> None:
    page = await finished(ada, upstream, Answer(pieces, reason="length"))

    assert page.words(".outcome p").startswith(words)
    offered = page.html.select_one(f"form[action='/replies/{reply_of(page)}/continuation']")
    assert (offered is not None) == (pieces == ["Yes"])


async def test_white_space_alone_is_no_thought(site: Site, ada: Person, upstream: Upstream) -> None:
    page = await finished(ada, upstream, Answer(["<think>\n\n</think>\n\nYes."]))

    assert await kept(site, reply_of(page)) == ""
    assert page.html.select_one("[data-part=reasoning]") is None


async def pieces_of(page: AsyncIterator[str], mark: str) -> str:
    seen = ""
    async for piece in page:
        seen += piece
        if mark in seen:
            return seen
    raise AssertionError(f"no {mark} in {seen}")


async def test_without_scripts_it_grows_folded_above_the_text_too(
    ada: Person, upstream: Upstream
) -> None:
    more, held = asyncio.Event(), asyncio.Event()
    upstream.will(Answer([*HM, *SAID], pause=0.12, held=held, waits={2: more}))
    sent = await ada.send("Tell me about whales")
    page = written(ada, f"/conversations/{conversation_of(sent)}/live")

    early = await pieces_of(page, "whales?")
    more.set()
    grown = await pieces_of(page, "They sing.")
    held.set()
    rest = "".join([piece async for piece in page])

    assert 'data-part="text"' not in early.rpartition("<details")[2] and "eat." not in early
    found = BeautifulSoup(early + grown + rest, "html.parser").select_one(f"#m-{reply_of(sent)}")
    assert found is not None
    part, text = found.select_one("details"), found.select("[data-part=text]")
    assert part is not None and len(text) == 1 and part.find_next_sibling() is text[0]
    inside = part.select_one(".thoughts")
    assert inside is not None and inside.decode_contents() == SHOWN
    assert "That was all." in text[0].get_text() and "Hm" not in text[0].get_text()
    assert found.select_one("footer.actions") is not None


async def test_without_scripts_one_that_only_thought_ends_well(
    ada: Person, upstream: Upstream
) -> None:
    held = asyncio.Event()
    upstream.will(Answer(HM, held=held, reason="length"))
    sent = await ada.send("Tell me about whales")
    page = written(ada, f"/conversations/{conversation_of(sent)}/live")
    early = await pieces_of(page, "whales?")
    held.set()
    rest = "".join([piece async for piece in page])

    found = BeautifulSoup(early + rest, "html.parser").select_one(f"#m-{reply_of(sent)}")
    assert found is not None
    assert [str(each["data-part"]) for each in found.select("[data-part]")] == ["reasoning", "text"]
    inside = found.select_one(".thoughts")
    assert inside is not None and inside.decode_contents() == SHOWN
    assert found.select_one(".outcome") is not None


@ON_SQLITE
async def test_nobody_else_learns_what_was_thought(
    site: Site, ada: Person, eve: Person, upstream: Upstream
) -> None:
    """As with the text: Eve finds nothing, by no address."""
    page = await finished(ada, upstream, Answer([*HM, *SAID]))
    for path in (f"/replies/{reply_of(page)}", f"/replies/{reply_of(page)}/stream"):
        answer = await eve.get(path)
        assert (answer.status, "whales" in answer.text) == (404, False)


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (0, "Thoughts"),
        (1, "Thought for 1 second"),
        (12_400, "Thought for 12 seconds"),
        (60_000, "Thought for 1 minute"),
        (200_000, "Thought for 3 minutes"),
    ],
)
def test_how_long_it_thought_is_said_in_words(milliseconds: int, words: str) -> None:
    assert thoughts.heading(milliseconds) == words
    assert thoughts.heading(milliseconds, thinking=True) == "Thinking…"


TEXT = st.text(st.sampled_from("ab<&\n\n \t"), max_size=12)


@given(st.lists(TEXT, max_size=12))
def test_any_growth_ends_as_the_whole(parts: list[str]) -> None:
    page, text, shown = BeautifulSoup("", "html.parser"), "", ""
    for part in parts:
        text += part
        now = thoughts.shown(text)
        inside, behind = thoughts.growth(shown, now)
        if inside:
            page.select("p")[-1].append(inside)
        page.append(BeautifulSoup(thoughts.paragraphs(behind), "html.parser"))
        shown = now

    assert normal(page.decode()) == normal(thoughts.whole(text))
