"""What a reply used is stored with its end, whatever that was, and said below it."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chat.providers.domain import Price
from chat.providers.tokens import estimate
from chat.replies.admission import Limits
from chat.replies.domain import Chunk
from chat.replies.ownership import Ownership
from chat.replies.repository import ReplyRepository
from chat.replies.storing import Draft
from chat.replies.writing import WritingRepository
from tests.databases import Installer
from tests.people import Answer as Page
from tests.people import Person, conversation_of, reply_of
from tests.rows import interrupted, rows, until
from tests.site import Site
from tests.upstream import Answer, Upstream
from tests.usage.prices import PRICE, TINY, set_price

COLUMNS = "input_tokens, output_tokens, cost, estimated"
REFUSED = Answer(status=401, error={"message": "no", "code": "invalid_api_key"})


async def figures(site: Site, reply: str) -> tuple[Any, ...]:
    """(input tokens, output tokens, cost, estimated)"""
    return tuple(
        (await rows(site, f"SELECT {COLUMNS} FROM replies WHERE id = :id", id=reply))[0].values()
    )


async def answered(person: Person, upstream: Upstream, answer: Answer) -> Page:
    upstream.will(answer)
    sent = await person.send("Tell me a story")
    await person.watched(reply_of(sent))
    return await person.get(f"/conversations/{conversation_of(sent)}")


async def stopped(person: Person, upstream: Upstream) -> Page:
    upstream.will(Answer(["Once upon a time", " never said"], held=asyncio.Event()))
    sent = await person.send("Tell me a story")
    async for _ in person.events(reply_of(sent)):
        break
    return await person.partial(f"/replies/{reply_of(sent)}/stop")


async def test_the_provider_s_figures_and_their_price_are_stored_and_shown(
    site: Site, ada: Person, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_price(site, monkeypatch)

    page = await answered(ada, upstream, Answer(["A", "B", "C"]))

    assert await figures(site, reply_of(page)) == (7, 3, 48, 0)  # 17.5 and 30, rounded up
    assert page.words(".spent") == "7 in · 3 out · $0.000048"


async def test_a_model_without_a_price_has_no_cost(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    page = await answered(ada, upstream, Answer(["A", "B", "C"]))

    assert await figures(site, reply_of(page)) == (7, 3, None, 0)
    assert page.words(".spent") == "7 in · 3 out"


async def test_numbers_are_written_as_the_reader_does(
    site: Site, ada: Person, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_price(site, monkeypatch, Price(200_000_000, 0, 0))
    page = await answered(ada, upstream, Answer(["A"] * 1234))
    found = await ada.get(f"/replies/{reply_of(page)}", headers={"Accept-Language": "pt-BR"})

    assert page.words(".spent") == "7 in · 1,234 out · $0.0014"
    assert found.words(".spent") == "7 lidos · 1.234 escritos · US$ 0,0014"


async def test_a_stopped_reply_is_estimated_and_marked(
    site: Site, ada: Person, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_price(site, monkeypatch)

    page = await stopped(ada, upstream)

    read, wrote, cost, marked = await figures(site, reply_of(page))
    assert read >= estimate("Tell me a story")
    assert (wrote, marked) == (estimate("Once upon a time"), 1)
    assert cost == -(-(read * PRICE.input + wrote * PRICE.output) // 1_000_000)
    assert page.words(".spent").startswith(f"about {read} in · {wrote} out · $0.0000")


async def test_a_provider_that_counts_nothing_is_estimated(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    page = await answered(ada, upstream, Answer(["Once upon", " a time"], usage=False))

    _, wrote, cost, marked = await figures(site, reply_of(page))
    assert (wrote, cost, marked) == (estimate("Once upon a time"), None, 1)
    assert page.words(".spent").startswith("about ")


async def test_a_refused_question_used_nothing_and_nothing_is_said(
    site: Site, ada: Person, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_price(site, monkeypatch)

    page = await answered(ada, upstream, REFUSED)

    assert await figures(site, reply_of(page)) == (0, 0, 0, 0)
    assert page.html.select(".spent") == []


async def test_a_running_reply_says_nothing_yet(ada: Person, upstream: Upstream) -> None:
    held = asyncio.Event()
    upstream.will(Answer(["A", "B"], held=held))
    sent = await ada.send("Tell me a story")

    assert sent.html.select(".spent") == []
    held.set()
    last = (await ada.watched(reply_of(sent)))[-1]
    assert last.html.select_one(".spent") is not None


async def test_a_reply_that_goes_on_adds_up(
    site: Site, ada: Person, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the price of each time, and marked for ever when one part was estimated."""
    set_price(site, monkeypatch)
    reply = reply_of(await stopped(ada, upstream))
    read, wrote, cost, _ = await figures(site, reply)
    set_price(site, monkeypatch, Price(1_000_000, 0, 1_000_000))

    upstream.will(Answer([" more", " words"]))
    await ada.partial(f"/replies/{reply}/continuation")
    await ada.watched(reply)

    assert await figures(site, reply) == (read + 7, wrote + 2, cost + 9, 1)


