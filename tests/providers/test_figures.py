"""Instructions, temperature and length as they reach each wire, beside the official clients."""

import json
from collections.abc import Callable
from typing import Any

import aiohttp
import anthropic
import openai
import pytest
from google.genai import types
from llmock.pytest_plugin import LLMock

from chat.providers.anthropic import LEAST_OUTPUT, Anthropic
from chat.providers.domain import Model, Prompt, Turn
from chat.providers.gemini import Gemini
from chat.providers.openai import OpenAI
from tests.providers.test_gemini import official, unwarned
from tests.providers.wire import FAST, Upstream, failed, told

SYSTEM = "You are a vet in Évora."


def prompt(temperature: float | None = 0.3, max_output: int = 77, limit: int = 0) -> Prompt:
    model = Model("a/m1", "Ordered", "m1", max_output=limit)
    return Prompt(model, (Turn("user", "Hello"),), SYSTEM, temperature, max_output)


def bodies(llmock: LLMock) -> list[dict[str, Any]]:
    return [record.body for record in llmock.requests if record.method == "POST"]


async def test_openais_client_sends_them_as_we_do(
    llmock: LLMock, http: aiohttp.ClientSession
) -> None:
    await told(OpenAI("o", "O", llmock.base_url(), "key-for-tests", http), prompt())
    async with openai.AsyncOpenAI() as client:
        stream = await client.chat.completions.create(
            model="m1",
            messages=[{"role": "system", "content": SYSTEM}, {"role": "user", "content": "Hello"}],
            temperature=0.3,
            max_tokens=77,
            stream=True,
            stream_options={"include_usage": True},
        )
        _ = [chunk async for chunk in stream]

    ours, theirs = bodies(llmock)
    assert ours == theirs


async def test_anthropics_client_sends_them_as_we_do(
    llmock: LLMock, http: aiohttp.ClientSession
) -> None:
    await told(Anthropic("a", "A", llmock.base_url("anthropic"), "key-for-tests", http), prompt())
    async with anthropic.AsyncAnthropic() as client:
        stream = await client.messages.create(
            model="m1",
            system=SYSTEM,
            messages=[{"role": "user", "content": "Hello"}],
            max_tokens=77,
            extra_body={"temperature": 0.3},  # models before Opus 4.7 take it, its client none
            stream=True,
        )
        _ = [event async for event in stream]

    ours, theirs = bodies(llmock)
    figures = ("model", "system", "messages", "max_tokens", "temperature", "stream")
    assert {name: ours[name] for name in figures} == {name: theirs[name] for name in figures}


@unwarned
async def test_googles_client_sends_them_as_we_do(
    llmock: LLMock, http: aiohttp.ClientSession
) -> None:
    url = llmock.base_url("gemini")
    await told(Gemini("g", "G", url, "key-for-tests", http), prompt())
    async with official(url) as client:
        config = types.GenerateContentConfig(
            system_instruction=SYSTEM, temperature=0.3, max_output_tokens=77
        )
        stream = await client.models.generate_content_stream(
            model="m1", contents="Hello", config=config
        )
        _ = [chunk async for chunk in stream]

    ours, theirs = bodies(llmock)
    assert ours["generationConfig"] == theirs["generationConfig"]
    (mine,), (its,) = ours["systemInstruction"]["parts"], theirs["systemInstruction"]["parts"]
    assert mine["text"] == its["text"] == SYSTEM


Make = Callable[[str, aiohttp.ClientSession], Any]
WIRES: dict[str, Make] = {
    "openai": lambda url, http: OpenAI("a", "A", url, "", http, limits=FAST),
    "anthropic": lambda url, http: Anthropic("a", "A", url, "", http, limits=FAST),
    "gemini": lambda url, http: Gemini("a", "A", url, "", http, limits=FAST),
}


def figures(body: dict[str, Any]) -> tuple[object, object]:
    """The temperature and the longest answer that a body asks for, on whatever wire."""
    found = body.get("generationConfig", body)
    names = ("max_tokens", "max_completion_tokens", "maxOutputTokens")
    longest = next((found[name] for name in names if name in found), None)
    return found.get("temperature"), longest


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("wanted", "limit", "sent"), [(77, 50, 50), (77, 500, 77), (0, 500, 500), (77, 0, 77)]
)
async def test_the_smaller_of_the_wish_and_the_models_limit_is_sent(
    upstream: Upstream, http: aiohttp.ClientSession, wire: str, wanted: int, limit: int, sent: int
) -> None:
    upstream.answer(b"", status=418)
    await failed(WIRES[wire](upstream.url, http), prompt(None, wanted, limit))

    assert figures(upstream.bodies[0]) == (None, sent)


async def test_claude_is_never_hotter_than_it_can_be(
    upstream: Upstream, http: aiohttp.ClientSession
) -> None:
    upstream.answer(b"", status=418)
    await failed(WIRES["anthropic"](upstream.url, http), prompt(1.7))

    assert figures(upstream.bodies[0])[0] == 1.0


def refusal(message: str) -> bytes:
    error = {"message": message, "type": "invalid_request_error", "status": "INVALID_ARGUMENT"}
    return json.dumps({"error": error}).encode()


@pytest.mark.parametrize("wire", WIRES)
async def test_a_temperature_that_a_model_does_not_take_is_left_out_from_then_on(
    upstream: Upstream, http: aiohttp.ClientSession, wire: str
) -> None:
    provider = WIRES[wire](upstream.url, http)
    upstream.answer(refusal("`temperature` is not supported by this model"), status=400)
    for _ in range(3):
        upstream.answer(b"", status=418)
    await failed(provider, prompt())
    await failed(provider, prompt())
    await failed(provider.with_key("of-somebody-s-own"), prompt())

    assert [figures(body) for body in upstream.bodies] == [(0.3, 77), *[(None, 77)] * 3]
    assert "of-somebody-s-own" in upstream.heads[-1]
    assert not any("of-somebody-s-own" in head for head in upstream.heads[:-1])


async def test_claude_says_deprecated_where_it_means_refused(
    upstream: Upstream, http: aiohttp.ClientSession
) -> None:
    """As Opus 4.7 and later say it, whatever the value."""
    provider = WIRES["anthropic"](upstream.url, http)
    upstream.answer(refusal("`temperature` is deprecated for this model."), status=400)
    for _ in range(2):
        upstream.answer(b"", status=418)
    await failed(provider, prompt(1))
    await failed(provider, prompt(1))

    assert [figures(body)[0] for body in upstream.bodies] == [1, None, None]


LENGTHS = {
    "openai": "max_tokens is too large: 99999. This model supports at most 8192 tokens",
    "anthropic": "max_tokens: 99999 > 8192, which is the maximum allowed number",
    "gemini": "it has a maxOutputTokens value of 99999 but the supported range is from 1 to 8193",
}


@pytest.mark.parametrize("wire", WIRES)
async def test_one_person_s_length_out_of_range_decides_nothing_for_others(
    upstream: Upstream, http: aiohttp.ClientSession, wire: str
) -> None:
    provider = WIRES[wire](upstream.url, http)
    upstream.answer(refusal(LENGTHS[wire]), status=400)
    if wire == "openai":  # by its other name too
        upstream.answer(refusal(f"max_completion_tokens, {LENGTHS[wire]}"), status=400)
    for _ in range(2):
        upstream.answer(b"", status=418)
    await failed(provider, prompt(None, 99_999))
    mended = upstream.bodies[-1]
    await failed(provider, prompt(None, 100))

    assert figures(mended) == (None, LEAST_OUTPUT if wire == "anthropic" else None)
    assert figures(upstream.bodies[-1]) == (None, 100)
