"""A long conversation shows its newest messages first, and the older ones on request."""

import pytest

from tests.people import PARTIAL, Answer, Person, reply_of
from tests.site import Site
from tests.talks import add_messages, add_talks


def shown(page: Answer) -> list[str]:
    return [str(found["id"]).removeprefix("m-") for found in page.html.select("[data-role]")]


@pytest.fixture
async def long(site: Site, ada: Person) -> tuple[str, list[str]]:
    """A conversation of 100 messages: its id, and theirs from the first to the last."""
    talk = (await add_talks(site, ada, 1))[0]
    return talk, await add_messages(site, ada, talk, 100)


async def test_the_newest_40_are_shown(ada: Person, long: tuple[str, list[str]]) -> None:
    talk, ids = long

    page = await ada.get(f"/conversations/{talk}")

    assert shown(page) == ids[60:]
    assert page.one("#composer")


@pytest.mark.parametrize("how", ["href", "hx-get"])
async def test_older_ones_come_page_by_page(
    ada: Person, long: tuple[str, list[str]], how: str
) -> None:
    """By a plain link to a page, or as a fragment that stands in the place of the link."""
    talk, ids = long
    headers = PARTIAL if how == "hx-get" else {}
    page = await ada.get(f"/conversations/{talk}")
    found = [shown(page)]
    while link := page.html.select_one("#messages > a.older, body > a.older, a.older[hx-get]"):
        page = await ada.get(str(link[how]), headers=headers)
        found.insert(0, shown(page))

    assert [len(part) for part in found] == [20, 40, 40]
    assert [message for part in found for message in part] == ids


async def test_a_fragment_is_messages_and_nothing_else(
    ada: Person, long: tuple[str, list[str]]
) -> None:
    talk, ids = long

    fragment = await ada.get(f"/conversations/{talk}/messages?before={ids[60]}")

    assert shown(fragment) == ids[20:60]
    assert not fragment.html.select("html, form#composer, nav")


async def test_an_older_page_leads_back_to_the_newest(
    ada: Person, long: tuple[str, list[str]]
) -> None:
    talk, ids = long

    page = await ada.get(f"/conversations/{talk}?before={ids[60]}")

    links = page.html.select("a.older")
    assert links[-1].text == "The newest messages"
    assert links[-1]["href"] == f"/conversations/{talk}"


async def test_above_the_first_one_there_is_nothing(
    ada: Person, long: tuple[str, list[str]]
) -> None:
    talk, ids = long

    fragment = await ada.get(f"/conversations/{talk}/messages?before={ids[0]}")

    assert fragment.status == 200
    assert shown(fragment) == []


async def test_exactly_40_have_no_older_ones(site: Site, ada: Person) -> None:
    talk = (await add_talks(site, ada, 1))[0]
    await add_messages(site, ada, talk, 40)

    page = await ada.get(f"/conversations/{talk}")

    assert len(shown(page)) == 40
    assert page.html.select("a.older") == []


@pytest.mark.parametrize("before", ["", "x", "%00", "0" * 32, "' OR 1=1"])
async def test_a_place_that_is_none_is_nowhere(
    ada: Person, long: tuple[str, list[str]], before: str
) -> None:
    talk, _ = long

    assert (await ada.get(f"/conversations/{talk}/messages?before={before}")).status == 404


async def test_who_wrote_what_can_be_told(ada: Person, long: tuple[str, list[str]]) -> None:
    talk, _ = long

    page = await ada.get(f"/conversations/{talk}")

    first, second = page.html.select("[data-role]")[:2]
    assert (first["data-role"], second["data-role"]) == ("user", "assistant")
    for message, text in ((first, "Message number 60."), (second, "Message number 61.")):
        parts = message.select("[data-part=text]")
        assert [part.get_text().strip() for part in parts] == [text]


async def test_what_people_write_is_text(site: Site, ada: Person) -> None:
    hostile = "<script>alert(1)</script>\n**not bold** [x](javascript:alert(1))\n  two  spaces"
    sent = await ada.send(hostile)
    await ada.watched(reply_of(sent))

    page = await ada.get(sent.headers["HX-Push-Url"])

    part = page.one("[data-role=user] [data-part=text]")
    assert part.get_text() == hostile
    assert part.find_all() == []
