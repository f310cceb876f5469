"""An answer that was cut off goes on where it stopped: the same message, its text, and more."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from chat.conversations.domain import Message
from chat.providers.domain import CONTINUE, Model
from chat.replies.prompt import build
from tests.databases import Installer
from tests.people import Answer as Page
from tests.people import Person, conversation_of, reply_of
from tests.raw import ask, written
from tests.rows import change, count, interrupted, rows, state, text_of, until
from tests.screen import Screen, normal
from tests.site import Site
from tests.upstream import Answer, Upstream

BEGUN = ["Once *upon* a", " time"]
REST = Answer([" time", " there\n\nwas a fox."])
REFUSED = Answer(status=401, error={"message": "no", "code": "invalid_api_key"})


async def stopped(person: Person, upstream: Upstream) -> tuple[str, str]:
    """A conversation whose reply was stopped after "Once *upon* a"; its id and the reply's."""
    upstream.will(Answer(BEGUN, held=asyncio.Event()))
    sent = await person.send("Tell me a story")
    async for _ in person.events(reply_of(sent)):
        break
    await person.partial(f"/replies/{reply_of(sent)}/stop")
    return conversation_of(sent), reply_of(sent)


async def ended(person: Person, upstream: Upstream, answer: Answer) -> tuple[str, str]:
    upstream.will(answer)
    sent = await person.send("Tell me a story")
    await person.watched(reply_of(sent))
    return conversation_of(sent), reply_of(sent)


async def went_on(person: Person, upstream: Upstream, reply: str, answer: Answer = REST) -> Page:
    upstream.will(answer)
    page = await person.partial(f"/replies/{reply}/continuation")
    await person.watched(reply)
    return page


async def row(site: Site, reply: str) -> dict[str, object]:
    return (await rows(site, "SELECT * FROM replies WHERE id = :id", id=reply))[0]


def offered(page: Page) -> list[str]:
    return [str(form["action"]) for form in page.html.select(".outcome form.continue")]


