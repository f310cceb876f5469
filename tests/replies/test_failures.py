"""What goes wrong at the provider is told in the bubble, in plain words, with a way on."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import ON_SQLITE, SiteMaker
from tests.people import Answer as Page
from tests.people import Person, conversation_of, reply_of
from tests.rows import rows, text_of
from tests.site import Site
from tests.upstream import Answer, Upstream

KEY = "sk-do-not-show-this-key"


def refusal(status: int, code: str, message: str = "Internal detail 17") -> Answer:
    error: dict[str, Any] = {"message": f"{message} {KEY}", "code": code}
    return Answer(status=status, error=error)


AT_ONCE = {
    "auth": (refusal(401, "invalid_api_key"), "did not accept this installation's key"),
    "billing": (refusal(402, "insufficient_quota"), "wants to be paid first"),
    "not_found": (refusal(404, "model_not_found"), "does not know this model"),
    "context": (refusal(400, "context_length_exceeded"), "too long for this model"),
    "bad_request": (refusal(400, "invalid_request_error"), "refused this question"),
}
AFTER_RETRIES = {
    "rate_limit": (refusal(429, "rate_limit_exceeded"), "asked too often"),
    "overloaded": (refusal(503, "server_error"), "is overloaded"),
}


async def failed(person: Person, answers: list[Answer], upstream: Upstream) -> Page:
    upstream.will(*answers)
    sent = await person.send("Hello")
    last = (await person.watched(reply_of(sent)))[-1]
    bubble = last.html.select_one("[data-reply]")
    assert bubble is not None and bubble["data-state"] == "failed"
    return await person.get(f"/conversations/{conversation_of(sent)}")


@pytest.mark.parametrize("kind", [*AT_ONCE, *AFTER_RETRIES])
async def test_each_kind_has_its_sentence_and_a_retry(
    site: Site, ada: Person, upstream: Upstream, kind: str
) -> None:
    answer, words = (AT_ONCE | AFTER_RETRIES)[kind]

    page = await failed(ada, [answer] * (3 if kind in AFTER_RETRIES else 1), upstream)

    bubble = page.one("[data-reply]")
    assert bubble["data-state"] == "failed"
    assert words in page.words("[data-reply] .outcome p")
    retry = f"form[method=post][action='/replies/{bubble['data-reply']}/retry'] button"
    assert page.one(f"[data-reply] {retry}")
    sql = "SELECT reason FROM replies WHERE id = :id"
    assert (await rows(site, sql, id=bubble["data-reply"]))[0]["reason"] == kind


@pytest.mark.parametrize("kind", AT_ONCE)
async def test_the_provider_s_own_words_stay_in_the_log(
    ada: Person, upstream: Upstream, kind: str
) -> None:
    """S114, S115: they may hold keys, markup, addresses."""
    page = await failed(ada, [AT_ONCE[kind][0]], upstream)

    assert "Internal detail" not in page.text
    assert KEY not in page.text


async def test_the_composer_is_free_and_the_next_message_goes_out(
    ada: Person, upstream: Upstream
) -> None:
    page = await failed(ada, [AT_ONCE["auth"][0]], upstream)

    later = await ada.send("And now?", conversation_of(page))

    assert page.html.select_one("#send .stop") is None
    assert later.status == 200
    last = (await ada.watched(reply_of(later)))[-1].html.select_one("[data-reply]")
    assert last is not None and last["data-state"] == "complete"


async def test_what_had_arrived_when_it_broke_is_kept(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    page = await failed(ada, [Answer(["Half ", "an answer"], pause=0.02, cut=True)], upstream)

    assert page.words("[data-reply] [data-part=text]") == "Half an answer"
    assert "broke before the answer was complete" in page.words(".outcome p")
    assert await text_of(site, reply_of(page)) == "Half an answer"


async def test_a_provider_that_is_not_there(
    make_site: SiteMaker, people: Callable[..., Person]
) -> None:
    site = await make_site(OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    ada = people(site)
    await ada.register()

    sent = await ada.send("Hello")
    last = (await ada.watched(reply_of(sent)))[-1]

    outcome = last.html.select_one(".outcome")
    assert outcome is not None
    assert "cannot be reached" in outcome.get_text()


@ON_SQLITE
@pytest.mark.parametrize("reason", ["stop", "tool_calls", "something_new"])
async def test_an_empty_answer_is_an_answer_and_the_bubble_says_so(
    ada: Person, upstream: Upstream, reason: str
) -> None:
    upstream.will(Answer([], reason=reason))
    sent = await ada.send("Say nothing")

    last = (await ada.watched(reply_of(sent)))[-1].html.select_one("[data-reply]")
    page = await ada.get(f"/conversations/{conversation_of(sent)}")

    assert last is not None and last["data-state"] == "complete"
    assert page.words(".outcome p") == "The model wrote nothing. Retry, or try another model."
    assert page.one(".outcome a[href='#model']")
    assert not page.html.select(".outcome .continue")
    assert page.one(f"form[action='/replies/{reply_of(page)}/retry']")


FLAGGED = refusal(403, "content_policy_violation", "Your input was flagged")


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (Answer(["Half "], reason="content_filter"), "complete", "filter cut this answer off"),
        (Answer([], reason="content_filter"), "complete", "did not let this question through"),
        (FLAGGED, "failed", "did not let this question through"),
    ],
    ids=["in the middle", "without a word", "instead of an answer"],
)
async def test_a_filter_is_told_from_a_wrong_key_and_from_an_answer(
    ada: Person, upstream: Upstream, answer: Answer, state: str, words: str
) -> None:
    upstream.will(answer)
    sent = await ada.send("Hello")
    await ada.watched(reply_of(sent))

    page = await ada.get(f"/conversations/{conversation_of(sent)}")

    assert page.one("[data-reply]")["data-state"] == state
    assert words in page.words(".outcome p")
    other = page.html.select_one(".outcome a[href='#model']")
    assert (other is None) == bool(answer.pieces == ["Half "])
    assert page.html.select_one(".outcome .continue") is None, "the filter would cut it again"
    assert page.one(f"form[action='/replies/{reply_of(page)}/retry']")
