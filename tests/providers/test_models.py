"""The list of models that an endpoint gives, or fails to give."""

import json

import aiohttp
import pytest

from chat.providers.domain import Model, ProviderError
from chat.providers.http import Limits
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


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b"<html>", 200, "protocol"),
        (b"{}", 200, "protocol"),
        (b"[" * 100_000, 200, "protocol"),
        (b'{"data":[' + b" " * 5_000_000 + b"]}", 200, "protocol"),
        (b"no", 401, "auth"),
        (None, 200, "timeout"),
    ],
)
async def test_a_list_that_is_none_fails_by_kind(
    upstream: Upstream, http: aiohttp.ClientSession, body: bytes | None, status: int, kind: str
) -> None:
    upstream.answer(body, status=status)
    provider = OpenAI("o", "O", upstream.url, "", http, limits=Limits(models=0.5))

    with pytest.raises(ProviderError) as caught:
        await provider.models()

    assert caught.value.kind == kind
