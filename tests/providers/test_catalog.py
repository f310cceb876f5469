"""What the picker offers, while endpoints come and go."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from chat import settings
from chat.providers import known
from chat.providers.catalog import Catalog, ollama_url
from chat.providers.domain import Done, Event, Model, Prompt, ProviderError
from chat.providers.http import Limits
from tests.providers.wire import Upstream

SMALL = Model("embedded/small", "On this machine", "Small")


class Embedded:
    """Stands where the child process stands; its wire is tested elsewhere."""

    key, label = "embedded", "On this machine"

    def warm(self) -> None: ...

    closed = False

    async def models(self) -> list[Model]:
        return [SMALL]

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        yield Done("stop")

    async def close(self) -> None:
        self.closed = True


@asynccontextmanager
async def catalog(
    env: dict[str, str], embedded: Embedded | None = None, *, again: float = 60
) -> AsyncIterator[Catalog]:
    made = Catalog(settings.read(env), embedded, limits=Limits(models=0.3), again=(again,))
    await made.start()
    try:
        yield made
    finally:
        await made.close()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(3):
        while not true():  # noqa: ASYNC110 (the catalog has no event to wait for: nobody waits for it)
            await asyncio.sleep(0.01)


def listing(*ids: str) -> bytes:
    return json.dumps({"data": [{"id": own_id} for own_id in ids]}).encode()


def ids(made: Catalog) -> list[str]:
    return [model.id for _, models in made.groups() for model in models]


async def test_with_nothing_configured_the_guide_alone_is_offered() -> None:
    async with catalog({}) as made:
        await made.refresh()
        assert ids(made) == ["guide/guide"]
        assert made.default().id == "guide/guide"
        assert made.provider(made.default()).label == "Guide"


async def test_models_are_found_in_the_background_in_the_order_of_worth(upstream: Upstream) -> None:
    upstream.answer(listing("b", "a"))
    async with catalog({"OPENAI_BASE_URL": upstream.url}, Embedded()) as made:
        assert ids(made) == ["embedded/small", "guide/guide"]
        await until(lambda: len(ids(made)) == 4)
        assert ids(made) == ["openai/b", "openai/a", "embedded/small", "guide/guide"]
        assert [label for label, _ in made.groups()] == ["127.0.0.1", "On this machine", "Guide"]
        assert made.default().id == "openai/b"
        assert made.trouble() == {}


async def test_the_embedded_model_is_the_choice_while_an_endpoint_is_down(
    upstream: Upstream,
) -> None:
    upstream.answer(b"no", status=503)
    async with catalog({"OLLAMA_HOST": upstream.url.removesuffix("/v1")}, Embedded()) as made:
        await until(lambda: bool(made.trouble()) and len(ids(made)) == 2)
        assert made.default() == SMALL
        assert made.trouble() == {"ollama": "overloaded"}
        assert made.find("ollama/llama3.2") == Model("ollama/llama3.2", "Ollama", "llama3.2")
        assert made.find("ollama/") is None
        assert made.find("nowhere/x") is None


async def test_an_endpoint_that_comes_up_is_found_again(upstream: Upstream) -> None:
    upstream.answer(b"no", status=500)
    upstream.answer(listing("llama3.2"))
    host = upstream.url.removesuffix("/v1")
    async with catalog({"OLLAMA_HOST": host}, again=0.05) as made:
        await until(lambda: "ollama/llama3.2" in ids(made))
        assert made.trouble() == {}
        assert made.default().context == 4096
        assert made.find("ollama/other") is None


async def test_an_endpoint_that_goes_down_keeps_its_models(upstream: Upstream) -> None:
    upstream.answer(listing("m1"))
    upstream.answer(b"no", status=401)
    async with catalog({"OPENAI_BASE_URL": upstream.url}) as made:
        await until(lambda: "openai/m1" in ids(made))
        await made.refresh()
        assert made.trouble() == {"openai": "auth"}
        assert "openai/m1" in ids(made)
        assert made.find("openai/m2") is None


async def test_an_endpoint_that_hangs_holds_nobody_up(upstream: Upstream) -> None:
    upstream.answer(None)
    async with catalog({"OPENAI_BASE_URL": upstream.url}, Embedded()) as made:
        await until(lambda: "embedded/small" in ids(made))
        assert made.trouble() == {}
        await until(lambda: made.trouble() == {"openai": "timeout"})
    await asyncio.wait_for(upstream.left.wait(), 1)


async def test_close_ends_a_look_that_is_under_way(upstream: Upstream) -> None:
    upstream.answer(None)
    embedded = Embedded()
    async with catalog({"OPENAI_BASE_URL": upstream.url}, embedded):
        await asyncio.wait_for(upstream.asked.wait(), 1)
    await asyncio.wait_for(upstream.left.wait(), 1)
    assert embedded.closed


async def test_a_model_of_no_endpoint_has_no_provider() -> None:
    async with catalog({}) as made:
        with pytest.raises(ProviderError) as caught:
            made.provider(Model("openai/x", "OpenAI", "x"))
        assert caught.value.kind == "not_found"


@pytest.mark.parametrize(
    ("own_id", "offered"),
    [
        ("gpt-4o", True),
        ("gpt-4o-mini-2024-07-18", True),
        ("o3", True),
        ("text-embedding-3-small", False),
        ("gpt-4o-mini-tts", False),
        ("whisper-1", False),
        ("gpt-image-1", False),
        ("omni-moderation-latest", False),
        ("gpt-3.5-turbo-instruct", False),
        ("o1-pro", False),
    ],
)
def test_only_models_that_chat_are_offered_of_openais(own_id: str, offered: bool) -> None:
    assert known.chats(own_id) is offered


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("http://box:11434", "http://box:11434/v1"),
        ("https://box/", "https://box/v1"),
        ("box", "http://box:11434/v1"),
        ("box:99", "http://box:99/v1"),
        (":99", "http://127.0.0.1:99/v1"),
        ("0.0.0.0", "http://127.0.0.1:11434/v1"),
        ("0.0.0.0:80", "http://127.0.0.1:80/v1"),
        ("[::1]:80", "http://[::1]:80/v1"),
    ],
)
def test_ollamas_address_is_read_as_ollama_reads_it(host: str, url: str) -> None:
    assert ollama_url(host) == url
