"""Somebody's own key: entered, used, replaced, removed, and never seen again."""

import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from chat.providers import presets
from tests.conftest import ON_SQLITE, SiteMaker
from tests.conversations.test_picker import groups, offering
from tests.databases import SECRET, Installer
from tests.people import Answer as Page
from tests.people import Person, reply_of
from tests.rows import change, count, rows
from tests.site import Site
from tests.upstream import Answer, Upstream, running

KEY = "sk-of-adas-own-4711"
OTHER = "another-key-of-hers-0815"


@pytest.fixture(autouse=True)
def _quiet(upstream: Upstream) -> None:
    upstream.keys.clear()
    upstream.answers.clear()


@pytest.fixture
async def router(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Upstream]:
    """What stands at the address of OpenRouter, which no operator of ours has connected."""
    async with running() as found:
        found.models = ["far/away", "far/off"]
        monkeypatch.setattr(presets, "OPENROUTER", found.url)
        yield found


async def enter(person: Person, key: str = KEY, provider: str = "openai") -> Page:
    return await person.post("/account/keys", {"provider": provider, "key": key})


async def answered(person: Person, text: str = "Hello", talk: str = "", **form: str) -> Page:
    """The conversation after an answer."""
    sent = await person.send(text, talk, **form)
    assert sent.status == 200, sent.text
    reply = reply_of(sent)
    await person.watched(reply)
    return await person.get(f"/replies/{reply}")


async def settled(site: Site) -> None:
    await site.app.extensions["own_models"].settled()


async def test_it_is_asked_with_and_said_so_and_shown_by_its_end(
    site: Site, ada: Person, eve: Person, upstream: Upstream
) -> None:
    page = await enter(ada)
    reply = await answered(ada)
    hers = await answered(eve)

    assert "Your key ends in …4711, since " in page.words("#key-openai")
    assert KEY not in page.text
    assert upstream.keys == [KEY, ""], "nobody else's question carries it"
    assert reply.words(".spent").endswith("your key")
    assert "your key" not in hers.words(".spent")
    assert await count(site, "replies", "own_key = 1 AND id = :id", id=reply_of(reply)) == 1
    retried = await ada.partial(f"/replies/{reply_of(reply)}/retry")
    await ada.watched(reply_of(retried))
    sql = "SELECT conversation_id AS talk FROM replies WHERE id = :id"
    (place,) = await rows(site, sql, id=reply_of(retried))
    await answered(ada, "Again", place["talk"])
    assert upstream.keys[2:] == [KEY, KEY]


async def test_it_is_sealed_in_its_row(site: Site, ada: Person) -> None:
    await enter(ada)

    (row,) = await _rows_of(site, ada)
    assert KEY not in str(row) and KEY[-4:] not in str(row)
    assert row["sealed"].startswith("v1.")


async def test_another_one_replaces_it_and_without_one_the_operators_is_used(
    ada: Person, upstream: Upstream
) -> None:
    await enter(ada)
    page = await enter(ada, f"  {OTHER}\n")
    await answered(ada)
    removed = await ada.post("/account/keys/deletion", {"provider": "openai"})
    gone = await ada.post("/account/keys/deletion", {"provider": "openai"})
    reply = await answered(ada)

    assert "…0815" in page.words("#key-openai")
    assert upstream.keys == [OTHER, ""]
    assert removed.status == gone.status == 200
    assert "ends in" not in removed.words("#key-openai")
    assert "your key" not in reply.words(".spent")


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("", "Enter a key first."),
        (" \r\n ", "Enter a key first."),
        ("sk-of adas-own", "has blanks, line breaks or other characters"),
        ("sk-of\nX-Evil: 1", "has blanks, line breaks or other characters"),
        ("sk-of-ação-own", "has blanks, line breaks or other characters"),
        ("sk-of-adas\x00own", "has blanks, line breaks or other characters"),
        ("short", "from 8 to 500 characters"),
        ("x" * 501, "from 8 to 500 characters"),
    ],
)
async def test_what_can_be_no_key_is_refused_with_a_sentence_that_does_not_repeat_it(
    site: Site, ada: Person, key: str, words: str
) -> None:
    refused = await enter(ada, key)

    assert refused.status == 422
    assert words in refused.words("#key-openai [role=alert]")
    assert not refused.html.select("#key-openai input[name=key][value]")
    assert len(key) < 5 or key not in refused.text
    assert not await _rows_of(site, ada)


@pytest.mark.parametrize("provider", ["", "nobody", "ollama", "guide", "../openai", "x" * 5_000])
async def test_a_provider_that_takes_none_is_not_there(ada: Person, provider: str) -> None:
    assert (await enter(ada, KEY, provider)).status == 404
    assert (await ada.post("/account/keys/deletion", {"provider": provider})).status == 404


