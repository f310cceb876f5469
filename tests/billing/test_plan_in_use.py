"""A plan that is bought, renewed or lost counts with the next message, and takes nothing away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest
from bs4 import Tag

from tests.allowance.conftest import plans_file
from tests.attachments.sending import ids_of, upload, uploaded
from tests.billing.conftest import Shop, becomes, selling
from tests.conversations.test_picker import offering
from tests.databases import Installer
from tests.people import Person, conversation_of, reply_of
from tests.sides import GUIDE, LARGE, TINY, compare, replies_of
from tests.stripe.world import World, an_account
from tests.upstream import Upstream

PLANS = """[plans.free]
name = "Free"
models = ["*/tiny"]
messages = 2
upload_bytes = 1_000
upload_files = 1
stored_bytes = 1_500
[plans.pro]
name = "Pro"
window = "period"
messages = 5
output_tokens = 50_000
upload_bytes = 5_000
upload_files = 2
stored_bytes = 3_000"""


@pytest.fixture(scope="session")
async def metered(
    database: Installer,
    stripe_world: World,
    upstream: Upstream,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Shop]:
    folder = tmp_path_factory.mktemp("metered")
    env = {**plans_file(folder, PLANS), "OPENAI_BASE_URL": upstream.url}
    async with (
        an_account(stripe_world) as account,
        selling(database, account, folder, **env) as shop,
    ):
        await account.listen(f"{shop.site.base}/api/stripe/webhook")
        await offering(shop.site, LARGE)
        yield shop


@pytest.fixture
async def ada(metered: Shop, people: Callable[..., Person]) -> Person:
    person = people(metered.site)
    await person.register()
    return person


async def meters(person: Person) -> dict[str, Tag]:
    page = await person.get("/billing")
    return {str(each["data-meter"]): each for each in page.html.select("[data-meter]")}


async def messages(person: Person) -> tuple[str, str]:
    """(used, limit) on the page of the plan."""
    meter = (await meters(person))["messages"]
    return str(meter["data-used"]), str(meter["data-limit"])


async def asked(person: Person, model: str) -> str:
    """The conversation, once its answer has ended."""
    sent = await person.send("Hello", model=model)
    assert sent.status == 200, sent.text
    await person.watched(reply_of(sent))
    return conversation_of(sent)


async def test_an_upgrade_counts_with_the_next_message_and_an_end_keeps_what_was_said(
    metered: Shop, ada: Person
) -> None:
    page = await ada.get("/")
    assert page.one(f"#picker option[value='{LARGE}'][disabled]").get_text() == "large — Pro"
    assert set(await meters(ada)) == {"messages", "stored_bytes"}
    await asked(ada, TINY)
    pages = await asyncio.gather(*(ada.send(f"Number {n}") for n in range(50)))
    assert sorted(each.status for each in pages) == [200] + [429] * 49, "credit for one"
    await ada.watched(reply_of(next(each for each in pages if each.status == 200)))
    assert await messages(ada) == ("2", "2")
    refused = next(each for each in pages if each.status == 429)
    assert refused.one("[data-code=quota_exceeded] a[href='/billing']")

    await metered.buy(ada)

    talk = await asked(ada, LARGE)
    assert await messages(ada) == ("1", "5")
    (bought,) = await metered.subscriptions(ada)
    ends = datetime.fromtimestamp(bought["items"].data[0].current_period_end, UTC)
    renews = (await meters(ada))["messages"].select("small")[0].get_text()
    assert f"{ends:%b} {ends.day}, {ends.year}" in renews, "the window is the subscription's"
    assert int(str((await meters(ada))["output_tokens"]["data-used"])) > 0

    await metered.stripe.cancel(bought.id)
    await becomes(ada, "ended", "free")

    assert await messages(ada) == ("2", "2"), "what was used today is still used"
    shown = await ada.get(f"/conversations/{talk}")
    assert "Hello, world." in shown.words("[data-reply] [data-part=text]")
    assert (await ada.send("More", talk, model=LARGE)).one("[data-code=model_not_in_plan]")
    assert (await ada.send("More", talk)).status == 429


async def test_of_three_side_by_side_with_two_left_none_is_asked(
    metered: Shop, ada: Person, upstream: Upstream
) -> None:
    await metered.buy(ada)
    for _ in range(3):
        await asked(ada, TINY)
    before = len(upstream.asked)

    refused = await compare(ada, TINY, LARGE, GUIDE)

    assert refused.status == 429
    assert refused.one("[data-code=quota_exceeded]")
    assert await messages(ada) == ("3", "5")
    assert len(upstream.asked) == before
    both = replies_of(await compare(ada, TINY, LARGE))
    for reply in both:
        await ada.watched(reply)
    assert await messages(ada) == ("5", "5")

    (bought,) = await metered.subscriptions(ada)
    await metered.stripe.renew(bought.id)
    await metered.quiet(ada)
    assert await messages(ada) == ("0", "5"), "a new period"
    await asked(ada, TINY)


async def test_files_have_the_limits_of_the_plan(metered: Shop, ada: Person) -> None:
    large = ("large.txt", b"l" * 1_001)
    refused = await upload(ada, large)
    assert refused.status == 413
    notice = refused.one("[data-code=upload_too_large]").get_text()
    assert "large.txt is too large: a file may have at most 1 kB." in notice
    assert "1 file" in (await upload(ada, ("a.txt", b"a"), ("b.txt", b"b"))).words(".notice")
    await uploaded(ada, "first.txt", b"1" * 900)
    stored = (await meters(ada))["stored_bytes"]
    assert (stored["data-used"], stored["data-limit"]) == ("900", "1500")
    assert "900 bytes of 2 kB" in " ".join(stored.get_text().split())
    over = await upload(ada, ("second.txt", b"2" * 900))
    assert over.status == 413
    assert "second.txt" in over.words(".notice")

    await metered.buy(ada)

    assert len(ids_of(await upload(ada, large, ("second.txt", b"2" * 900)))) == 2
    (bought,) = await metered.subscriptions(ada)
    await metered.stripe.cancel(bought.id)
    await becomes(ada, "ended", "free")
    kept = await ada.get("/account/files")
    for name in ("first.txt", "large.txt", "second.txt"):
        assert name in kept.text, "more than the plan holds, and nothing is thrown away"
    assert (await upload(ada, ("more.txt", b"more"))).status == 413
