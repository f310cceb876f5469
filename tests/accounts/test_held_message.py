"""A message sent after the session has expired is not lost: it survives the log-in."""

import secrets

import pytest

from tests.people import PARTIAL, PASSWORD, Answer, Person, conversation_of, reply_of
from tests.raw import ask
from tests.rows import change, count, rows
from tests.sides import LARGE, TINY, compare, replies_of
from tests.site import Site

MINE = "account_id = (SELECT id FROM accounts WHERE email = :email)"
TEXT = 'Two hours of work,\n  with "quotes" & <tags>\n</textarea>'


async def expire(site: Site, person: Person) -> None:
    await change(site, f"DELETE FROM sessions WHERE {MINE}", email=person.email)


async def questions(site: Site, person: Person) -> list[str]:
    sql = f"SELECT text FROM messages WHERE role = 'user' AND {MINE} ORDER BY seq"
    return [row["text"] for row in await rows(site, sql, email=person.email)]


async def logged_in(person: Person, login: Answer, password: str = PASSWORD) -> Answer:
    """Fills in the log-in page that is shown, and sends everything that it carries."""
    form = login.one("form[action='/login']")
    fields = {str(field["name"]): str(field.get("value", "")) for field in form.select("input")}
    # A browser drops the line break behind the opening tag.
    fields |= {
        str(field["name"]): field.get_text().replace("\r\n", "\n").removeprefix("\n")
        for field in form.select("textarea")
    }
    return await person.post("/login", fields | {"email": person.email, "password": password})


def a_form() -> dict[str, str]:
    return {"text": TEXT, "model": "openai/tiny", "key": secrets.token_hex(8)}


@pytest.mark.parametrize("headers", [{}, PARTIAL], ids=["page", "fragment"])
async def test_a_first_message_is_sent_once_after_the_log_in(
    site: Site, ada: Person, headers: dict[str, str]
) -> None:
    await expire(site, ada)

    asked = await ada.post("/conversations", a_form(), headers=headers)
    stored_before = await questions(site, ada)
    page = await logged_in(ada, asked)

    assert asked.status == 401
    assert "kept" in asked.words(".kept")
    assert stored_before == []
    assert page.status == 200
    assert page.words("[data-role=user] [data-part=text]").startswith("Two hours of work")
    assert await questions(site, ada) == [TEXT]
    await ada.watched(reply_of(page))


@pytest.mark.parametrize("headers", [{}, PARTIAL], ids=["page", "fragment"])
async def test_a_follow_up_goes_on_in_its_conversation(
    site: Site, ada: Person, headers: dict[str, str]
) -> None:
    sent = await ada.send("Hello")
    await ada.watched(reply_of(sent))
    talk = conversation_of(sent)
    await expire(site, ada)

    asked = await ada.post(f"/conversations/{talk}/messages", a_form(), headers=headers)
    page = await logged_in(ada, asked)

    assert conversation_of(page) == talk
    assert await questions(site, ada) == ["Hello", TEXT]
    await ada.watched(reply_of(page))


async def test_a_fragment_request_gets_the_whole_log_in_page(site: Site, ada: Person) -> None:
    await expire(site, ada)

    asked = await ada.post("/conversations", a_form(), headers=PARTIAL)

    assert asked.headers["HX-Retarget"] == "body"
    assert asked.one("form[action='/login'] input[name=password]")


async def test_a_wrong_password_in_between_keeps_it(site: Site, ada: Person) -> None:
    await expire(site, ada)
    asked = await ada.post("/conversations", a_form())

    refused = await logged_in(ada, asked, password="not this one")
    page = await logged_in(ada, refused)

    assert refused.status == 422
    assert await questions(site, ada) == [TEXT]
    await ada.watched(reply_of(page))


async def test_the_log_in_sent_twice_is_one_message(site: Site, ada: Person) -> None:
    await expire(site, ada)
    asked = await ada.post("/conversations", a_form())

    page = await logged_in(ada, asked)
    again = await logged_in(ada, asked)

    assert conversation_of(page) == conversation_of(again)
    assert await questions(site, ada) == [TEXT]
    await ada.watched(reply_of(page))


