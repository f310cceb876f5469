"""Another answer to the same question."""

import asyncio

from tests.people import Answer as Page
from tests.people import Person, conversation_of, reply_of
from tests.raw import ask
from tests.rows import rows, state, text_of
from tests.site import Site
from tests.upstream import Answer, Upstream

REFUSED = Answer(status=401, error={"message": "no", "code": "invalid_api_key"})


async def answered(person: Person, upstream: Upstream, answer: Answer) -> Page:
    upstream.will(answer)
    sent = await person.send("How are you?")
    await person.watched(reply_of(sent))
    return sent


async def test_a_failed_reply_is_written_again(site: Site, ada: Person, upstream: Upstream) -> None:
    sent = await answered(ada, upstream, REFUSED)

    retried = await ada.partial(f"/replies/{reply_of(sent)}/retry")
    await ada.watched(reply_of(retried))

    assert retried.status == 200
    assert "hx-sse:connect" in retried.one("[data-reply]").attrs
    assert retried.html.select_one("#send .stop") is not None
    page = await ada.get(f"/conversations/{conversation_of(sent)}")
    assert page.words("[data-reply] [data-part=text]") == "Hello, world."
    assert page.one("[data-reply]")["data-reply"] == reply_of(retried)


async def test_a_complete_reply_gets_a_sibling(site: Site, ada: Person, upstream: Upstream) -> None:
    sent = await answered(ada, upstream, Answer(["First"]))
    upstream.will(Answer(["Second"]))

    retried = await ada.partial(f"/replies/{reply_of(sent)}/retry")
    await ada.watched(reply_of(retried))

    sql = "SELECT id, parent_id FROM messages WHERE conversation_id = :id AND role = 'assistant'"
    answers = await rows(site, sql, id=conversation_of(sent))
    assert {row["id"] for row in answers} == {reply_of(sent), reply_of(retried)}
    assert len({row["parent_id"] for row in answers}) == 1
    assert await text_of(site, reply_of(sent)) == "First"
    page = await ada.get(f"/conversations/{conversation_of(sent)}")
    assert page.words("[data-reply] [data-part=text]") == "Second"
    assert len(page.html.select("[data-role=user]")) == 1


async def test_a_stopped_reply_is_written_again(ada: Person, upstream: Upstream) -> None:
    upstream.will(Answer(["One", "two"], held=asyncio.Event()))
    sent = await ada.send("How are you?")
    async for _ in ada.events(reply_of(sent)):  # else the held answer is left for the retry
        break
    await ada.partial(f"/replies/{reply_of(sent)}/stop")

    retried = await ada.partial(f"/replies/{reply_of(sent)}/retry")

    final = (await ada.watched(reply_of(retried)))[-1].html.select_one("[data-reply]")
    assert final is not None and final["data-state"] == "complete"


async def test_the_model_is_asked_the_same_question_again(ada: Person, upstream: Upstream) -> None:
    sent = await answered(ada, upstream, Answer(["First"]))
    later = await ada.send("And now?", conversation_of(sent))
    await ada.watched(reply_of(later))
    asked = upstream.asked[-1]

    retried = await ada.partial(f"/replies/{reply_of(later)}/retry")
    await ada.watched(reply_of(retried))

    assert upstream.asked[-1] == asked
    assert [turn["content"] for turn in asked["messages"]] == ["How are you?", "First", "And now?"]


async def test_with_another_model(site: Site, ada: Person, upstream: Upstream) -> None:
    sent = await answered(ada, upstream, Answer(["First"]))

    retried = await ada.partial(f"/replies/{reply_of(sent)}/retry", {"model": "openai/large"})
    await ada.watched(reply_of(retried))

    assert upstream.asked[-1]["model"] == "large"
    assert retried.one("[data-reply]")["data-model"] == "large"
    page = await ada.get(f"/conversations/{conversation_of(sent)}")
    assert page.one("select[name=model] option[selected]")["value"] == "openai/large"


async def test_with_an_unknown_model_it_is_refused(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    sent = await answered(ada, upstream, REFUSED)
    before = len(upstream.asked)

    refused = await ada.partial(f"/replies/{reply_of(sent)}/retry", {"model": "nobody/knows"})

    assert refused.status == 422
    assert await state(site, reply_of(sent)) == "failed"
    assert len(upstream.asked) == before


async def test_not_while_it_is_being_written(ada: Person, upstream: Upstream) -> None:
    held = asyncio.Event()
    upstream.will(Answer(["One", "two"], held=held))
    sent = await ada.send("How are you?")
    before = len(upstream.asked)

    refused = await ada.partial(f"/replies/{reply_of(sent)}/retry")
    held.set()
    await ada.watched(reply_of(sent))

    assert refused.status == 409
    assert "still being written" in refused.words(".notice")
    assert len(upstream.asked) <= before + 1


async def test_not_while_another_reply_is_written_in_the_conversation(
    ada: Person, upstream: Upstream
) -> None:
    sent = await answered(ada, upstream, Answer(["First"]))
    held = asyncio.Event()
    upstream.will(Answer(["One", "two"], held=held))
    later = await ada.send("And now?", conversation_of(sent))

    refused = await ada.partial(f"/replies/{reply_of(sent)}/retry")
    held.set()
    await ada.watched(reply_of(later))

    assert refused.status == 409


async def test_an_older_reply_leads_to_a_branch_of_its_own(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    sent = await answered(ada, upstream, Answer(["First"]))
    later = await ada.send("And now?", conversation_of(sent))
    await ada.watched(reply_of(later))

    retried = await ada.partial(f"/replies/{reply_of(sent)}/retry")

    target = retried.headers["HX-Redirect"]
    assert target.startswith(f"/conversations/{conversation_of(sent)}?at=")
    page = await ada.get(target)
    await ada.watched(reply_of(page))
    assert len(page.html.select("[data-role=user]")) == 1
    assert await text_of(site, reply_of(later)) == "Hello, world."


async def test_without_scripts_it_leads_to_the_new_reply(ada: Person, upstream: Upstream) -> None:
    sent = await answered(ada, upstream, REFUSED)

    retried = await ask(ada, "POST", f"/replies/{reply_of(sent)}/retry")
    page = await ada.get(retried.headers["Location"])

    assert retried.status == 303
    assert retried.headers["Location"].endswith(f"#m-{reply_of(page)}")
    assert reply_of(page) != reply_of(sent)
    await ada.watched(reply_of(page))


async def test_pressed_twice_at_once_it_is_one_more_answer(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    sent = await answered(ada, upstream, REFUSED)
    held = asyncio.Event()
    upstream.will(Answer(["One", "two"], held=held))

    both = await asyncio.gather(
        *(ada.partial(f"/replies/{reply_of(sent)}/retry") for _ in range(2))
    )
    held.set()

    assert sorted(answer.status for answer in both) == [200, 409]
    page = await ada.get(f"/conversations/{conversation_of(sent)}")
    await ada.watched(reply_of(page))


async def test_it_asks_the_model_that_is_picked_by_now(
    ada: Person, upstream: Upstream, site: Site
) -> None:
    """After "Choose another model" the same one again would be no help."""
    upstream.will(Answer(status=404, error={"message": "gone", "code": "model_not_found"}))
    sent = await ada.send("Hello")
    talk, reply = conversation_of(sent), reply_of(sent)
    await ada.watched(reply)
    await ada.partial(f"/conversations/{talk}/model", {"model": "openai/large"})
    upstream.asked.clear()

    again = await ada.partial(f"/replies/{reply}/retry")
    await ada.watched(reply_of(again))

    assert [asked["model"] for asked in upstream.asked] == ["large"]
