"""What a plan's limits mean to whoever writes: what counts, what does not, and what is said."""

import asyncio
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from chat.billing import current
from chat.billing.plans import plans
from chat.settings import read
from chat.web.templating import render
from tests.allowance.conftest import Books, PlannedSite, plans_file
from tests.allowance.test_windows import at
from tests.people import Answer as Page
from tests.people import Person, conversation_of, reply_of
from tests.raw import ask
from tests.rows import change, count, rows, state, until
from tests.site import Site
from tests.upstream import Answer, Upstream

STRIPE = {
    "STRIPE_SECRET_KEY": "sk_test_12345678",
    "STRIPE_WEBHOOK_SECRET": "whsec_12345678",
    "STRIPE_PRICE_ID": "price_1",
}
BROKEN = Answer(status=401, error={"message": "no", "code": "invalid_api_key"})


async def owner(site: Site, people: Callable[..., Person]) -> tuple[Person, str]:
    """Somebody new, and the id of their account."""
    person = people(site)
    await person.register()
    found = await rows(site, "SELECT id FROM accounts WHERE email = :email", email=person.email)
    return person, str(found[0]["id"])


async def used(site: Site, account: str) -> int:
    return (await Books(site.db).used(account)).get("messages", 0)


async def said(person: Person, upstream: Upstream, text: str, *answer: Answer) -> Page:
    """A message, answered to its end."""
    upstream.will(*(answer or (Answer(),)))
    sent = await person.send(text)
    assert sent.status == 200, sent.text
    await person.watched(reply_of(sent))
    return sent


def notice(page: Page) -> str:
    """What stands below the composer; the only refusal on the page."""
    (found,) = page.html.select("[data-code]")
    assert found["data-code"] == "quota_exceeded"
    return " ".join(found.get_text(" ").split())


async def test_of_two_hundred_sends_at_once_twenty_are_answered(
    planned: PlannedSite, people: Callable[..., Person], upstream: Upstream
) -> None:
    site = await planned("messages = 20")
    ada, account = await owner(site, people)
    asked = len(upstream.asked)

    pages = await asyncio.gather(*(ada.send(f"Number {n}") for n in range(200)))

    assert sorted(page.status for page in pages) == [200] * 20 + [429] * 180
    assert await used(site, account) == 20
    assert await count(site, "messages", "role = 'user'") == 20
    refused = next(page for page in pages if page.status == 429)
    assert notice(refused).startswith("You have used the 20 messages of your plan.")
    await until(lambda: none_running(site), within=30)
    assert len(upstream.asked) - asked == 20


async def none_running(site: Site) -> bool:
    return not await count(site, "replies", "state IN ('pending', 'streaming')")


async def test_every_way_to_a_reply_is_counted_and_refused_with_the_text_kept(
    planned: PlannedSite, people: Callable[..., Person], upstream: Upstream
) -> None:
    site = await planned("messages = 3")
    ada, account = await owner(site, people)
    sent = await said(ada, upstream, "First", Answer(["Cut", " off"], reason="length"))
    talk, reply = conversation_of(sent), reply_of(sent)
    question = str(sent.one("[data-role=user]")["id"]).removeprefix("m-")
    upstream.will(Answer(["More"], reason="length"), Answer(["Other"], reason="length"))
    for way in ("continuation", "retry"):
        page = await ada.partial(f"/replies/{reply}/{way}")
        assert page.status == 200
        reply = reply_of(page)
        await ada.watched(reply)
    assert await used(site, account) == 3
    ways = {
        "/conversations": {"text": "Dear <diary>"},
        f"/conversations/{talk}/messages": {"text": "Dear <diary>"},
        f"/messages/{question}/versions": {"text": "Dear <diary>"},
        f"/replies/{reply}/retry": {},
        f"/replies/{reply}/continuation": {},
    }

    for path, fields in ways.items():
        form = {**fields, "model": "openai/tiny", "key": secrets.token_hex(8)}
        fragment, page = await ada.partial(path, form), await ada.post(path, form)

        for answer in (fragment, page):
            assert answer.status == 429
            assert notice(answer).startswith("You have used the 3 messages of your plan.")
            assert 0 < int(answer.headers["Retry-After"]) <= 86_400
        assert fragment.one("hx-partial")["hx-target"] == "#shortage"
        assert page.one("#composer + #allowance #shortage[role=status] > [data-code]")
        if fields:
            assert "Dear <diary>" in [
                area.get_text().strip() for area in page.html.select("textarea")
            ]
    assert await used(site, account) == 3
    assert await count(site, "messages", "account_id = :a AND role = 'user'", a=account) == 1


