"""The history: newest first, page by page, and as fast with many as with few."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytest

from chat.db.database import Database, Row, T, Transaction
from chat.db.queries import Query
from tests.conftest import SiteMaker
from tests.people import PARTIAL, Answer, Person, conversation_of, reply_of
from tests.rows import change
from tests.site import Site
from tests.talks import add_messages, add_talks
from tests.upstream import Answer as Reply
from tests.upstream import Upstream


def shown(page: Answer) -> list[str]:
    """Ids of the listed conversations, from top to bottom."""
    links = page.html.select("li a.row[href^='/conversations/']")
    return [str(link["href"]).rpartition("/")[2] for link in links]


def older(page: Answer) -> str:
    """Where the next page is, '' at the end."""
    links = page.html.select("a.older")
    assert len(links) <= 1
    return str(links[0]["href"]) if links else ""


async def test_nothing_is_said_in_a_sentence(ada: Person) -> None:
    page = await ada.get("/conversations")

    assert shown(page) == []
    assert page.words("#history") == "Your conversations will be listed here."


@pytest.mark.parametrize("headers", [{}, PARTIAL], ids=["page", "fragment"])
async def test_75_conversations_come_in_three_pages(
    site: Site, ada: Person, headers: dict[str, str]
) -> None:
    """Newest first, none twice, none left out, also where two are of the same moment."""
    ids = await add_talks(site, ada, 75)
    path, pages = "/conversations", []
    while path:
        page = await ada.get(path, headers=headers)
        pages.append(shown(page))
        path = older(page)

    assert [len(found) for found in pages] == [30, 30, 15]
    found = [conversation for page in pages for conversation in page]
    assert sorted(found) == sorted(ids)
    place = {conversation: n for n, conversation in enumerate(ids)}
    assert all(place[below] < place[above] + 2 for above, below in pairwise(found))


async def test_exactly_one_page_has_no_next_one(site: Site, ada: Person) -> None:
    await add_talks(site, ada, 30)

    page = await ada.get("/conversations")

    assert len(shown(page)) == 30
    assert older(page) == ""


async def test_a_page_is_a_page_and_a_fragment_a_fragment(site: Site, ada: Person) -> None:
    await add_talks(site, ada, 31)

    page = await ada.get("/conversations")
    fragment = await ada.get("/conversations", headers=PARTIAL)
    following = await ada.get(older(page), headers=PARTIAL)
    following_page = await ada.get(older(page))

    assert page.html.select_one("html") and following_page.html.select_one("html")
    assert fragment.text.lstrip().startswith('<nav id="history"')
    assert not following.html.select("html, nav, #history")
    assert len(shown(following)) == len(shown(following_page)) == 1


async def test_it_is_beside_every_conversation_with_the_open_one_marked(
    site: Site, ada: Person
) -> None:
    ids = await add_talks(site, ada, 3)

    page = await ada.get(f"/conversations/{ids[0]}")

    assert sorted(shown(page)) == sorted(ids)
    assert str(page.one("#history [aria-current=page]")["href"]).endswith(ids[0])


async def test_a_new_message_brings_its_conversation_to_the_top(site: Site, ada: Person) -> None:
    ids = await add_talks(site, ada, 3)

    sent = await ada.send("Hello again", ids[0])
    await ada.watched(reply_of(sent))

    assert shown(await ada.get("/"))[0] == ids[0]


async def test_what_is_being_written_pulses(ada: Person, upstream: Upstream) -> None:
    held = asyncio.Event()
    upstream.will(Reply(["One", "two"], held=held))
    sent = await ada.send("Hello")
    running = (await ada.get("/")).html.select("#history .pulse")
    held.set()
    await ada.watched(reply_of(sent))

    assert len(running) == 1
    assert (await ada.get("/")).html.select("#history .pulse") == []


async def test_conversations_are_grouped_by_day(site: Site, ada: Person) -> None:
    await add_talks(site, ada, 1)
    sent = await ada.send("Hello")
    await ada.watched(reply_of(sent))

    page = await ada.get("/conversations")

    assert [heading.text for heading in page.html.select("#history h2")] == [
        "Today",
        "November 2023",
    ]


@pytest.mark.parametrize(
    "cursor",
    ["x", "-", "-1", "1.5-a", "²-a", "٣-a", "1" * 18 + "-a", "' OR 1=1", "%00", "1e9-a", "+1-a"],
)
async def test_a_cursor_that_is_none_is_refused(ada: Person, cursor: str) -> None:
    """S103"""
    refused = await ada.get("/conversations", params={"before": cursor})

    assert refused.status == 422
    assert "does not exist" in refused.words("h1")


@pytest.mark.parametrize("cursor", ["1", "1-", "1-%00", "99999999999999999-zzz", "0-' OR 1=1"])
async def test_any_moment_is_a_cursor(site: Site, ada: Person, cursor: str) -> None:
    ids = await add_talks(site, ada, 2)

    page = await ada.get("/conversations", params={"before": cursor})

    assert page.status == 200
    assert sorted(shown(page)) in ([], sorted(ids))


class Counting:
    """A Database that counts the statements it hands on."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.count = 0

    async def one(self, query: Query, **values: object) -> Row:
        self.count += 1
        return await self._db.one(query, **values)

    async def all(self, query: Query, **values: object) -> Sequence[Row]:
        self.count += 1
        return await self._db.all(query, **values)

    async def value(self, query: Query, **values: object) -> Any:
        self.count += 1
        return await self._db.value(query, **values)

    async def run(self, query: Query, **values: object) -> int:
        self.count += 1
        return await self._db.run(query, **values)

    async def many(self, query: Query, rows: Sequence[Mapping[str, object]]) -> None:
        self.count += len(rows)
        await self._db.many(query, rows)

    async def transaction(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        self.count += 1
        return await self._db.transaction(work)

    async def close(self) -> None:
        await self._db.close()


@pytest.mark.parametrize("path", ["/", "/conversations", "/conversations?q=Talk", "one"])
async def test_more_conversations_cost_no_more_statements(
    make_site: SiteMaker, people: Callable[..., Person], path: str
) -> None:
    site = await make_site()
    ada, counts = people(site), []
    await ada.register()
    counting = site.app.extensions["parts"].db = Counting(site.db)
    for number in (10, 30):
        ids = await add_talks(site, ada, number)
        await add_messages(site, ada, ids[0], number)
        before = counting.count
        page = await ada.get(f"/conversations/{ids[0]}" if path == "one" else path)
        counts.append(counting.count - before)
        assert page.status == 200
        assert len(shown(page)) == min(30, number if number == 10 else 40)

    assert counts[0] == counts[1]
    assert counts[0] <= 6


async def test_pinned_ones_stand_above_and_archived_ones_nowhere(site: Site, ada: Person) -> None:
    ids = await add_talks(site, ada, 4)
    await change(site, "UPDATE conversations SET pinned = 1 WHERE id = :id", id=ids[0])
    await change(site, "UPDATE conversations SET archived = 1 WHERE id = :id", id=ids[3])

    found = shown(await ada.get("/conversations"))

    assert found[0] == ids[0]
    assert sorted(found) == sorted(ids[:3])


async def test_two_who_talk_at_once_see_only_their_own(ada: Person, eve: Person) -> None:
    hers, mine = await ada.send("Ada's"), await eve.send("Eve's")
    await ada.watched(reply_of(hers))
    await eve.watched(reply_of(mine))

    assert shown(await ada.get("/conversations")) == [conversation_of(hers)]
    assert shown(await eve.get("/conversations")) == [conversation_of(mine)]
