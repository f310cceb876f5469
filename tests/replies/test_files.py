"""Files meet everything else that a reply is made of: columns, versions, limits, other models."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup

from chat.providers.tokens import estimate
from tests.attachments.made import encoded, scanned, scene
from tests.attachments.sending import ids_of, upload, uploaded
from tests.conftest import ON_SQLITE, SiteMaker
from tests.people import PARTIAL, Person, conversation_of, reply_of
from tests.raw import ask, written
from tests.rows import count
from tests.sides import LARGE, TINY, replies_of
from tests.site import Site
from tests.upstream import Answer, Upstream

SEES = '[models."openai/tiny"]\nsees_images = true\ncontext = 8000\n'
SeeingSite = tuple[Site, Person]


@pytest.fixture
async def seeing(
    make_site: SiteMaker, people: Callable[..., Person], upstream: Upstream, tmp_path: Path
) -> SeeingSite:
    """Where tiny sees images and large does not."""
    (tmp_path / "models.toml").write_text(SEES)
    site = await make_site(MODELS_FILE=str(tmp_path / "models.toml"))
    ada = people(site)
    await ada.register()
    upstream.asked.clear()
    return site, ada


def sent_to(upstream: Upstream, model: str) -> list[tuple[int, str]]:
    """Of the newest question to a model: for each turn its images, and its text."""
    asked = [each for each in upstream.asked if each["model"] == model][-1]
    return [_told(turn["content"]) for turn in asked["messages"]]


def _told(content: Any) -> tuple[int, str]:
    if isinstance(content, str):
        return 0, content
    texts = [part["text"] for part in content if part["type"] == "text"]
    return len(content) - len(texts), "".join(texts)


async def all_of(person: Person, ids: list[str]) -> None:
    for reply in ids:
        await person.watched(reply)


@ON_SQLITE
async def test_every_way_to_a_reply_has_the_files_of_its_question(
    seeing: SeeingSite, upstream: Upstream
) -> None:
    _, ada = seeing
    chips = ids_of(await upload(ada, ("p.png", encoded(scene(), "PNG")), ("n.txt", b"a zebra")))
    fields = [("text", "Which?"), ("key", "k"), ("model", TINY), ("model", LARGE)]
    fields += [("attachment", chip) for chip in chips]
    sent = await ask(ada, "POST", "/conversations", PARTIAL, data=fields)
    await all_of(ada, replies_of(sent))
    question = str(sent.one("[data-role=user]")["id"]).removeprefix("m-")

    ((images, seen),) = sent_to(upstream, "tiny")
    ((none, blind),) = sent_to(upstream, "large")
    assert (images, none) == (1, 0)
    assert "a zebra" in seen and "p.png" not in seen
    assert "a zebra" in blind and 'The image "p.png" is attached, but it was not sent' in blind

    upstream.will(Answer(["It is"], reason="length"))
    more = await ada.send("And now?", conversation_of(sent))
    await ada.watched(reply_of(more))
    await ada.partial(f"/replies/{reply_of(more)}/continuation")
    await ada.watched(reply_of(more))
    assert [count for count, _ in sent_to(upstream, "tiny")] == [1, 0, 0, 0, 0]
    assert sent_to(upstream, "tiny")[0] == (images, seen)

    versions = [("text", "Which one?"), ("key", "e"), ("model", TINY), ("model", LARGE)]
    page = await ask(ada, "POST", f"/messages/{question}/versions", data=versions)
    page = await ada.get(page.headers["Location"])
    await all_of(ada, replies_of(page))
    assert sent_to(upstream, "tiny") == [(1, seen.replace("Which?", "Which one?"))]
    upstream.asked.clear()
    again = await ada.partial(f"/replies/{replies_of(page)[1]}/retry")
    await ada.watched(reply_of(again))
    assert sent_to(upstream, "large") == [(0, blind.replace("Which?", "Which one?"))]


@ON_SQLITE
async def test_an_image_alone_is_asked_about_without_an_empty_text(
    seeing: SeeingSite, upstream: Upstream
) -> None:
    _, ada = seeing
    picture = await uploaded(ada, "harbour.png", encoded(scene(40, 30), "PNG"))
    first = await ada.send("", attachment=picture)
    await ada.watched(reply_of(first))
    (turn,) = upstream.asked[-1]["messages"]

    assert [part["type"] for part in turn["content"]] == ["image_url"]
    assert first.words("h1").startswith("harbour.png")


@ON_SQLITE
async def test_a_scan_goes_as_images_as_far_as_there_is_room_and_in_words_beyond(
    seeing: SeeingSite, upstream: Upstream
) -> None:
    _, ada = seeing
    files = ("scan.pdf", scanned(7)), ("late.png", encoded(scene(), "PNG"))
    fields = [("text", "Read"), ("key", "k"), ("model", TINY), ("model", LARGE)]
    fields += [("attachment", chip) for chip in ids_of(await upload(ada, *files))]
    sent = await ask(ada, "POST", "/conversations", PARTIAL, data=fields)
    replies = replies_of(sent)
    await all_of(ada, replies)
    seen, blind = [(await ada.get(f"/replies/{reply}")).html for reply in replies]

    ((images, told),) = sent_to(upstream, "tiny")
    assert images == 2  # of 1,300 tokens each, in six tenths of what 8,000 leave
    assert 'Of the file "scan.pdf" the first 2 of 7 pages are attached, as images.' in told
    assert 'The file "late.png" is attached, but it could not be sent along.' in told
    assert seen.select_one(".aside") and not blind.select_one(".aside")
    ((none, words),) = sent_to(upstream, "large")
    assert none == 0 and 'The file "scan.pdf" is attached, but there is no text in it.' in words


@ON_SQLITE
@pytest.mark.parametrize("letter", ["字", "w "], ids=["east", "words"])
async def test_a_long_file_fits_the_window_in_any_language(
    seeing: SeeingSite, upstream: Upstream, letter: str
) -> None:
    _, ada = seeing
    chip = await uploaded(ada, "long.txt", (letter * 40_000).encode())
    sent = await ada.send("What is in it?", attachment=chip)
    await ada.watched(reply_of(sent))
    page = await ada.get(f"/conversations/{conversation_of(sent)}")

    ((_, told),) = sent_to(upstream, "tiny")
    assert 3_000 < estimate(told) < 5_200  # of 8,000 tokens, a quarter for the answer
    assert "What is in it?" in told and " [cut: " in told
    assert "read only their beginnings" in page.words(".reply .aside")


@ON_SQLITE
async def test_a_file_that_is_refused_as_too_long_is_sent_shorter(
    seeing: SeeingSite, upstream: Upstream
) -> None:
    _, ada = seeing
    chip = await uploaded(ada, "long.txt", b"word " * 20_000)
    refused = {"message": "too many tokens in this request", "code": "context_length_exceeded"}
    upstream.will(Answer(status=400, error=refused))
    sent = await ada.send("What is in it?", attachment=chip)
    await ada.watched(reply_of(sent))

    first, second = (estimate(str(each["messages"])) for each in upstream.asked)
    assert 0.3 * first < second < 0.7 * first


@ON_SQLITE
async def test_a_page_without_scripts_says_that_files_were_cut(
    seeing: SeeingSite, upstream: Upstream
) -> None:
    _, ada = seeing
    chip = await uploaded(ada, "long.txt", b"word " * 20_000)
    held = asyncio.Event()
    upstream.will(Answer(["Begun ", "and ended"], held=held))
    sent = await ada.send("What is in it?", attachment=chip)
    page = written(ada, f"/conversations/{conversation_of(sent)}/live")
    shown = ""
    async for piece in page:
        shown += piece
        if "Begun" in shown:
            held.set()

    found = BeautifulSoup(shown, "html.parser").select_one(".reply .aside")
    assert found and "read only their beginnings" in found.get_text()


@ON_SQLITE
async def test_an_image_that_is_too_much_for_a_window_makes_nobody_s_smaller(
    make_site: SiteMaker, people: Callable[..., Person], upstream: Upstream, tmp_path: Path
) -> None:
    (tmp_path / "models.toml").write_text(SEES.replace("8000", "2000"))
    site = await make_site(MODELS_FILE=str(tmp_path / "models.toml"))
    ada = people(site)
    await ada.register()
    chip = await uploaded(ada, "p.png", encoded(scene(), "PNG"))
    refused = {"message": "too many tokens in this request", "code": "context_length_exceeded"}
    upstream.will(Answer(status=400, error=refused))
    sent = await ada.send("What is in it?", attachment=chip)
    await ada.watched(reply_of(sent))

    assert await count(site, "model_measures") == 0
    assert "too long for this model" in (await ada.get(f"/replies/{reply_of(sent)}")).words(
        ".outcome"
    )