@ON_SQLITE
async def test_keys_cannot_be_tried_one_after_the_other(ada: Person) -> None:
    for _ in range(10):
        assert (await enter(ada)).status == 200

    refused = await enter(ada)

    assert refused.status == 429
    assert "Retry-After" in refused.headers


async def test_a_row_in_another_account_opens_nothing(
    site: Site, ada: Person, eve: Person, upstream: Upstream
) -> None:
    await enter(ada)
    await enter(eve, OTHER)
    sql = """UPDATE own_keys SET sealed = (
        SELECT k.sealed FROM own_keys k JOIN accounts a ON a.id = k.account_id WHERE email = :ada)
        WHERE account_id = (SELECT id FROM accounts WHERE email = :eve)"""
    await change(site, sql, ada=ada.email, eve=eve.email)

    page = await eve.get("/account/keys")
    await answered(eve)

    assert "cannot be read any more: enter it again" in page.words("#key-openai")
    assert upstream.keys == [""]


async def test_after_another_secret_or_address_it_is_asked_for_again(
    database: Installer, upstream: Upstream, tmp_path: Path, people: Callable[..., Person]
) -> None:
    """S088: whoever moves a provider gets nobody's key unasked."""
    env = {"OPENAI_BASE_URL": upstream.url, "SECRET_KEY": SECRET}
    async with database.running(tmp_path, env) as site:
        ada = people(site)
        await ada.register()
        await enter(ada)
    changes = ({"SECRET_KEY": "another" * 8}, {"OPENAI_BASE_URL": upstream.url + "/"},
               {"OPENAI_BASE_URL": upstream.url.replace("/v1", "/v2")})  # fmt: skip
    for changed, readable in zip(changes, (False, True, False), strict=True):
        async with database.running(tmp_path, env | changed) as site:
            again = people(site, ada.email)
            await again.log_in()
            page = await again.get("/account/keys")
            assert ("ends in …4711" in page.words("#key-openai")) is readable
            assert ("cannot be read any more" in page.words("#key-openai")) is not readable
            assert (await again.get("/")).status == 200
            if "SECRET_KEY" in changed:
                reply = await answered(again)
                assert "your key" not in reply.words(".spent")
    assert upstream.keys == [""]


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (401, "invalid_api_key", "Your own OpenAI key was refused. Change it on your account page"),
        (429, "insufficient_quota", "the provider wants to be paid first"),
    ],
)
async def test_a_refusal_says_whose_key_it_was_and_the_key_is_nowhere(
    site: Site,
    ada: Person,
    upstream: Upstream,
    caplog: pytest.LogCaptureFixture,
    status: int,
    kind: str,
    words: str,
) -> None:
    await enter(ada)
    echo = {"message": f"Incorrect key {KEY}: Bearer {KEY} is odd", "type": kind}
    upstream.will(*[Answer(status=status, error=echo)] * 3)
    with caplog.at_level(logging.DEBUG):
        reply = await answered(ada)
        page = await ada.get("/account/keys")

    assert words in reply.words(".outcome")
    link = reply.one(".outcome a")
    assert link["href"] == "/account/keys"
    shown = "".join(record.getMessage() + repr(record.args) for record in caplog.records)
    assert "[key]" in shown, "what the provider said is logged"
    for place in (shown, reply.text, page.text):
        assert KEY not in place and KEY[3:] not in place
    assert all(KEY not in str(row) for row in await rows(site, "SELECT * FROM replies"))


async def test_a_provider_that_nobody_connected_is_offered_to_its_owner_alone(
    make_site: SiteMaker,
    people: Callable[..., Person],
    router: Upstream,
    upstream: Upstream,
    tmp_path: Path,
) -> None:
    site = await make_site()
    await offering(site, "openai/tiny")
    ada, eve = people(site), people(site)
    await ada.register()
    await eve.register()

    page = await enter(ada, KEY, "openrouter")
    await settled(site)
    offered = groups(await ada.get("/"))
    reply = await answered(ada, model="openrouter/far/off")
    refused = await eve.send("Hello", model="openrouter/far/off")
    of_the_site = len(upstream.asked)

    assert "openrouter.ai" not in page.words("#key-openrouter")
    assert offered["OpenRouter — your key"] == ["openrouter/far/away", "openrouter/far/off"]
    assert (router.listed, router.keys) == ([KEY], [KEY])
    assert router.asked[0]["model"] == "far/off"
    assert reply.words(".spent").endswith("your key")
    assert refused.status == 422 and "not offered" in refused.words(".notice")
    assert not any("OpenRouter" in label for label in groups(await eve.get("/")))
    assert (await ada.partial("/account/model", {"model": "openrouter/far/away"})).status == 200
    assert len(upstream.asked) == of_the_site
    router.models = ["elsewhere"]
    (row,) = await _rows_of(site, ada)
    assert "far/away" in row["models"] and KEY not in str(row)
    await ada.post("/account/keys/deletion", {"provider": "openrouter"})
    assert not any("OpenRouter" in label for label in groups(await ada.get("/")))
    late = await ada.send("Hello", model="openrouter/far/off")
    assert late.status == 422


