"""Models and their endpoints come and go while people talk to them."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from chat.providers.listing import MAX_MODELS
from tests.attachments.pictures import photo, understand_images
from tests.attachments.sending import uploaded
from tests.conftest import ON_SQLITE, SiteMaker
from tests.people import PARTIAL, Person, conversation_of, reply_of
from tests.people import Answer as Page
from tests.rows import text_of
from tests.site import Site
from tests.upstream import Answer, Upstream

pytestmark = ON_SQLITE  # lists of models are in memory
BLIND = {"code": "bad", "message": "image input is not supported by this model"}


@pytest.fixture
async def own_site(make_site: SiteMaker, upstream: Upstream) -> AsyncIterator[Site]:
    """Of a test's own: the list of models changes."""
    before = upstream.models
    site = await make_site()
    await looked(site)
    yield site
    upstream.models = before


@pytest.fixture
async def owner(own_site: Site, people: Callable[..., Person]) -> Person:
    person = people(own_site)
    await person.register()
    return person


async def looked(site: Site) -> None:
    """The catalogue has asked every endpoint again."""
    await site.app.extensions["parts"].catalog.refresh()


def chosen(page: Page) -> str:
    return str(page.one("#picker option[selected]")["value"])


async def ended(person: Person, reply: str) -> tuple[str, str]:
    """Its last state, and what is said of it."""
    last = (await person.watched(reply))[-1].html
    bubble, outcome = last.select_one("[data-reply]"), last.select_one(".outcome p")
    assert bubble is not None
    return str(bubble["data-state"]), outcome.get_text() if outcome else ""


async def test_a_model_that_is_removed_while_it_writes_writes_to_its_end(
    own_site: Site, owner: Person, upstream: Upstream
) -> None:
    held = asyncio.Event()
    upstream.will(Answer(["One", " two"], held=held, model="large"))
    sent = await owner.send("Hello", model="openai/large")

    upstream.models = ["tiny"]
    await looked(own_site)
    held.set()

    assert await ended(owner, reply_of(sent)) == ("complete", "")
    assert await text_of(own_site, reply_of(sent)) == "One two"


async def test_of_a_removed_model_all_is_kept_and_another_one_goes_on(
    own_site: Site, owner: Person, upstream: Upstream
) -> None:
    """The page names it, a form from before gives its text back, a retry asks the one shown."""
    upstream.will(Answer(["Half"], cut=True, model="large"))
    sent = await owner.send("Hello", model="openai/large")
    talk, reply = conversation_of(sent), reply_of(sent)
    assert (await ended(owner, reply))[0] == "failed"
    upstream.models = ["tiny"]
    await looked(own_site)

    page = await owner.get(f"/conversations/{talk}")
    old = await owner.post(
        f"/conversations/{talk}/messages", {"text": "And more", "model": "openai/large"}
    )
    continued = await owner.partial(f"/replies/{reply}/continuation")
    retried = await owner.partial(f"/replies/{reply}/retry")

    assert page.words("#picker > .problem") == "large is not offered any more."
    assert chosen(page) == "openai/tiny"
    assert page.words(f"#m-{reply} [data-part=text]") == "Half"
    assert old.status == 422 and old.one("textarea").text.strip() == "And more"
    assert chosen(old) == "openai/tiny"
    assert continued.status == 422
    assert continued.words(".notice") == (
        "The model that began this answer is not offered any more. Retry with another one."
    )
    assert retried.status == 200
    assert retried.one("[data-reply]")["data-model"] == "tiny"
    assert (await ended(owner, reply_of(retried)))[0] == "complete"


async def test_of_several_side_by_side_one_that_is_gone_is_retried_with_the_one_shown(
    own_site: Site, owner: Person, upstream: Upstream
) -> None:
    fields = [("text", "Hello"), ("key", "k1"), ("model", "openai/large"), ("model", "openai/tiny")]
    headers = {"Origin": owner.base, **PARTIAL}
    sent = await owner._ask("POST", "/conversations", data=fields, headers=headers)
    first = {str(r["data-model"]): str(r["data-reply"]) for r in sent.html.select("[data-reply]")}
    for reply in first.values():
        await owner.watched(reply)
    upstream.models = ["tiny"]
    await looked(own_site)

    retried = await owner.partial(f"/replies/{first['large']}/retry")

    assert retried.status == 200
    assert retried.one("[data-reply]")["data-model"] == "tiny"
    await owner.watched(reply_of(retried))