async def test_the_same_form_again_reserves_nothing(
    planned: PlannedSite, people: Callable[..., Person], upstream: Upstream
) -> None:
    site = await planned("messages = 1")
    ada, account = await owner(site, people)
    upstream.will(Answer())
    pages = await asyncio.gather(*(ada.send("Once", key="k1") for _ in range(8)))

    assert {page.status for page in pages} == {200}
    assert len({reply_of(page) for page in pages}) == 1
    await ada.watched(reply_of(pages[0]))
    assert (await ada.send("Once", key="k1")).status == 200
    assert await used(site, account) == 1
    assert (await ada.send("Twice")).status == 429


async def test_a_failure_before_the_first_word_is_given_back(
    planned: PlannedSite, people: Callable[..., Person], upstream: Upstream
) -> None:
    site = await planned("messages = 2\noutput_tokens = 9_000")
    ada, account = await owner(site, people)
    sent = await said(ada, upstream, "Fails", BROKEN)
    assert await state(site, reply_of(sent)) == "failed"
    assert await used(site, account) == 0

    half = await said(ada, upstream, "Breaks", Answer(["Half of", " it"], cut=True))
    assert await state(site, reply_of(half)) == "failed"
    upstream.will(BROKEN)
    await ada.partial(f"/replies/{reply_of(half)}/continuation")
    await ada.watched(reply_of(half))

    assert await used(site, account) == 1, "half an answer counts, going on with it failed"
    tokens = (await Books(site.db).used(account))["output_tokens"]
    spent = await rows(site, "SELECT output_tokens FROM replies WHERE id = :r", r=reply_of(half))
    assert tokens == spent[0]["output_tokens"] > 0


async def test_a_stop_counts_once_something_was_shown(
    planned: PlannedSite, people: Callable[..., Person], upstream: Upstream
) -> None:
    site = await planned("messages = 5")
    ada, account = await owner(site, people)
    upstream.will(Answer(["Nothing yet"], held=asyncio.Event()))
    before = len(upstream.asked)
    silent = reply_of(await ada.send("Think"))

    async def asked() -> bool:  # else the next question gets this answer
        return len(upstream.asked) > before

    await until(asked, within=20)
    assert await used(site, account) == 1, "as long as it is written it is reserved"
    await ada.partial(f"/replies/{silent}/stop")
    assert await used(site, account) == 0

    upstream.will(Answer(["Once upon", " a time"], held=asyncio.Event()))
    begun = reply_of(await ada.send("Tell me a story"))
    async for event in ada.events(begun):
        assert "Once upon" in event.data
        break
    await ada.partial(f"/replies/{begun}/stop")
    assert await used(site, account) == 1


async def test_whoever_deletes_a_conversation_gets_nothing_back(
    planned: PlannedSite, people: Callable[..., Person], upstream: Upstream
) -> None:
    site = await planned("messages = 2")
    ada, account = await owner(site, people)
    sent = await said(ada, upstream, "Mine")
    upstream.will(Answer(["Never", " ends"], held=asyncio.Event()))
    running = await ada.send("Mine too")
    for page in (sent, running):
        await ada.post(f"/conversations/{conversation_of(page)}/deletion")

    assert await count(site, "replies", "account_id = :a", a=account) == 0
    assert await used(site, account) == 2
    assert (await ada.send("Another")).status == 429


