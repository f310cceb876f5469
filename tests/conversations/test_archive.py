"""A conversation is put out of sight, and taken back."""

import pytest

from tests.conversations.test_history import shown
from tests.people import Person
from tests.rows import rows
from tests.site import Site
from tests.talks import add_talks


async def test_it_leaves_the_history_and_can_still_be_read(site: Site, ada: Person) -> None:
    ids = await add_talks(site, ada, 3)

    archived = await ada.partial(f"/conversations/{ids[1]}/archive", {"on": "1"})

    assert sorted(shown(archived)) == sorted([ids[0], ids[2]])
    page = await ada.get(f"/conversations/{ids[1]}")
    assert page.status == 200
    action = f"form[action='/conversations/{ids[1]}/archive']"
    assert page.words(action) == "Take out of the archive"


async def test_it_comes_back_where_it_was(site: Site, ada: Person) -> None:
    ids = await add_talks(site, ada, 3)
    before = shown(await ada.get("/"))
    await ada.partial(f"/conversations/{ids[1]}/archive", {"on": "1"})

    back = await ada.partial(f"/conversations/{ids[1]}/archive", {"on": "0"})

    assert shown(back) == before


async def test_a_pinned_one_leaves_too(site: Site, ada: Person) -> None:
    ids = await add_talks(site, ada, 2)
    await ada.partial(f"/conversations/{ids[0]}/pin", {"on": "1"})

    archived = await ada.partial(f"/conversations/{ids[0]}/archive", {"on": "1"})

    assert shown(archived) == [ids[1]]


@pytest.mark.parametrize("on", ["", "2", "true", "on"])
async def test_it_is_yes_or_no(site: Site, ada: Person, on: str) -> None:
    talk = (await add_talks(site, ada, 1))[0]

    refused = await ada.partial(f"/conversations/{talk}/archive", {"on": on})

    assert refused.status == 422
    sql = "SELECT archived FROM conversations WHERE id = :id"
    assert await rows(site, sql, id=talk) == [{"archived": 0}]