@asynccontextmanager
async def listening(port: int, upstream: Upstream) -> AsyncIterator[None]:
    """The model server at one more address."""
    app = web.Application()
    app.router.add_get("/v1/models", upstream.list)
    app.router.add_post("/v1/chat/completions", upstream.complete)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def test_an_endpoint_that_is_off_at_the_start_answers_once_it_is_there(
    make_site: SiteMaker, people: Callable[..., Person], upstream: Upstream
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    site = await make_site(OPENAI_BASE_URL=f"http://127.0.0.1:{port}/v1")
    await looked(site)
    ada = people(site)
    page = await ada.register()
    assert "127.0.0.1 — not reachable" in [str(g["label"]) for g in page.html.select("optgroup")]

    sent = await ada.send("Hello", model="openai/tiny")
    state, said = await ended(ada, reply_of(sent))
    assert (state, "cannot be reached" in said) == ("failed", True)
    shown = await ada.get(f"/conversations/{conversation_of(sent)}")
    assert shown.words("#picker > .problem") == "127.0.0.1: not reachable"

    async with listening(port, upstream):
        await looked(site)
        retried = await ada.partial(f"/replies/{reply_of(sent)}/retry")
        assert await ended(ada, reply_of(retried)) == ("complete", "")
        page = await ada.get(f"/conversations/{conversation_of(sent)}")
        assert not page.html.select("#picker > .problem")
        assert [m.get_text(strip=True) for m in page.html.select("[data-role=user] .bubble")] == [
            "Hello"
        ]


async def test_ten_thousand_models_of_one_endpoint_are_offered_and_the_last_one_answers(
    own_site: Site, owner: Person, upstream: Upstream
) -> None:
    upstream.models = [f"m{number}" for number in range(MAX_MODELS + 500)]
    await looked(own_site)
    last = f"openai/m{MAX_MODELS - 1}"

    sent = await owner.send("Hello", model=last)
    await owner.watched(found(r'data-reply="(\w+)"', sent))
    page = await owner.get("/")
    beyond = await owner.send("Hello", model=f"openai/m{MAX_MODELS}")

    assert upstream.asked[-1]["model"] == f"m{MAX_MODELS - 1}"
    assert found(r'<option value="([^"]+)" selected', page) == last
    assert page.text.count("<option") >= MAX_MODELS
    assert found(r'placeholder="(Search [^"]+)"', page) == "Search 10,001 models"
    assert beyond.status == 422, "a list is not believed to have more"


def found(pattern: str, page: Page) -> str:
    """The first match: to parse such a page takes seconds."""
    match = re.search(pattern, page.text)
    assert match, pattern
    return match[1]


async def test_who_cannot_see_is_told_the_name_of_an_image_and_the_page_says_so_before(
    ada: Person, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    understand_images(monkeypatch)
    before = await ada.get("/")

    sent = await ada.send("What is this?", attachment=await uploaded(ada, "tree.png", photo()))
    await ada.watched(reply_of(sent))
    switched = await ada.partial(
        f"/conversations/{conversation_of(sent)}/model", {"model": "openai/large"}
    )

    said = "tiny cannot see images: it is told their names only."
    assert before.words("#picker .blind") == said
    (message,) = upstream.asked[-1]["messages"]
    assert message["content"] == (
        'The image "tree.png" is attached, but it was not sent: this model does not see images.'
        "\n\nWhat is this?"
    )
    assert switched.words("#picker .left-out") == (
        "large cannot see images: it gets only their names."
    )


async def test_an_image_that_a_model_refuses_ends_one_answer_and_not_the_conversation(
    make_site: SiteMaker,
    people: Callable[..., Person],
    upstream: Upstream,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Its entry says that it sees, and it does not."""
    understand_images(monkeypatch)
    file = tmp_path_factory.mktemp("models") / "models.toml"
    file.write_text('[models."openai/tiny"]\nsees_images = true\n')
    site = await make_site(MODELS_FILE=str(file))
    await looked(site)
    ada = people(site)
    await ada.register()
    upstream.will(Answer(status=400, error=BLIND))

    sent = await ada.send("What is this?", attachment=await uploaded(ada, "tree.png", photo()))
    refused = await ended(ada, reply_of(sent))
    shown = upstream.asked[-1]["messages"][-1]["content"]
    later = await ada.send("Never mind. And this?", conversation_of(sent))

    assert refused == ("failed", "This model cannot see images. Try one that does, or ask without.")
    assert [part["type"] for part in shown] == ["image_url", "text"]
    assert await ended(ada, reply_of(later)) == ("complete", "")
    assert all(type(each["content"]) is str for each in upstream.asked[-1]["messages"])
