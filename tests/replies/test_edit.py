"""A question is changed: a new version of it with an answer of its own; the old one stays."""

import asyncio
import secrets

import pytest
from bs4 import Tag

from tests.people import PARTIAL, Person, conversation_of, reply_of
from tests.people import Answer as Page
from tests.raw import ask
from tests.rows import count, text_of
from tests.site import Site
from tests.upstream import Answer, Upstream


async def asked(person: Person, upstream: Upstream, *texts: str) -> tuple[str, list[str]]:
    """A conversation with these questions, each answered "Yes."; the ids of the questions."""
    talk, ids = "", []
    for text in texts:
        upstream.will(Answer(["Yes."]))
        sent = await person.send(text, talk)
        await person.watched(reply_of(sent))
        talk = talk or conversation_of(sent)
        ids.append(str(sent.html.select("[data-role=user]")[-1]["id"]).removeprefix("m-"))
    return talk, ids


def words(page: Page) -> list[str]:
    """What was asked and answered on the shown path."""
    return [" ".join(part.get_text().split()) for part in page.html.select("[data-part=text]")]


def said(upstream: Upstream) -> list[str]:
    return [str(turn["content"]) for turn in upstream.asked[-1]["messages"]]


async def changed(person: Person, message: str, text: str, **form: str) -> Page:
    """As a browser without scripts does it: the link, the form, the page it leads to."""
    page = await person.get(f"/messages/{message}/versions")
    found = page.one("form.edit")
    fields = {str(each["name"]): str(each["value"]) for each in found.select("input")}
    return await person.post(str(found["action"]), {**fields, "text": text, **form})


async def test_every_question_leads_to_its_form(ada: Person, upstream: Upstream) -> None:
    talk, ids = await asked(ada, upstream, "First?", "Second?")
    page = await ada.get(f"/conversations/{talk}")

    links = [str(link["href"]) for link in page.html.select("[data-role=user] .actions a")]
    form = await ada.get(links[0])

    assert links == [f"/messages/{message}/versions#m-{message}" for message in ids]
    assert form.one(f"#m-{ids[0]} form.edit textarea[name=text]").get_text().strip() == "First?"
    assert form.one(f"#m-{ids[0]} textarea").has_attr("autofocus")
    assert len(form.html.select("form.edit")) == 1
    assert not page.html.select("form.edit")


