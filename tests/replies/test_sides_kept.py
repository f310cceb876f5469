"""Replies side by side: restarts, other processes, pages without scripts, changed questions."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from bs4 import BeautifulSoup

from tests.conftest import ON_SQLITE, SiteMaker
from tests.databases import Installer, Server
from tests.people import Person, conversation_of, reply_of
from tests.raw import ask, written
from tests.rows import change, count, interrupted, questions, state
from tests.sides import LARGE, TINY, chosen_of, compare, replies_of, said_by
from tests.site import Site
from tests.talks import add_messages, add_talks
from tests.upstream import Answer, Upstream

BESIDE = (
    """INSERT INTO messages
         (id, conversation_id, account_id, parent_id, role, text, html, key, created_at)
       SELECT :other, conversation_id, account_id, parent_id, role, text, html, NULL, created_at
         FROM messages WHERE id = :id""",
    """INSERT INTO replies
         (id, conversation_id, account_id, model, model_name, state, reason, epoch,
          input_tokens, output_tokens, cached_tokens, reasoning_tokens, started_at, side)
       SELECT :other, conversation_id, account_id, 'openai/large', 'large', state, reason, 1,
              0, 0, 0, 0, 0, 2
         FROM replies WHERE id = :id""",
)


async def ended(person: Person, ids: list[str]) -> None:
    await asyncio.gather(*(person.watched(each) for each in ids))


def halves(held: asyncio.Event) -> list[Answer]:
    return [Answer([f"{name} ", "end"], held=held, model=name) for name in ("tiny", "large")]


async def first_words(person: Person, reply: str, words: str) -> None:
    async for event in person.events(reply):
        if words in event.data:
            return


async def test_a_restart_in_the_middle_interrupts_all_of_them(
    database: Installer, upstream: Upstream, tmp_path: Path, people: Callable[..., Person]
) -> None:
    env = {"OPENAI_BASE_URL": upstream.url}
    upstream.will(*halves(asyncio.Event()))
    async with database.running(tmp_path, env) as site:
        ada = people(site)
        await ada.register()
        sent = await compare(ada, TINY, LARGE)
        ids = replies_of(sent)
        for reply, words in zip(ids, ("tiny", "large"), strict=True):
            await first_words(ada, reply, words)
    async with database.running(tmp_path, env) as site:
        for reply in ids:
            await interrupted(site, reply)
        ada = people(site, ada.email)
        await ada.log_in()
        page = await ada.get(f"/conversations/{conversation_of(sent)}")
        upstream.will(Answer(["goes on"], model="large"))
        resumed = await ada.partial(f"/replies/{ids[1]}/continuation")
        await ada.watched(ids[1])
        after = await ada.get(f"/conversations/{conversation_of(sent)}")

    assert said_by(page) == ["tiny", "large"]
    assert [each["data-state"] for each in page.html.select(".sides [data-reply]")] == [
        "interrupted"
    ] * 2
    assert resumed.status == 200
    assert said_by(after) == ["tiny", "large goes on"]
    assert chosen_of(after) == [ids[0]]


async def test_another_process_shows_and_stops_them(
    postgres: Server, upstream: Upstream, tmp_path: Path, people: Callable[..., Person]
) -> None:
    installer = Installer(postgres)
    env = {"OPENAI_BASE_URL": upstream.url, **await installer.settings(tmp_path)}
    upstream.will(*halves(asyncio.Event()))
    async with (
        installer.running(tmp_path / "one", env) as one,
        installer.running(tmp_path / "two", env) as two,
    ):
        ada = people(one)
        await ada.register()
        there = people(two, ada.email)
        await there.log_in()
        sent = await compare(ada, TINY, LARGE)
        ids = replies_of(sent)
        await first_words(there, ids[0], "tiny")
        await first_words(there, ids[1], "large")
        stopped = await there.partial(f"/conversations/{conversation_of(sent)}/stop")
        found = [await state(two, each) for each in ids]

    assert stopped.status == 200
    assert found == ["stopped"] * 2


async def test_without_scripts_one_page_shows_all_of_them_to_their_end(
    ada: Person, upstream: Upstream
) -> None:
    held = asyncio.Event()
    upstream.will(*halves(held))
    sent = await compare(ada, TINY, LARGE)
    ids, url = replies_of(sent), f"/conversations/{conversation_of(sent)}"
    await first_words(ada, ids[1], "large")

    page, seen = written(ada, f"{url}/live"), ""
    async for piece in page:
        seen += piece
        if "tiny" in seen and "</form>" in seen and 'class="tail"' in seen:
            break
    held.set()
    rest = "".join([piece async for piece in page])

    assert BeautifulSoup(seen, "html.parser").select(f".halt[action='{url}/stop']")
    found = BeautifulSoup(seen + rest, "html.parser")
    for tail in found.select(".tail"):
        tail.decompose()
    columns = found.select(".sides > .side > article")
    assert [each["data-reply"] for each in columns] == ids
    assert ["tiny end" in columns[0].get_text(), "large end" in columns[1].get_text()] == [True] * 2
    assert columns[1].select("form.choose") and not columns[0].select("form.choose")
    assert found.select("#composer .send") and not found.select("#composer .stop")
    assert rest.rstrip().endswith("</html>")
    assert (await ask(ada, "GET", f"{url}/live")).status == 303


async def test_a_changed_question_asks_all_of_them_again(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    sent = await compare(ada, TINY, LARGE)
    await ended(ada, replies_of(sent))
    question = str(sent.one("[data-role=user]")["id"]).removeprefix("m-")

    form = (await ada.get(f"/messages/{question}/versions")).one("form.edit")
    models = [("model", str(each["value"])) for each in form.select("[name=model]")]
    data = [("text", "Another?"), ("key", "again"), *models]
    page = await ask(ada, "POST", str(form["action"]), data=data)
    page = await ada.get(page.headers["Location"])
    await ended(ada, replies_of(page))
    old = await ada.post(f"/messages/{question}/path")

    assert [each for _, each in models] == [TINY, LARGE]
    assert not form.has_attr("hx-include")
    assert page.words("[data-role=user] .versions") == "2/2"
    assert len(replies_of(page)) == 2
    assert chosen_of(page) == replies_of(page)[:1]
    assert chosen_of(old) == replies_of(old)[:1] == replies_of(sent)[:1]


async def test_columns_of_older_pages_are_there(site: Site, ada: Person) -> None:
    talk = (await add_talks(site, ada, 1))[0]
    chosen = (await add_messages(site, ada, talk, 46))[1]
    other = f"{chosen[:-4]}side"
    await change(site, "UPDATE replies SET side = 1 WHERE id = :id", id=chosen)
    for sql in BESIDE:
        await change(site, sql, id=chosen, other=other)

    newest = await ada.get(f"/conversations/{talk}")
    older = await ada.get(str(newest.one("a.older")["hx-get"]))

    assert not replies_of(newest, "details.others")
    assert replies_of(older, "details.others") == [other]
    assert older.html.select(f".past > #m-{chosen}")


@ON_SQLITE
async def test_a_page_asks_as_often_for_many_groups_as_for_one(site: Site, ada: Person) -> None:
    talk, asked = "", []
    for _ in range(3):
        sent = await compare(ada, TINY, LARGE, talk=talk)
        talk = talk or conversation_of(sent)
        await ended(ada, replies_of(sent))
        asked.append(await questions(site, ada, f"/conversations/{talk}"))

    assert asked[0] == asked[1] == asked[2] > 0


async def test_it_is_found_listed_and_deleted_whole(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    held = asyncio.Event()
    kept = Answer(["A wallaby", "."], held=held, model="large")
    upstream.will(Answer(["Small."], model="tiny"), kept)
    sent = await compare(ada, TINY, LARGE)
    ids, talk = replies_of(sent), conversation_of(sent)
    await ada.watched(ids[0])

    pulse = await ada.get("/conversations")
    held.set()
    await ada.watched(ids[1])
    quiet = await ada.get("/conversations")
    found = await ada.get("/conversations?q=wallaby")
    await ada.post(f"/conversations/{talk}/deletion")

    assert pulse.html.select("#history .pulse")
    assert not quiet.html.select("#history .pulse")
    assert found.html.select(f"#history a[href='/conversations/{talk}']")
    assert await count(site, "replies", "conversation_id = :id", id=talk) == 0
    assert await count(site, "messages", "conversation_id = :id", id=talk) == 0


@ON_SQLITE
async def test_models_of_one_name_are_told_apart_by_their_providers(
    make_site: SiteMaker, people: Callable[..., Person], upstream: Upstream, tmp_path: Path
) -> None:
    """Also when one is retried, and where usage is summed."""
    file = tmp_path / "models.toml"
    lab = f'[endpoints.lab]\nwire = "openai"\nurl = "{upstream.url}"\ndiscover = false\n'
    file.write_text(f'{lab}[models."lab/tiny"]\n')
    site = await make_site(MODELS_FILE=str(file))
    ada = people(site)
    await ada.register()

    sent = await compare(ada, TINY, "lab/tiny")
    for reply in replies_of(sent):
        await ada.watched(reply)
    again = await ada.partial(f"/replies/{replies_of(sent)[1]}/retry")
    await ada.watched(reply_of(again))
    for model in (TINY, "lab/tiny"):
        alone = await ada.send("Hello", model=model)
        await ada.watched(reply_of(alone))
        assert alone.one("[data-reply]")["data-model"] == "tiny"
    usage = await ada.get("/account/usage")

    names = [str(each["data-model"]) for each in sent.html.select(".sides [data-reply]")]
    assert names == ["tiny · 127.0.0.1", "tiny · lab"]
    assert again.one("[data-reply]")["data-model"] == "tiny · lab"
    found = usage.html.select("[aria-labelledby=by-model] th .name")
    assert len({each.get_text(strip=True) for each in found}) == 2
