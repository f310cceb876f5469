"""What the picker offers, while endpoints come and go."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from chat import settings
from chat.providers import known
from chat.providers.catalog import Catalog
from chat.providers.declared import declared
from chat.providers.domain import Done, Event, Model, Price, Prompt, ProviderError
from chat.providers.http import Limits
from chat.providers.kept import KeptList
from chat.providers.offer import Group, Offer
from chat.providers.presets import configured, ollama_url, places
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


class Kept:
    """A shelf; the one of the database is tested with the picker."""

    def __init__(self, *, broken: bool = False) -> None:
        self.rows: dict[str, KeptList] = {}
        self.broken = broken
        self.writes = 0

    async def lists(self) -> list[KeptList]:
        if self.broken:
            raise OSError("no shelf")
        return list(self.rows.values())

    async def keep(self, kept: KeptList) -> None:
        self.writes += 1
        if self.broken:
            raise OSError("no shelf")
        self.rows[kept.endpoint] = kept


@asynccontextmanager
async def catalog(
    env: dict[str, str],
    embedded: Embedded | None = None,
    *,
    again: float = 60,
    shelf: Kept | None = None,
    models: float = 10,
) -> AsyncIterator[Catalog]:
    read = settings.read(env)
    made = Catalog(
        read,
        embedded,
        declared=declared(read),
        shelf=shelf,
        limits=Limits(models=models),
        again=(again,),
    )
    await made.start()
    try:
        yield made
    finally:
        await made.close()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 (the catalog has no event to wait for: nobody waits for it)
            await asyncio.sleep(0.01)


def listing(*ids: str) -> bytes:
    return json.dumps({"data": [{"id": own_id} for own_id in ids]}).encode()


def ids(made: Catalog) -> list[str]:
    return [model.id for group in made.offer().groups for model in group.models]


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
        assert [group.label for group in made.offer().groups] == [
            "127.0.0.1",
            "On this machine",
            "Guide",
        ]
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
    async with catalog({"OPENAI_BASE_URL": upstream.url}, Embedded(), models=0.3) as made:
        await until(lambda: "embedded/small" in ids(made))
        assert made.trouble() == {}
        await until(lambda: made.trouble() == {"openai": "timeout"})
    await asyncio.wait_for(upstream.left.wait(), 20)


async def test_the_list_outlives_the_process(upstream: Upstream) -> None:
    shelf = Kept()
    upstream.answer(listing("m1", "m2"))
    async with catalog({"OPENAI_BASE_URL": upstream.url}, shelf=shelf) as made:
        await until(lambda: bool(shelf.rows))
        first = made.offer()

    upstream.answer(None)
    async with catalog({"OPENAI_BASE_URL": upstream.url}, shelf=shelf, models=0.3) as made:
        assert made.offer().groups == first.groups
        assert made.find("openai/other") is None
        await until(lambda: made.trouble() == {"openai": "timeout"})
        assert made.offer().groups[0] == replace(first.groups[0], trouble="timeout")


async def test_a_list_is_written_when_it_is_another_one(upstream: Upstream) -> None:
    shelf = Kept()
    for models in (["m1"], ["m1"], ["m1", "m2"]):
        upstream.answer(listing(*models))
    async with catalog({"OPENAI_BASE_URL": upstream.url}, shelf=shelf) as made:
        await until(lambda: shelf.writes == 1)
        before = made.offer()
        await made.refresh()
        assert (shelf.writes, made.offer()) == (1, before)
        await made.refresh()
        assert shelf.writes == 2
        assert ids(made) == ["openai/m1", "openai/m2", "guide/guide"]


@pytest.mark.parametrize(
    "kept",
    [
        KeptList("openai", "127.0.0.1", "["),
        KeptList("openai", "127.0.0.1", '[{"id": "openai/x", "colour": 1}]'),
        KeptList("openai", "elsewhere.example", "[]"),
        KeptList("gone", "127.0.0.1", "[]"),
    ],
)
async def test_a_kept_list_that_is_of_no_use_is_passed_over(
    upstream: Upstream, kept: KeptList
) -> None:
    shelf = Kept()
    shelf.rows[kept.endpoint] = kept
    upstream.answer(listing("m1"))
    async with catalog({"OPENAI_BASE_URL": upstream.url}, shelf=shelf) as made:
        assert made.find("openai/whatever")
        await until(lambda: "openai/m1" in ids(made))


async def test_a_broken_shelf_costs_the_list_alone(upstream: Upstream) -> None:
    shelf = Kept(broken=True)
    upstream.answer(listing("m1"))
    async with catalog({"OPENAI_BASE_URL": upstream.url}, shelf=shelf) as made:
        await until(lambda: shelf.writes == 1)
        assert ids(made) == ["openai/m1", "guide/guide"]
        shelf.broken = False
        upstream.answer(listing("m1"))
        await made.refresh()
        assert shelf.rows["openai"].label == "127.0.0.1"


async def test_the_operator_names_orders_prices_and_hides(
    upstream: Upstream, tmp_path: Path
) -> None:
    file = tmp_path / "models.toml"
    file.write_text("""
        [models."openai/c"]
        order = 1
        name = "See"
        price = { input = 1, output = 2 }
        [models."openai/a"]
        hidden = true
        [models."openai/absent"]
    """)
    env = {"OPENAI_BASE_URL": upstream.url, "MODELS_FILE": str(file)}
    upstream.answer(listing("a", "b", "c"))
    async with catalog(env) as made:
        assert made.find("openai/a") is None, "hidden also before it was listed"
        assert ids(made)[0] == "openai/c", "what is declared is offered until there is a list"
        await until(lambda: "openai/b" in ids(made))
        assert ids(made) == ["openai/c", "openai/b", "guide/guide"]
        assert made.find("openai/a") is None
        assert made.default().name == "See"
        assert made.default().price == Price(1_000_000, 1_000_000, 2_000_000)


async def test_an_endpoint_without_a_list_offers_what_is_declared(
    upstream: Upstream, tmp_path: Path
) -> None:
    file = tmp_path / "models.toml"
    file.write_text(f"""
        [endpoints.lab]
        wire = "openai"
        url = "{upstream.url}"
        discover = false
        [models."lab/one"]
    """)
    async with catalog({"MODELS_FILE": str(file)}) as made:
        await made.refresh()
        assert ids(made) == ["lab/one", "guide/guide"]
        assert made.find("lab/two") is None
        assert made.provider(made.default()).label == "lab"
    assert not upstream.heads


async def test_openrouters_list_tells_what_models_can_do_and_cost(upstream: Upstream) -> None:
    told = {
        "id": "a/b",
        "name": "A: B",
        "context_length": 1000,
        "architecture": {"input_modalities": ["text", "image"]},
        "supported_parameters": ["reasoning"],
        "pricing": {"prompt": "0.0000025", "completion": "0.00001", "input_cache_read": "1e-7"},
    }
    odd = [
        {"id": f"odd{number}", "pricing": pricing, "architecture": [], "supported_parameters": "x"}
        for number, pricing in enumerate(
            [{"prompt": "-1", "completion": "-1"}, {"prompt": "nan", "completion": "x"}, "free"]
        )
    ]
    upstream.answer(json.dumps({"data": [told, *odd]}).encode())
    async with catalog({"OPENAI_BASE_URL": upstream.url}) as made:
        await until(lambda: "openai/a/b" in ids(made))
        model = made.default()
        assert (model.sees, model.reasons, model.context) == (True, True, 1000)
        assert model.price == Price(2_500_000, 100_000, 10_000_000)
        others = made.offer().groups[0].models[1:]
        assert [(each.price, each.sees, each.reasons) for each in others] == [
            (None, False, False)
        ] * 3


async def test_what_is_prepared_of_an_offer_is_ready_before_it_is_offered(
    upstream: Upstream,
) -> None:
    """And a failure of that costs nobody the list."""
    seen: list[tuple[bool, list[str]]] = []

    async def prepare(found: Offer) -> None:
        await asyncio.sleep(0)
        seen.append((made.offer() is found, list(found.models)))
        raise OSError("no room")

    upstream.answer(listing("m1"))
    read = settings.read({"OPENAI_BASE_URL": upstream.url})
    made = Catalog(read, limits=Limits(models=10), again=(60,), prepare=prepare)
    await made.start()
    try:
        await until(lambda: "openai/m1" in ids(made))
    finally:
        await made.close()

    assert seen == [(False, ["guide/guide"]), (False, ["openai/m1", "guide/guide"])]


async def test_a_model_can_be_asked_before_its_list_is_ready_to_be_shown(
    upstream: Upstream,
) -> None:
    """Whoever sends in this moment has chosen it from an older page, or from a kept list."""
    ready = asyncio.Event()

    async def prepare(found: Offer) -> None:
        if "openai/m1" in found.models:
            shown.append(made.find("openai/m1"))
            unknown.append(made.find("openai/m2"))
            ready.set()

    shown, unknown = list[Model | None](), list[Model | None]()
    upstream.answer(listing("m1"))
    read = settings.read({"OPENAI_BASE_URL": upstream.url})
    made = Catalog(read, limits=Limits(models=10), again=(60,), prepare=prepare)
    await made.start()
    try:
        await asyncio.wait_for(ready.wait(), 20)
        await until(lambda: "openai/m1" in ids(made))
        assert shown == [made.find("openai/m1")]
        assert unknown == [None]
    finally:
        await made.close()


async def test_close_ends_a_look_that_is_under_way(upstream: Upstream) -> None:
    upstream.answer(None)
    embedded = Embedded()
    async with catalog({"OPENAI_BASE_URL": upstream.url}, embedded):
        await asyncio.wait_for(upstream.asked.wait(), 20)
    await asyncio.wait_for(upstream.left.wait(), 20)
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


async def test_services_at_one_address_are_told_apart(http: aiohttp.ClientSession) -> None:
    """A gateway speaks several wires: whose models, and which key, must be seen."""
    one, other = "https://gate.example/v1", "https://other.example"
    env = {"OPENAI_BASE_URL": one, "ANTHROPIC_BASE_URL": one, "GEMINI_BASE_URL": other}
    found = configured(settings.read(env), http, Limits())
    shown = {
        each.key: each.label for each in places(settings.read(env), declared(settings.read({})))
    }

    assert [each.label for each in found] == [
        "OpenAI (gate.example)",
        "Anthropic (gate.example)",
        "other.example",
    ]
    assert shown == {each.key: each.label for each in found} | {"openrouter": "OpenRouter"}


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
                sees=True,
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
                sees=True,
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
        assert made.offer().groups[0] == Group("127.0.0.1", (model,))
    assert upstream.heads[0].startswith(f"GET {path} ") and header in upstream.heads[0]


async def test_a_model_that_was_never_listed_has_the_limits_we_know(upstream: Upstream) -> None:
    upstream.answer(b"no", status=500)
    async with catalog({"ANTHROPIC_BASE_URL": upstream.url}) as made:
        await until(lambda: bool(made.trouble()))
        model = made.find("anthropic/claude-3-5-sonnet-20241022")
        assert model and (model.context, model.max_output) == (200_000, 8_192)
        other = made.find("anthropic/elsewhere")
        assert other and (other.context, other.max_output) == (0, 0)
