"""The list of models that an endpoint gives, or fails to give."""

import json

import aiohttp
import pytest

from chat.providers import known
from chat.providers.anthropic import Anthropic
from chat.providers.domain import Model, ProviderError
from chat.providers.gemini import Gemini
from chat.providers.http import Limits
from chat.providers.listing import MAX_LIST, MAX_MODELS
from chat.providers.openai import OpenAI
from tests.providers.wire import Upstream


async def test_models_are_listed_with_what_each_kind_of_server_says_of_them(
    upstream: Upstream, http: aiohttp.ClientSession
) -> None:
    entries = [
        {"id": "llama", "meta": {"n_ctx": 2048}},
        {"id": "vllm", "max_model_len": 8192},
        {
            "id": "a/router",
            "name": "Router",
            "context_length": 9,
            "top_provider": {"max_completion_tokens": 5},
        },
        *({"id": own_id} for own_id in ("plain-7b", "plain-7b", "", 7, "new\nline")),
        "odd",
    ]
    upstream.answer(json.dumps({"data": entries}).encode(), headers="")
    provider = OpenAI("o", "O", upstream.url, "", http, notes={"plain": "A note"}, context=4096)

    assert await provider.models() == [
        Model("o/llama", "O", "llama", context=2048),
        Model("o/vllm", "O", "vllm", context=8192),
        Model("o/a/router", "O", "Router", context=9, max_output=5),
        Model("o/plain-7b", "O", "plain-7b", note="A note", context=4096),
    ]


async def test_claudes_are_listed_with_what_the_service_says_of_them(
    upstream: Upstream, http: aiohttp.ClientSession
) -> None:
    entries = [
        {
            "type": "model",
            "id": "claude-new",
            "display_name": "Claude New",
            "max_input_tokens": 1_000_000,
            "max_tokens": 128_000,
            "lifecycle": "active",
            "capabilities": {"thinking": {"supported": True}},
        },
        {"id": "claude-old", "lifecycle": "retired"},
        {"id": "claude-plain", "display_name": None, "capabilities": None},
        {"id": "local", "meta": {"n_ctx": 2048}},
        *({"id": own_id} for own_id in ("claude-plain", "", 7, "new\nline")),
        "odd",
    ]
    upstream.answer(json.dumps({"data": entries, "has_more": False}).encode(), headers="")
    provider = Anthropic("a", "A", upstream.url, "key-1", http, notes={"claude-n": "A note"})

    assert await provider.models() == [
        Model("a/claude-new", "A", "Claude New", "A note", 1_000_000, 128_000, reasons=True),
        Model("a/claude-plain", "A", "claude-plain"),
        Model("a/local", "A", "local", context=2048),
    ]
    assert upstream.heads[0].startswith("GET /v1/models?limit=1000 ")
    assert "anthropic-version: 2023-06-01" in upstream.heads[0]


async def test_geminis_that_write_are_listed_with_their_limits(
    upstream: Upstream, http: aiohttp.ClientSession
) -> None:
    writes = {"supportedGenerationMethods": ["generateContent", "countTokens"]}
    entries = [
        {
            "name": "models/gemini-new",
            "displayName": "Gemini New",
            "inputTokenLimit": 1_048_576,
            "outputTokenLimit": 65_536,
            "thinking": True,
            **writes,
        },
        {"name": "models/embedding-001", "supportedGenerationMethods": ["embedContent"]},
        {"name": "models/gemini-tts", **writes},
        {"name": "models/gemma", "displayName": 7, **writes},
        {"name": "models/odd", "supportedGenerationMethods": "generateContent"},
        *({"name": name, **writes} for name in ("models/gemma", "", None, "models/a\nb")),
        "odd",
    ]
    upstream.answer(json.dumps({"models": entries}).encode(), headers="")
    provider = Gemini(
        "g",
        "G",
        upstream.url,
        "",
        http,
        notes={"gemini-n": "A note"},
        keep=known.writes,
    )

    assert await provider.models() == [
        Model("g/gemini-new", "G", "Gemini New", "A note", 1_048_576, 65_536, reasons=True),
        Model("g/gemma", "G", "gemma"),
    ]
    assert upstream.heads[0].startswith("GET /v1/models?pageSize=1000 ")


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b"<html>", 200, "protocol"),
        (b"{}", 200, "protocol"),
        (b"[" * 100_000, 200, "protocol"),
        (b'{"data":[' + b" " * MAX_LIST + b"]}", 200, "protocol"),
        (b"no", 401, "auth"),
        (None, 200, "timeout"),
    ],
)
async def test_a_list_that_is_none_fails_by_kind(
    upstream: Upstream, http: aiohttp.ClientSession, body: bytes | None, status: int, kind: str
) -> None:
    upstream.answer(body, status=status)
    limits = Limits(models=10 if body else 0.5)
    provider = OpenAI("o", "O", upstream.url, "", http, limits=limits)

    with pytest.raises(ProviderError) as caught:
        await provider.models()

    assert caught.value.kind == kind


async def test_ten_thousand_models_may_be_described_at_length(
    upstream: Upstream, http: aiohttp.ClientSession
) -> None:
    """As OpenRouter does it, each takes a kilobyte and more."""
    listed = [{"id": f"m{number}", "description": "x" * 1_300} for number in range(MAX_MODELS)]
    upstream.answer(json.dumps({"data": listed}).encode(), headers="")

    limits = Limits(models=30)

    found = await OpenAI("o", "O", upstream.url, "", http, limits=limits).models()

    assert (len(found), found[-1].own_id) == (MAX_MODELS, f"m{MAX_MODELS - 1}")
