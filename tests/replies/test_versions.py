"""Several answers in one place, or several questions: one is shown, the others are a step away."""

import asyncio
from collections.abc import Callable

from bs4 import Tag

from tests.people import Answer as Page
from tests.people import Person, conversation_of, reply_of
from tests.raw import ask
from tests.rows import change, questions, rows
from tests.site import Site
from tests.talks import add_messages, add_talks
from tests.upstream import Answer, Upstream


async def retried(person: Person, upstream: Upstream, number: int) -> tuple[str, list[str]]:
    """A conversation whose one question has so many answers, "Answer 1" and on; their ids."""
    upstream.will(Answer(["Answer 1"]))
    sent = await person.send("How are you?")
    await person.watched(reply_of(sent))
    ids = [reply_of(sent)]
    for n in range(2, number + 1):
        upstream.will(Answer([f"Answer {n}"]))
        ids.append(reply_of(await person.partial(f"/replies/{ids[-1]}/retry")))
        await person.watched(ids[-1])
    return conversation_of(sent), ids


def shown(page: Page) -> str:
    return page.words("[data-reply] [data-part=text]")


def button(page: Page, label: str, message: str = "[data-reply]") -> Tag:
    return page.one(f"{message} .versions button[aria-label='{label}']")


async def step(person: Person, page: Page, label: str, message: str = "[data-reply]") -> Page:
    """As a browser without scripts does it."""
    return await person.post(str(button(page, label, message)["formaction"]))


async def test_one_version_says_nothing(ada: Person, upstream: Upstream) -> None:
    talk, _ = await retried(ada, upstream, 1)

    assert (await ada.get(f"/conversations/{talk}")).html.select(".versions") == []


async def test_the_newest_of_several_is_shown_with_its_number(
    ada: Person, upstream: Upstream
) -> None:
    talk, _ = await retried(ada, upstream, 3)

    page = await ada.get(f"/conversations/{talk}")

    assert shown(page) == "Answer 3"
    assert page.words(".versions") == "3/3"
    assert page.one(".versions span")["aria-label"] == "Version 3 of 3"
    assert button(page, "Version after").has_attr("disabled")
    assert not button(page, "Version before").has_attr("disabled")


async def test_forms_alone_step_to_the_first_and_back(ada: Person, upstream: Upstream) -> None:
    talk, _ = await retried(ada, upstream, 3)
    page = await ada.get(f"/conversations/{talk}")
    seen = []
    for label in ("Version before", "Version before", "Version after"):
        page = await step(ada, page, label)
        seen.append((page.status, shown(page), page.words(".versions")))

    assert seen == [(200, "Answer 2", "2/3"), (200, "Answer 1", "1/3"), (200, "Answer 2", "2/3")]


async def test_the_chosen_version_is_remembered(
    site: Site, ada: Person, people: Callable[..., Person], upstream: Upstream
) -> None:
    talk, _ = await retried(ada, upstream, 2)
    before = await rows(site, "SELECT updated_at FROM conversations WHERE id = :id", id=talk)

    await step(ada, await ada.get(f"/conversations/{talk}"), "Version before")
    elsewhere = people(site, ada.email)
    await elsewhere.log_in()

    assert shown(await elsewhere.get(f"/conversations/{talk}")) == "Answer 1"
    sql = "SELECT updated_at FROM conversations WHERE id = :id"
    assert await rows(site, sql, id=talk) == before


async def test_every_version_has_an_address_that_remembers_nothing(
    ada: Person, upstream: Upstream
) -> None:
    talk, ids = await retried(ada, upstream, 3)

    pages = [await ada.get(f"/conversations/{talk}?at={reply}") for reply in ids]

    assert [shown(page) for page in pages] == ["Answer 1", "Answer 2", "Answer 3"]
    assert shown(await ada.get(f"/conversations/{talk}")) == "Answer 3"


async def test_a_step_leads_to_the_address_of_the_version(ada: Person, upstream: Upstream) -> None:
    talk, ids = await retried(ada, upstream, 2)
    url = f"/conversations/{talk}?at={ids[0]}#m-{ids[0]}"

    assert (await ask(ada, "POST", f"/messages/{ids[0]}/path")).headers["Location"] == url
    assert (await ada.partial(f"/messages/{ids[0]}/path")).headers["HX-Redirect"] == url


