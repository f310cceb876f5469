"""Text is saved while it comes, also when nobody knows whether it was saved."""

import asyncio
from collections.abc import Sequence

import pytest

from chat.errors import Unavailable
from chat.replies.domain import Chunk
from chat.replies.writing import WritingRepository
from tests.people import Person, reply_of
from tests.rows import rows, text_of, until
from tests.site import Site
from tests.upstream import Answer, Thought, Upstream

PIECES = [Thought("Hm."), "Once ", "upon ", "a time", "."]


@pytest.mark.parametrize("written", [True, False], ids=["before it was lost", "never"])
async def test_r38_a_saving_whose_answer_is_lost_is_made_again_and_doubles_nothing(
    site: Site, ada: Person, upstream: Upstream, monkeypatch: pytest.MonkeyPatch, written: bool
) -> None:
    append, lost, more, held = WritingRepository.append, 0, asyncio.Event(), asyncio.Event()

    async def lose_twice(self: WritingRepository, chunks: Sequence[Chunk]) -> None:
        nonlocal lost
        if written or lost == 2:
            await append(self, chunks)
        if lost < 2:
            lost += 1
            raise Unavailable("The connection broke.", code="busy", retry_after=5)

    monkeypatch.setattr(WritingRepository, "append", lose_twice)
    upstream.will(Answer(PIECES, waits={2: more}, held=held))
    reply = reply_of(await ada.send("Tell me a story"))

    async def saved(text: str) -> bool:
        sql = "SELECT body, thought FROM reply_chunks WHERE reply_id = :id ORDER BY seq"
        found = await rows(site, sql, id=reply)
        thought = "".join(row["thought"] for row in found)
        return ("".join(row["body"] for row in found), thought) == (text, "Hm.")

    await until(lambda: saved("Once "), within=20)
    more.set()
    await until(lambda: saved("Once upon a time"), within=20)
    held.set()
    await ada.watched(reply)

    assert lost == 2
    assert await text_of(site, reply) == "Once upon a time."