async def test_an_upgrade_counts_at_once_and_a_downgrade_keeps_everything(
    planned: PlannedSite, people: Callable[..., Person], tmp_path: Path
) -> None:
    site = await planned("messages = 1")
    ada, account = await owner(site, people)
    talks: list[str] = []
    for limit, statuses in ((1, [200, 429]), (3, [200, 200, 429]), (1, [429])):
        site.app.extensions["plans"] = plans(read(plans_file(tmp_path, f"messages = {limit}")))
        for status in statuses:
            page = await ada.send("Hello")
            assert page.status == status, page.text
            if status == 200:
                talks.append(conversation_of(page))
                await ada.watched(reply_of(page))

    assert await used(site, account) == len(talks) == 3
    for talk in talks:
        shown = await ada.get(f"/conversations/{talk}")
        assert shown.words("[data-reply] [data-part=text]") == "Hello, world."


async def test_a_new_day_is_a_new_window(
    planned: PlannedSite, people: Callable[..., Person], upstream: Upstream
) -> None:
    moment = at("2026-06-01T23:59:59")
    site = await planned("messages = 1", clock=lambda: moment)
    ada, _ = await owner(site, people)
    await said(ada, upstream, "Late")
    late = await ada.send("Too late")

    moment = at("2026-06-02")
    early = await said(ada, upstream, "Early")

    assert late.headers["Retry-After"] == "1"
    assert "It renews on Jun 2, 2026, 12:00 AM (UTC)." in notice(late).replace("\u202f", " ")
    assert early.status == 200


async def test_a_plan_s_own_number_of_answers_at_once_comes_before_the_setting(
    planned: PlannedSite, people: Callable[..., Person], upstream: Upstream
) -> None:
    site = await planned("parallel = 2", LIMIT_REPLIES="1")
    ada, account = await owner(site, people)
    held = asyncio.Event()
    upstream.will(*[Answer(["One", " two"], held=held) for _ in range(2)])
    running = [await ada.send("One"), await ada.send("Two")]

    refused = await ada.send("Three")

    assert refused.status == 429
    assert notice(refused) == "Your plan writes 2 answers at once. Wait for one to end."
    assert int(refused.headers["Retry-After"]) == 5
    held.set()
    for page in running:
        await ada.watched(reply_of(page))
    assert await used(site, account) == 2


async def test_the_notice_leads_to_what_still_works_and_to_the_plan_above(
    planned: PlannedSite, people: Callable[..., Person], upstream: Upstream, tmp_path: Path
) -> None:
    (tmp_path / "models.toml").write_text('[models."openai/tiny"]\nmax_output = 500\n')
    site = await planned(
        "output_tokens = 4_500", MODELS_FILE=str(tmp_path / "models.toml"), **STRIPE
    )
    ada, _ = await owner(site, people)
    await until(lambda: offered(site, "openai/large"), within=30)
    await said(ada, upstream, "First", Answer(["word"] * 600))
    sent = await said(ada, upstream, "Second")

    refused = await ada.send("Third", conversation_of(sent), model="openai/large")
    page = await ada.post(
        f"/conversations/{conversation_of(sent)}/messages",
        {"text": "Third\nline", "model": "openai/large", "key": "k"},
    )

    assert notice(refused).startswith("Too little is left of your plan's 4,500 tokens.")
    for answer in (refused, page):
        assert answer.one("[data-code] a[href='/billing']").get_text() == "Upgrade to Pro"
        assert [str(b["value"]) for b in answer.html.select("[data-code] button")] == [
            "openai/tiny"
        ]
    form = page.one("[data-code] form")
    assert form["action"] == f"/conversations/{conversation_of(sent)}/model"
    kept = {str(field["name"]): str(field["value"]) for field in form.select("input")}
    switched = await ada.post(str(form["action"]), {**kept, "model": "openai/tiny"})
    assert switched.words("textarea[name=text]") == "Third line"
    assert switched.one("#picker option[selected]")["value"] == "openai/tiny"
    assert not switched.html.select("[data-code]")
    fragment = await ada.partial(str(form["action"]), {"model": "openai/tiny"})
    assert fragment.one("#shortage").get_text() == ""