async def test_the_new_question_is_asked_beside_the_old_one(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    talk, ids = await asked(ada, upstream, "First?", "Second?")

    page = await changed(ada, ids[1], "Another?")
    await ada.watched(reply_of(page))

    assert page.status == 200
    assert said(upstream) == ["First?", "Yes.", "Another?"]
    page = await ada.get(f"/conversations/{talk}")
    assert words(page) == ["First?", "Yes.", "Another?", "Hello, world."]
    assert [each.get_text(strip=True) for each in page.html.select(".versions")] == ["2/2"]
    assert await text_of(site, ids[1]) == "Second?"
    old = await ada.get(f"/conversations/{talk}?at={ids[1]}")
    assert words(old) == ["First?", "Yes.", "Second?", "Yes."]


async def test_the_first_question_can_be_changed_too(ada: Person, upstream: Upstream) -> None:
    talk, ids = await asked(ada, upstream, "First?", "Second?")

    page = await changed(ada, ids[0], "Another?")
    await ada.watched(reply_of(page))

    assert said(upstream) == ["Another?"]
    page = await ada.get(f"/conversations/{talk}")
    assert words(page) == ["Another?", "Hello, world."]
    assert page.words("[data-role=user] .versions") == "2/2"
    old = await ada.post(f"/messages/{ids[0]}/path")
    assert words(old) == ["First?", "Yes.", "Second?", "Yes."]
    assert old.words("[data-role=user] .versions") == "1/2"


async def test_with_scripts_it_leads_to_the_same_page(ada: Person, upstream: Upstream) -> None:
    talk, ids = await asked(ada, upstream, "First?")

    sent = await ada.partial(f"/messages/{ids[0]}/versions", {"text": "Another?", "key": "k1"})

    target = sent.headers["HX-Redirect"]
    page = await ada.get(target)
    await ada.watched(reply_of(page))
    assert target.startswith(f"/conversations/{talk}?at=")
    assert target.endswith(str(page.one("[data-role=user]")["id"]))


async def test_the_conversation_s_model_answers_unless_another_is_named(
    ada: Person, upstream: Upstream
) -> None:
    talk, ids = await asked(ada, upstream, "First?")
    await ada.partial(f"/conversations/{talk}/model", {"model": "openai/large"})

    await ada.watched(reply_of(await changed(ada, ids[0], "Another?")))
    first = upstream.asked[-1]["model"]
    await ada.watched(reply_of(await changed(ada, ids[0], "Once more?", model="openai/tiny")))

    assert (first, upstream.asked[-1]["model"]) == ("large", "tiny")


@pytest.mark.parametrize("text", ["", " \n ", "x" * 200_001])
async def test_what_cannot_be_sent_is_refused_with_everything_typed(
    site: Site, ada: Person, upstream: Upstream, text: str
) -> None:
    talk, ids = await asked(ada, upstream, "First?")

    page = await changed(ada, ids[0], text)

    assert page.status == 422
    area = page.one(f"#m-{ids[0]} form.edit textarea")
    assert area.get_text().strip() == text.strip()
    assert page.words("form.edit [role=alert]")
    assert await count(site, "messages", "conversation_id = :id", id=talk) == 2


async def test_an_unknown_model_is_refused_with_everything_typed(
    ada: Person, upstream: Upstream
) -> None:
    _, ids = await asked(ada, upstream, "First?")

    page = await changed(ada, ids[0], "Another?", model="nobody/knows")

    assert page.status == 422
    assert page.one("form.edit textarea").get_text().strip() == "Another?"


async def test_not_while_an_answer_is_being_written(ada: Person, upstream: Upstream) -> None:
    talk, ids = await asked(ada, upstream, "First?")
    held = asyncio.Event()
    upstream.will(Answer(["One", "two"], held=held))
    running = await ada.send("Second?", talk)

    page = await changed(ada, ids[0], "Another?")
    fragment = await ada.partial(f"/messages/{ids[0]}/versions", {"text": "A", "key": "k2"})
    held.set()
    await ada.watched(reply_of(running))

    assert page.status == fragment.status == 409
    assert page.one("form.edit textarea").get_text().strip() == "Another?"
    assert "still answering" in page.words("form.edit [role=alert]")
    assert "still answering" in fragment.words(".notice")


async def test_the_same_form_twice_is_one_question(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    talk, ids = await asked(ada, upstream, "First?")
    form = {"text": "Another?", "key": secrets.token_hex(8)}
    before = len(upstream.asked)

    both = await asyncio.gather(
        *(ada.partial(f"/messages/{ids[0]}/versions", form) for _ in range(2))
    )
    page = await ada.get(f"/conversations/{talk}")
    await ada.watched(reply_of(page))
    other = await ada.partial(f"/messages/{ids[0]}/versions", {**form, "text": "Something else?"})

    assert len({answer.headers["HX-Redirect"] for answer in both}) == 1
    assert len(upstream.asked) == before + 1
    assert await count(site, "messages", "conversation_id = :id", id=talk) == 4
    assert other.status == 409
    assert other.one(".notice")["data-code"] == "key_reused"


async def test_a_reply_is_no_question(ada: Person, upstream: Upstream) -> None:
    talk, _ = await asked(ada, upstream, "First?")
    reply = reply_of(await ada.get(f"/conversations/{talk}"))

    assert (await ada.get(f"/messages/{reply}/versions")).status == 404
    assert (await ada.post(f"/messages/{reply}/versions", {"text": "Mine"})).status == 404


async def test_a_stranger_changes_nothing(
    site: Site, ada: Person, eve: Person, upstream: Upstream
) -> None:
    talk, ids = await asked(ada, upstream, "First?")

    read = await ask(eve, "GET", f"/messages/{ids[0]}/versions")
    written = await ask(
        eve, "POST", f"/messages/{ids[0]}/versions", PARTIAL, data={"text": "Mine", "key": "k"}
    )

    assert read.status == written.status == 404
    assert "First?" not in read.text
    assert await count(site, "messages", "conversation_id = :id", id=talk) == 2


async def test_cancelling_leads_back_to_the_question(ada: Person, upstream: Upstream) -> None:
    _, ids = await asked(ada, upstream, "First?")
    page = await ada.get(f"/messages/{ids[0]}/versions")

    link: Tag = page.one("form.edit a")
    back = await ada.get(str(link["href"]))

    assert str(link["href"]).endswith(f"#m-{ids[0]}")
    assert words(back) == ["First?", "Yes."]
    assert not back.html.select("form.edit")