async def test_a_stopped_reply_goes_on_as_the_same_message(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    talk, reply = await stopped(ada, upstream)
    assert offered(await ada.get(f"/conversations/{talk}")) == [f"/replies/{reply}/continuation"]

    await went_on(ada, upstream, reply)

    assert await state(site, reply) == "complete"
    assert await text_of(site, reply) == "Once *upon* a time there\n\nwas a fox."
    page = await ada.get(f"/conversations/{talk}")
    assert [str(each["data-reply"]) for each in page.html.select("[data-reply]")] == [reply]
    assert page.words("[data-part=text]:has(p) p") == "Once upon a time there"
    assert page.html.select(".outcome, .versions") == []
    assert await count(site, "reply_chunks", "reply_id = :id", id=reply) == 0


async def test_the_model_is_sent_the_text_so_far_and_asked_for_the_rest(
    ada: Person, upstream: Upstream
) -> None:
    _, reply = await stopped(ada, upstream)

    await went_on(ada, upstream, reply)

    assert upstream.asked[-1]["model"] == "tiny"
    assert upstream.asked[-1]["messages"] == [
        {"role": "user", "content": "Tell me a story"},
        {"role": "assistant", "content": "Once *upon* a"},
        {"role": "user", "content": CONTINUE},
    ]


@pytest.mark.parametrize(
    ("answer", "before"),
    [
        (Answer(["Once", " upon"], reason="length"), "complete"),
        (Answer(["Once", " upon"], cut=True), "failed"),
    ],
    ids=["cut off at the model's limit", "the connection broke"],
)
async def test_one_that_ended_too_early_goes_on(
    site: Site, ada: Person, upstream: Upstream, answer: Answer, before: str
) -> None:
    talk, reply = await ended(ada, upstream, answer)
    found = await state(site, reply)
    shown = offered(await ada.get(f"/conversations/{talk}"))

    await went_on(ada, upstream, reply)

    assert (found, len(shown)) == (before, 1)
    assert await text_of(site, reply) == "Once upon time there\n\nwas a fox."
    assert await state(site, reply) == "complete"


async def test_it_can_go_on_more_than_once(site: Site, ada: Person, upstream: Upstream) -> None:
    _, reply = await ended(ada, upstream, Answer(["A"], reason="length"))

    for letter in "BCD":
        await went_on(ada, upstream, reply, Answer([letter], reason="length"))

    assert await text_of(site, reply) == "ABCD"
    assert (await row(site, reply))["epoch"] == 4


async def test_what_it_cost_adds_up(site: Site, ada: Person, upstream: Upstream) -> None:
    _, reply = await ended(ada, upstream, Answer(["A", "B", "C"], reason="length"))
    first = await row(site, reply)

    await went_on(ada, upstream, reply, Answer(["D", "E"]))

    both = await row(site, reply)
    assert (first["input_tokens"], first["output_tokens"]) == (7, 3)
    assert (both["input_tokens"], both["output_tokens"]) == (14, 5)


async def test_whoever_watches_sees_all_of_it(ada: Person, upstream: Upstream) -> None:
    """From the beginning, or from any number of blocks: the page is equal to the stored one."""
    long = "First *one*.\n\nSecond one.\n\nThird"
    talk, reply = await ended(ada, upstream, Answer([long], reason="length"))
    held = asyncio.Event()
    upstream.will(Answer([" and so on.\n\nFourth", " is last."], held=held))
    page = await ada.partial(f"/replies/{reply}/continuation")
    screens = [Screen(page, reply) for _ in range(2)]

    assert screens[0].text.startswith("First one.")  # nothing goes away while the stream opens
    assert screens[0].bubble["data-state"] == "streaming"
    async for event in ada.events(reply):
        screens[0].apply(event)
        if "Fourth" in screens[0].text:
            break
    assert normal(screens[0].blocks).startswith("<p>First <em>one</em>.</p>")
    assert "Third and so on." in screens[0].text
    screens[1].apply(event)
    held.set()
    for screen in screens:
        async for event in ada.events(reply, last=screens[0].held if screen is screens[0] else ""):
            screen.apply(event)
        assert screen.bubble["data-state"] == "complete"
        assert "Fourth is last." in screen.text

    stored = await ada.get(f"/conversations/{talk}")
    inside = normal(stored.one(f"#m-{reply} [data-part=text]").decode_contents())
    assert [normal(screen.html) for screen in screens] == [inside, inside]


async def test_while_it_goes_on_the_page_shows_what_it_has(ada: Person, upstream: Upstream) -> None:
    talk, reply = await stopped(ada, upstream)
    held = asyncio.Event()
    upstream.will(Answer([" time", "."], held=held))
    started = await ada.partial(f"/replies/{reply}/continuation")

    page = await ada.get(f"/conversations/{talk}")
    held.set()
    await ada.watched(reply)

    assert "hx-sse:connect" in started.one("[data-reply]").attrs
    assert started.html.select_one("#send .stop") is not None
    assert page.one("[data-reply]")["data-state"] == "streaming"
    assert page.words("[data-reply] [data-part=text]") == "Once upon a"


async def test_without_scripts_it_grows_in_the_page(ada: Person, upstream: Upstream) -> None:
    talk, reply = await stopped(ada, upstream)
    held = asyncio.Event()
    upstream.will(Answer([" time", " ago."], held=held))

    started = await ask(ada, "POST", f"/replies/{reply}/continuation")
    seen = ""
    async for part in written(ada, f"/conversations/{talk}/live"):
        seen += part
        if "a time" in seen:
            held.set()

    assert started.status == 303
    assert started.headers["Location"] == f"/conversations/{talk}#m-{reply}"
    assert "<p>Once <em>upon</em> a time ago.</p>" in seen
    page = await ada.get(f"/conversations/{talk}")
    assert page.words("[data-reply] [data-part=text]") == "Once upon a time ago."


@pytest.mark.parametrize("how", ["stopped", "length"])
async def test_one_that_cannot_even_begin_to_go_on_stays_as_it_was(
    site: Site, ada: Person, upstream: Upstream, how: str
) -> None:
    if how == "stopped":
        talk, reply = await stopped(ada, upstream)
    else:
        talk, reply = await ended(ada, upstream, Answer(["Once *upon* a"], reason="length"))
    before = await state(site, reply)

    await went_on(ada, upstream, reply, REFUSED)

    assert await state(site, reply) == before
    assert await text_of(site, reply) == "Once *upon* a"
    page = await ada.get(f"/conversations/{talk}")
    assert page.words("[data-reply] [data-part=text]") == "Once upon a"
    assert "did not accept this installation's key" in page.words(".outcome p")
    assert len(offered(page)) == 1
    await went_on(ada, upstream, reply)
    assert await state(site, reply) == "complete"


async def test_one_that_fails_again_keeps_what_came(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    _, reply = await stopped(ada, upstream)

    await went_on(ada, upstream, reply, Answer([" time", " there"], cut=True))

    assert await text_of(site, reply) == "Once *upon* a time there"
    assert (await row(site, reply))["reason"] == "truncated"
    assert await state(site, reply) == "failed"


async def test_stopped_again_at_once_nothing_is_lost(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    _, reply = await stopped(ada, upstream)
    upstream.will(Answer([" never"], held=asyncio.Event()))

    await ada.partial(f"/replies/{reply}/continuation")
    again = await ada.partial(f"/replies/{reply}/stop")
    upstream.answers.clear()  # it may not even have been asked

    assert again.words("[data-part=text]") == "Once upon a"
    assert again.words(".outcome p") == "You stopped this answer."
    assert await text_of(site, reply) == "Once *upon* a"


async def test_after_a_crash_it_goes_on_and_survives_another(
    database: Installer, upstream: Upstream, tmp_path: Path, people: Callable[..., Person]
) -> None:
    """What the disk holds when a process dies in a continuation: the old text, and new chunks."""
    env = {"OPENAI_BASE_URL": upstream.url}
    async with database.running(tmp_path, env) as site:
        ada = people(site)
        await ada.register()
        talk, reply = await stopped(ada, upstream)
    async with database.running(tmp_path, env) as site:
        sql = "UPDATE replies SET state = 'streaming', epoch = epoch + 1"
        await change(site, sql)
        for seq, body in enumerate((" time", " there"), 1):
            sql = "INSERT INTO reply_chunks (reply_id, seq, body) VALUES (:id, :seq, :body)"
            await change(site, sql, id=reply, seq=seq, body=body)
    async with database.running(tmp_path, env) as site:
        ada = people(site, ada.email)
        await ada.log_in()
        await interrupted(site, reply)
        found = await state(site, reply), await text_of(site, reply)
        shown = offered(await ada.get(f"/conversations/{talk}"))
        await went_on(ada, upstream, reply, Answer([" was", " a fox."]))
        after = await state(site, reply), await text_of(site, reply)

    assert found == ("interrupted", "Once *upon* a time there")
    assert len(shown) == 1
    assert after == ("complete", "Once *upon* a time there was a fox.")


async def test_what_comes_is_saved_behind_what_was_there(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    _, reply = await stopped(ada, upstream)
    held = asyncio.Event()
    upstream.will(Answer([" time", "."], held=held))
    await ada.partial(f"/replies/{reply}/continuation")

    async def saved() -> bool:
        sql = "SELECT body FROM reply_chunks WHERE reply_id = :id ORDER BY seq"
        return [each["body"] for each in await rows(site, sql, id=reply)] == [" time"]

    await until(saved, within=10)
    kept = await text_of(site, reply)
    held.set()
    await ada.watched(reply)

    assert kept == "Once *upon* a"


@pytest.mark.parametrize(
    "answer",
    [Answer(["All", " of it."]), Answer(["Bad"], reason="content_filter"), REFUSED],
    ids=["complete", "filtered", "without a word"],
)
async def test_what_has_nothing_to_go_on_with_is_refused(
    ada: Person, upstream: Upstream, answer: Answer
) -> None:
    talk, reply = await ended(ada, upstream, answer)
    before = len(upstream.asked)

    refused = await ada.partial(f"/replies/{reply}/continuation")

    assert refused.status == 409
    assert "nothing to continue" in refused.words(".notice")
    assert offered(await ada.get(f"/conversations/{talk}")) == []
    assert len(upstream.asked) == before


async def test_one_that_is_followed_by_a_question_is_refused(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    talk, reply = await stopped(ada, upstream)
    await ada.watched(reply_of(await ada.send("And now?", talk)))

    refused = await ada.partial(f"/replies/{reply}/continuation")

    assert refused.status == 409
    assert "went on" in refused.words(".notice")
    assert await state(site, reply) == "stopped"


async def test_pressed_twice_at_once_the_model_is_asked_once(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    _, reply = await stopped(ada, upstream)
    held = asyncio.Event()
    upstream.will(Answer([" time", "."], held=held))
    before = len(upstream.asked)

    both = await asyncio.gather(*(ada.partial(f"/replies/{reply}/continuation") for _ in range(2)))
    held.set()
    await ada.watched(reply)

    assert sorted(answer.status for answer in both) == [200, 409]
    assert len(upstream.asked) == before + 1
    assert await text_of(site, reply) == "Once *upon* a time."


async def test_an_older_version_that_goes_on_is_the_one_that_is_shown(
    ada: Person, upstream: Upstream
) -> None:
    talk, reply = await stopped(ada, upstream)
    await ada.watched(reply_of(await ada.partial(f"/replies/{reply}/retry")))

    page = await went_on(ada, upstream, reply)

    assert page.words(".versions") == "1/2"
    shown = await ada.get(f"/conversations/{talk}")
    assert [str(each["data-reply"]) for each in shown.html.select("[data-reply]")] == [reply]


async def test_a_model_that_is_gone_is_said(site: Site, ada: Person, upstream: Upstream) -> None:
    _, reply = await stopped(ada, upstream)
    sql = "UPDATE replies SET model = 'nobody/knows' WHERE id = :id"
    await change(site, sql, id=reply)

    refused = await ada.partial(f"/replies/{reply}/continuation")

    assert refused.status == 422
    assert await state(site, reply) == "stopped"


async def test_a_stranger_continues_nothing(
    site: Site, ada: Person, eve: Person, upstream: Upstream
) -> None:
    _, reply = await stopped(ada, upstream)
    before = await row(site, reply)

    assert (await eve.partial(f"/replies/{reply}/continuation")).status == 404
    assert await row(site, reply) == before


def test_of_an_answer_beyond_the_window_the_end_is_sent_behind_its_question() -> None:
    model = Model("o/m", "O", "m", context=4096)
    history = [
        _message("user", "Old question"),
        _message("assistant", "Old answer"),
        _message("user", "Question"),
        _message("assistant", "é" * 50_000 + "the end"),
    ]

    prompt = build(history, model).prompt

    assert [turn.role for turn in prompt.turns][-2:] == ["user", "assistant"]
    assert prompt.turns[-2].text == "Question"
    assert prompt.turns[-1].text.endswith("éthe end")
    assert len(prompt.turns[-1].text.encode()) < 4096 * 3 // 2


def _message(role: str, text: str) -> Message:
    return Message("id", None, role, text, "", 0, "", "", "", "")