async def test_a_sum_with_an_unknown_part_is_not_known(
    site: Site, ada: Person, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await answered(ada, upstream, Answer(["A"], reason="length"))
    reply = reply_of(page)
    set_price(site, monkeypatch)

    upstream.will(Answer(["B"]))
    await ada.partial(f"/replies/{reply}/continuation")
    await ada.watched(reply)

    assert await figures(site, reply) == (14, 2, None, 0)


async def test_a_refused_continuation_adds_nothing(
    site: Site, ada: Person, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_price(site, monkeypatch)
    reply = reply_of(await answered(ada, upstream, Answer(["A"], reason="length")))
    before = await figures(site, reply)

    upstream.will(REFUSED)
    await ada.partial(f"/replies/{reply}/continuation")
    await ada.watched(reply)

    assert await figures(site, reply) == before


async def test_the_guide_counts_nothing(site: Site, ada: Person) -> None:
    sent = await ada.send("Hello", model="guide/guide")
    stop = await ada.partial(f"/replies/{reply_of(sent)}/stop")

    assert await figures(site, reply_of(sent)) == (0, 0, 0, 0)
    assert stop.html.select(".spent") == []


async def test_a_restart_estimates_what_it_ends(
    database: Installer, upstream: Upstream, tmp_path: Path, people: Callable[..., Person]
) -> None:
    env = {"OPENAI_BASE_URL": upstream.url}
    upstream.will(Answer(["Once upon a time", " never said"], held=asyncio.Event()))
    async with database.running(tmp_path, env) as site:
        ada = people(site)
        await ada.register()
        sent = await ada.send("Tell me a story")
        async for _ in ada.events(reply_of(sent)):
            break
    async with database.running(tmp_path, env) as site:
        await interrupted(site, reply_of(sent))
        _, wrote, cost, marked = await figures(site, reply_of(sent))

    assert (wrote, cost, marked) == (estimate("Once upon a time"), None, 1)


async def test_what_a_dead_process_left_is_estimated_at_its_price(
    site: Site, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the rows alone: the price when it was asked for, the texts above it, and its own."""
    set_price(site, monkeypatch)
    model = site.app.extensions["parts"].catalog.find(TINY)
    account = (await rows(site, "SELECT id FROM accounts WHERE email = :e", e=ada.email))[0]["id"]
    replies, writing = ReplyRepository(site.db), WritingRepository(site.db)
    draft = Draft("Tell me a story", model, "k")
    begun = await replies.begin(draft, account, "", 1, Limits(9, 99))
    await writing.append([Chunk(begun.reply.id, 1, 1, "Once upon a time")])
    epoch = await writing.claim(begun.reply.id, 1)
    set_price(site, monkeypatch, None)

    await Ownership(writing, lambda: 1).take_over(site.db.worker)

    async def ended() -> bool:
        return bool((await figures(site, begun.reply.id))[1])

    await until(ended, within=15)
    read, wrote, cost, marked = await figures(site, begun.reply.id)
    assert epoch == 2
    assert (wrote, marked) == (estimate("Once upon a time"), 1)
    assert read >= estimate("Tell me a story")
    assert cost == -(-(read * PRICE.input + wrote * PRICE.output) // 1_000_000)