async def test_a_restart_offers_what_was_listed_last_and_no_page_waits(
    database: Installer,
    upstream: Upstream,
    tmp_path: Path,
    people: Callable[..., Person],
    router: Upstream,
) -> None:
    env = {"OPENAI_BASE_URL": upstream.url}
    async with database.running(tmp_path, env) as site:
        ada = people(site)
        await ada.register()
        await enter(ada, KEY, "openrouter")
        await settled(site)
    router.models = ["broken\nname"]
    async with database.running(tmp_path, env) as site:
        again = people(site, ada.email)
        page = await again.log_in()
        assert groups(page)["OpenRouter — your key"] == [
            "openrouter/far/away",
            "openrouter/far/off",
        ]
        await settled(site)
        assert router.listed == [KEY, KEY]
        page = await again.get("/")
        assert groups(page).get("OpenRouter — your key") == []


@ON_SQLITE
async def test_a_refused_list_says_so_and_is_not_asked_for_at_each_page(
    make_site: SiteMaker, people: Callable[..., Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presets, "OPENROUTER", "http://127.0.0.1:9/v1")
    site = await make_site()
    await offering(site, "openai/tiny")
    ada = people(site)
    await ada.register()
    await enter(ada, KEY, "openrouter")
    await settled(site)

    pages = [groups(await ada.get("/")) for _ in range(3)]
    page = await ada.get("/account/keys")

    lists = site.app.extensions["own_models"]._lists
    assert [each.failures for each in lists.values()] == [1]
    assert all(each["OpenRouter — not reachable"] == [] for each in pages)
    assert "could not be reached" in page.words("#key-openrouter")


@ON_SQLITE
async def test_an_endpoint_of_the_operators_takes_keys_if_it_has_one(
    make_site: SiteMaker, people: Callable[..., Person], upstream: Upstream, tmp_path: Path
) -> None:
    path = tmp_path / "models.toml"
    path.write_text(
        f'[endpoints.lab]\nname = "The lab"\nwire = "openai"\nurl = "{upstream.url}"\n'
        f'key = "operators-own"\n[endpoints.open]\nwire = "openai"\nurl = "{upstream.url}"\n'
    )
    site = await make_site(MODELS_FILE=str(path))
    await offering(site, "lab/tiny")
    ada = people(site)
    await ada.register()

    await answered(ada, model="lab/tiny")
    page = await enter(ada, KEY, "lab")
    await answered(ada, model="lab/tiny")
    await answered(ada, model="open/tiny")

    assert upstream.keys == ["operators-own", KEY, ""]
    assert "Your key ends in …4711" in page.words("#key-lab")
    assert not page.html.select("#key-open") and "operators-own" not in page.text
    assert [str(each["id"]) for each in page.html.select("section[id]")] == [
        "key-openai", "key-anthropic", "key-gemini", "key-openrouter", "key-lab",
    ]  # fmt: skip


@ON_SQLITE
async def test_what_a_model_turns_down_is_known_whoever_asks(
    make_site: SiteMaker, people: Callable[..., Person], upstream: Upstream
) -> None:
    site = await make_site()
    ada = people(site)
    await ada.register()
    error = {"message": "Unknown parameter: stream_options", "type": "invalid_request_error"}
    upstream.will(Answer(status=400, error=error))
    await answered(ada)
    begun = len(upstream.asked)

    await enter(ada)
    await answered(ada)

    assert len(upstream.asked) == begun + 1
    assert "stream_options" not in upstream.asked[-1]


async def test_it_goes_with_the_account(site: Site, ada: Person) -> None:
    await enter(ada)
    await change(site, "DELETE FROM accounts WHERE email = :email", email=ada.email)

    assert await count(site, "own_keys", "account_id NOT IN (SELECT id FROM accounts)") == 0


async def _rows_of(site: Site, person: Person) -> list[dict[str, Any]]:
    sql = """SELECT k.* FROM own_keys k JOIN accounts a ON a.id = k.account_id
             WHERE email = :email"""
    return await rows(site, sql, email=person.email)