async def offered(site: Site, model_id: str) -> bool:
    return model_id in site.app.extensions["parts"].catalog.offer().models


async def test_nothing_is_sold_where_nothing_can_be_bought(
    planned: PlannedSite, people: Callable[..., Person], upstream: Upstream
) -> None:
    site = await planned("messages = 1")
    ada, _ = await owner(site, people)
    await said(ada, upstream, "One")

    page = await ada.post("/conversations", {"text": "Two", "model": "openai/tiny", "key": "k"})

    assert notice(page).endswith("(UTC).")
    assert not page.html.select("[data-code] :is(a, button)")
    assert page.words("textarea[name=text]") == "Two"


async def test_the_composer_shows_a_meter_when_little_is_left(
    planned: PlannedSite, people: Callable[..., Person], upstream: Upstream
) -> None:
    site = await planned("messages = 10")
    ada, account = await owner(site, people)
    await said(ada, upstream, "First")
    assert not (await ada.get("/")).html.select("[data-meter]")
    await change(site, "UPDATE usage_counters SET used = 7 WHERE account_id = :a", a=account)
    assert not (await ada.get("/")).html.select("[data-meter]")

    sent = await said(ada, upstream, "Eighth")

    for page in (
        sent,
        await ada.get("/"),
        await ada.get(f"/conversations/{conversation_of(sent)}"),
    ):
        meter = page.one("#allowance [data-meter]")
        assert (meter["data-meter"], meter["data-used"], meter["data-limit"]) == (
            "messages", "8", "10",
        )  # fmt: skip
        assert "8 of 10" in " ".join(meter.get_text(" ").split())


async def test_eve_s_messages_are_her_own(
    planned: PlannedSite, people: Callable[..., Person], upstream: Upstream
) -> None:
    site = await planned("messages = 1")
    ada, _ = await owner(site, people)
    eve, _ = await owner(site, people)
    mine = await said(ada, upstream, "Mine")

    foreign = await ask(eve, "POST", f"/replies/{reply_of(mine)}/retry")
    await said(eve, upstream, "Hers")

    assert foreign.status == 404
    assert (await eve.send("More")).status == (await ada.send("More")).status == 429


async def test_the_words_are_the_reader_s(
    planned: PlannedSite, people: Callable[..., Person], upstream: Upstream
) -> None:
    """The date, at least: sentences are translated when all are written."""
    site = await planned("messages = 1", clock=lambda: at("2026-06-01"))
    ada, _ = await owner(site, people)
    await said(ada, upstream, "One")

    page = await ada.post(
        "/conversations",
        {"text": "Two", "model": "openai/tiny"},
        headers={"Accept-Language": "pt-BR"},
    )

    assert "2 de jun. de 2026" in notice(page)


async def test_other_pages_can_show_every_meter_and_ask_for_the_limits_of_files(
    planned: PlannedSite, people: Callable[..., Person], upstream: Upstream
) -> None:
    site = await planned("output_tokens = 9_000\nparallel = 2\nupload_bytes = 5\nupload_files = 0")
    ada, account = await owner(site, people)
    await said(ada, upstream, "Hello")

    async with site.app.test_request_context("/"):
        found = await current.meters(account)
        html = BeautifulSoup(render("billing/_meters.html", meters=found), "html.parser")
        limits = await current.upload_limits(account)

    names = ("data-meter", "data-used", "data-limit")
    assert [tuple(each[name] for name in names) for each in html.select("[data-meter]")] == [
        ("messages", "1", ""),
        ("output_tokens", "4", "9000"),
        ("parallel", "0", "2"),
    ]
    assert limits == (5, 0, None)


@pytest.fixture(autouse=True)
def _nothing_left_over(upstream: Upstream) -> None:
    upstream.answers.clear()