async def test_the_password_is_in_no_row_of_the_message(site: Site, ada: Person) -> None:
    """The log-in's form goes on as it is, password included: nothing keeps that."""
    await expire(site, ada)
    page = await logged_in(ada, await ada.post("/conversations", a_form()))
    await ada.watched(reply_of(page))

    for column in ("text", "html", "key"):
        assert await count(site, "messages", f"{column} LIKE :p", p=f"%{PASSWORD}%") == 0


async def test_somebody_else_who_logs_in_there_cannot_write_to_her_conversation(
    site: Site, ada: Person, eve: Person
) -> None:
    sent = await ada.send("Hello")
    await ada.watched(reply_of(sent))
    await expire(site, ada)
    asked = await ada.post(f"/conversations/{conversation_of(sent)}/messages", a_form())
    ada.email, mine = eve.email, ada.email

    refused = await logged_in(ada, asked)

    assert refused.status == 404
    ada.email = mine
    assert await questions(site, ada) == ["Hello"]
    assert await questions(site, eve) == []
    assert refused.one("textarea").get_text().replace("\r\n", "\n").strip("\n") == TEXT


@pytest.mark.parametrize("held", ["https://example.com/", "//example.com", "/logout", "/account"])
async def test_a_message_is_only_sent_on_to_conversations(
    site: Site, ada: Person, held: str
) -> None:
    form = {"email": ada.email, "password": PASSWORD, "held": held, **a_form()}

    answer = await ask(ada, "POST", "/login", data=form)

    assert answer.status == 303
    assert answer.headers["Location"] == "/"
    assert await questions(site, ada) == []


@pytest.mark.parametrize("path", ["deletion", "title", "pin", "model"])
async def test_other_writes_are_not_repeated(site: Site, ada: Person, path: str) -> None:
    """Only a message waits: nobody wants to delete something by logging in."""
    sent = await ada.send("Hello")
    await ada.watched(reply_of(sent))
    await expire(site, ada)
    target = f"/conversations/{conversation_of(sent)}/{path}"
    form = {"title": "Changed", "on": "1", "model": "openai/large", "text": "x"}
    before = await rows(site, f"SELECT * FROM conversations WHERE {MINE}", email=ada.email)

    asked = await ada.post(target, form)
    await logged_in(ada, asked)

    after = await rows(site, f"SELECT * FROM conversations WHERE {MINE}", email=ada.email)
    assert asked.status == 401
    assert after == before


async def test_a_changed_question_survives_the_log_in(site: Site, ada: Person) -> None:
    sent = await ada.send("First?")
    await ada.watched(reply_of(sent))
    question = str(sent.one("[data-role=user]")["id"]).removeprefix("m-")
    await expire(site, ada)

    page = await logged_in(ada, await ada.post(f"/messages/{question}/versions", a_form()))

    assert page.words("[data-role=user] .versions") == "2/2"
    assert await questions(site, ada) == ["First?", TEXT]
    await ada.watched(reply_of(page))


async def test_a_message_below_an_older_version_stays_there(site: Site, ada: Person) -> None:
    sent = await ada.send("First?")
    await ada.watched(reply_of(sent))
    newer = await ada.partial(f"/replies/{reply_of(sent)}/retry")
    await ada.watched(reply_of(newer))
    await expire(site, ada)

    path = f"/conversations/{conversation_of(sent)}/messages"
    page = await logged_in(ada, await ada.post(path, a_form() | {"parent": reply_of(sent)}))

    await ada.watched(reply_of(page))
    assert page.one("[data-reply]")["data-reply"] == reply_of(sent)


async def test_a_question_to_several_models_is_still_one_to_several(
    ada: Person, site: Site
) -> None:
    await expire(site, ada)
    asked = await compare(ada, TINY, LARGE)

    held = [str(field["value"]) for field in asked.html.select("form [name=model]")]
    form = [(str(each["name"]), str(each.get("value", ""))) for each in asked.html.select("input")]
    form = [(name, value) for name, value in form if name not in ("email", "password")]
    form += [("text", "Which one?"), ("email", ada.email), ("password", PASSWORD)]
    login = await ask(ada, "POST", "/login", data=form)
    sent = await ask(ada, "POST", login.headers["Location"], data=form)
    page = await ada.get(sent.headers["Location"])

    assert (asked.status, login.status, held) == (401, 307, [TINY, LARGE])
    assert len(replies_of(page)) == 2
    for reply in replies_of(page):
        await ada.watched(reply)
