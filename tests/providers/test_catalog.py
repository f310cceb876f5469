"""What the picker offers, while endpoints come and go."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest

from chat import settings
from chat.providers import known
from chat.providers.catalog import Catalog
from chat.providers.domain import Done, Event, Model, Prompt, ProviderError
from chat.providers.http import Limits
from chat.providers.presets import configured, ollama_url
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
    ("own_id", "offered"),
    [
        ("gemini-2.5-pro", True),
        ("gemini-3-flash-preview", True),
        ("gemma-3-27b-it", True),
        ("gemini-2.5-flash-preview-tts", False),
        ("gemini-2.5-flash-image", False),
        ("gemini-2.5-flash-native-audio-latest", False),
        ("gemini-robotics-er-1.5-preview", False),
        ("gemini-2.5-computer-use-preview-10-2025", False),
    ],
)
def test_only_models_that_write_are_offered_of_googles(own_id: str, offered: bool) -> None:
    assert known.writes(own_id) is offered


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


async def test_every_key_connects_its_service_at_its_own_address(
    http: aiohttp.ClientSession,
) -> None:
    keys = "OPENAI ANTHROPIC GEMINI OPENROUTER".split()
    env = {f"{name}_API_KEY": f"key-{name}" for name in keys} | {"OLLAMA_HOST": "box"}

    found = configured(settings.read(env), http, Limits())

    assert [(provider.key, provider.label) for provider in found] == [
        ("openai", "OpenAI"),
        ("anthropic", "Anthropic"),
        ("gemini", "Gemini"),
        ("openrouter", "OpenRouter"),
        ("ollama", "Ollama"),
    ]
    assert configured(settings.read({}), http, Limits()) == []


@pytest.mark.parametrize(
    ("name", "body", "path", "header", "model"),
    [
        (
            "anthropic",
            {"data": [{"id": "claude-opus-4-1-20250805", "display_name": "Claude Opus 4.1"}]},
            "/v1/models?limit=1000",
            "x-api-key: key-1",
            Model(
                "anthropic/claude-opus-4-1-20250805",
                "127.0.0.1",
                "Claude Opus 4.1",
                "Thinks long, for hard technical questions",
                200_000,
                32_000,
            ),
        ),
        (
            "gemini",
            {
                "models": [
                    {
                        "name": f"models/gemini-2.5-{kind}",
                        "supportedGenerationMethods": ["generateContent"],
                    }
                    for kind in ("flash-image", "flash-preview-tts", "pro")
                ]
            },
            "/v1/models?pageSize=1000",
            "x-goog-api-key: key-1",
            Model(
                "gemini/gemini-2.5-pro",
                "127.0.0.1",
                "gemini-2.5-pro",
                "Careful with instructions, reads long texts",
                1_048_576,
            ),
        ),
    ],
)
async def test_an_address_of_ones_own_is_asked_on_the_services_wire(
    upstream: Upstream, name: str, body: object, path: str, header: str, model: Model
) -> None:
    upstream.answer(json.dumps(body).encode(), headers="")
    env = {f"{name.upper()}_BASE_URL": upstream.url, f"{name.upper()}_API_KEY": "key-1"}
    async with catalog(env) as made:
        await until(lambda: made.default().id != "guide/guide")
        assert made.groups()[0] == ("127.0.0.1", (model,))
    assert upstream.heads[0].startswith(f"GET {path} ") and header in upstream.heads[0]


async def test_a_model_that_was_never_listed_has_the_limits_we_know(upstream: Upstream) -> None:
    upstream.answer(b"no", status=500)
    async with catalog({"ANTHROPIC_BASE_URL": upstream.url}) as made:
        await until(lambda: bool(made.trouble()))
        model = made.find("anthropic/claude-3-5-sonnet-20241022")
        assert model and (model.context, model.max_output) == (200_000, 8_192)
        other = made.find("anthropic/elsewhere")
        assert other and (other.context, other.max_output) == (0, 0)