async def test_what_is_sent_from_an_older_version_follows_it(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    talk, ids = await retried(ada, upstream, 2)
    page = await ada.get(f"/conversations/{talk}?at={ids[0]}")
    parent = str(page.one("#composer [name=parent]")["value"])

    sent = await ada.send("Go on", talk, parent=parent)
    await ada.watched(reply_of(sent))

    assert parent == ids[0]
    said = [turn["content"] for turn in upstream.asked[-1]["messages"]]
    assert said == ["How are you?", "Answer 1", "Go on"]
    assert sent.html.select("#composer [name=parent]") == []
    remembered = await ada.get(f"/conversations/{talk}")
    assert [part.text for part in remembered.html.select("[data-reply] [data-part=text] p")] == [
        "Answer 1",
        "Hello, world.",
    ]
    assert remembered.html.select("#composer [name=parent]") == []


async def test_what_is_refused_there_stays_there(ada: Person, upstream: Upstream) -> None:
    talk, ids = await retried(ada, upstream, 2)
    form = {"text": "Go on", "model": "nobody/knows", "parent": ids[0]}
    refused = await ada.post(f"/conversations/{talk}/messages", form)

    assert refused.status == 422
    assert shown(refused) == "Answer 1"
    assert refused.one("#composer [name=parent]")["value"] == ids[0]


async def test_a_step_back_shows_what_followed_that_version(
    ada: Person, upstream: Upstream
) -> None:
    talk, ids = await retried(ada, upstream, 1)
    await ada.watched(reply_of(await ada.send("Go on", talk)))
    again = await ada.partial(f"/replies/{ids[0]}/retry")
    page = await ada.get(again.headers["HX-Redirect"])
    await ada.watched(reply_of(page))

    back = await step(ada, await ada.get(f"/conversations/{talk}"), "Version before")

    assert len(page.html.select("[data-role=user]")) == 1
    assert [part.text for part in back.html.select("[data-role=user] [data-part=text]")] == [
        "How are you?",
        "Go on",
    ]


async def test_twenty_versions_are_counted_in_order(site: Site, ada: Person) -> None:
    talk, ids = await _answers(site, ada, 20)

    pages = [await ada.get(f"/conversations/{talk}?at={reply}") for reply in ids]

    assert [page.words(".versions") for page in pages] == [f"{n}/20" for n in range(1, 21)]


async def test_a_reply_by_itself_knows_its_versions(ada: Person, upstream: Upstream) -> None:
    _, ids = await retried(ada, upstream, 2)
    upstream.will(Answer(["Answer 3"]))

    started = await ada.partial(f"/replies/{ids[1]}/retry")
    ended = (await ada.watched(reply_of(started)))[-1].html.select_one(".versions")

    assert started.words(".versions") == "3/3"
    assert ended is not None and ended.get_text(strip=True) == "3/3"
    assert (await ada.get(f"/replies/{ids[0]}")).words(".versions") == "1/3"


async def test_a_version_far_above_the_end_is_on_its_page(site: Site, ada: Person) -> None:
    talk = (await add_talks(site, ada, 1))[0]
    ids = await add_messages(site, ada, talk, 100)

    page = await ada.get(f"/conversations/{talk}?at={ids[10]}")

    assert page.one(f"#m-{ids[10]}")
    assert page.one(f"#m-{ids[99]}")


async def test_a_page_asks_the_same_number_of_questions_however_many_versions(
    site: Site, ada: Person
) -> None:
    few, _ = await _answers(site, ada, 2)
    many, _ = await _answers(site, ada, 20)

    asked = [await questions(site, ada, f"/conversations/{talk}") for talk in (few, many)]

    assert asked[0] == asked[1] > 0


async def test_without_scripts_a_version_that_is_being_written_grows_at_its_address(
    ada: Person, upstream: Upstream
) -> None:
    talk, ids = await retried(ada, upstream, 1)
    held = asyncio.Event()
    upstream.will(Answer(["Answer", " 2"], held=held))
    newer = reply_of(await ada.partial(f"/replies/{ids[0]}/retry"))

    old = await step(ada, await ada.get(f"/conversations/{talk}"), "Version before")
    page = await ada.get(f"/conversations/{talk}?at={newer}")
    url = str(page.one("noscript meta")["content"]).partition("url=")[2]
    held.set()
    grown = await ada.get(url)

    assert shown(old) == "Answer 1"
    assert not old.html.select("noscript meta")
    assert url == f"/conversations/{talk}/live?at={newer}"
    assert "Answer 2" in grown.words(f"#m-{newer}")
    await ada.watched(newer)


async def test_a_stranger_steps_nowhere(ada: Person, eve: Person, upstream: Upstream) -> None:
    talk, ids = await retried(ada, upstream, 2)

    refused = await eve.partial(f"/messages/{ids[0]}/path")

    assert refused.status == 404
    assert shown(await ada.get(f"/conversations/{talk}")) == "Answer 2"


async def test_the_label_is_in_the_reader_s_language(ada: Person, upstream: Upstream) -> None:
    talk, _ = await retried(ada, upstream, 2)

    page = await ada.get(f"/conversations/{talk}", headers={"Accept-Language": "pt-BR"})

    assert page.one(".versions span")["aria-label"] == "Versão 2 de 2"


async def _answers(site: Site, person: Person, number: int) -> tuple[str, list[str]]:
    """One question with so many finished answers, without asking for each."""
    talk = (await add_talks(site, person, 1))[0]
    _, first = await add_messages(site, person, talk, 2)
    ids = [first, *(f"{talk[:28]}{n:04}" for n in range(1, number))]
    for reply in ids[1:]:
        await _copy(site, "messages", "id", first, id=reply)
        await _copy(site, "replies", "id", first, id=reply)
    return talk, ids


async def _copy(site: Site, table: str, key: str, value: str, **changed: str) -> None:
    found = (await rows(site, f"SELECT * FROM {table} WHERE {key} = :value", value=value))[0]
    found = {name: each for name, each in {**found, **changed}.items() if name != "seq"}
    names = ", ".join(found)
    values = ", ".join(f":{name}" for name in found)
    await change(site, f"INSERT INTO {table} ({names}) VALUES ({values})", **found)
