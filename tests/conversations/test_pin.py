"""A conversation is pinned to the top, and let go."""

import pytest

from tests.conversations.test_history import shown
from tests.people import Person
from tests.rows import rows
from tests.site import Site
from tests.talks import add_talks


async def test_it_stands_first_under_a_heading_of_its_own(site: Site, ada: Person) -> None:
    ids = await add_talks(site, ada, 3)

    pinned = await ada.partial(f"/conversations/{ids[0]}/pin", {"on": "1"})

    assert shown(pinned)[0] == ids[0]
    assert pinned.words("#history section h2") == "Pinned"
    assert pinned.words(f"form[action='/conversations/{ids[0]}/pin']") == "Unpin"
    assert sorted(shown(pinned)) == sorted(ids)


async def test_it_is_let_go(site: Site, ada: Person) -> None:
    ids = await add_talks(site, ada, 3)
    await ada.partial(f"/conversations/{ids[0]}/pin", {"on": "1"})

    loose = await ada.partial(f"/conversations/{ids[0]}/pin", {"on": "0"})

    assert shown(loose)[-1] == ids[0]
    assert "Pinned" not in loose.words("#history")


async def test_twice_is_once(site: Site, ada: Person) -> None:
    ids = await add_talks(site, ada, 2)
    for _ in range(2):
        pinned = await ada.post(f"/conversations/{ids[0]}/pin", {"on": "1"})

    assert pinned.url == f"{ada.base}/conversations/{ids[0]}"
    assert shown(pinned).count(ids[0]) == 1


@pytest.mark.parametrize("on", ["", "2", "true", "on", "1 "])
async def test_it_is_yes_or_no(site: Site, ada: Person, on: str) -> None:
    talk = (await add_talks(site, ada, 1))[0]

    refused = await ada.partial(f"/conversations/{talk}/pin", {"on": on})

    assert refused.status == 422
    sql = "SELECT pinned FROM conversations WHERE id = :id"
    assert await rows(site, sql, id=talk) == [{"pinned": 0}]
