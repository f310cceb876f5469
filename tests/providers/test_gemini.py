"""The generateContent wire: what is asked, what comes, and the official client beside ours."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest
from google import genai
from google.genai import errors, types
from llmock.pytest_plugin import LLMock

from chat.providers.domain import (
    CONTINUE,
    Done,
    Echo,
    Model,
    Prompt,
    ReasoningDelta,
    TextDelta,
    Turn,
    Usage,
)
from chat.providers.gemini import Gemini
from tests.providers.spoken import asked, candidate, data
from tests.providers.wire import FAST, Upstream, failed, text_of, told

# An answer with everything in it, as the service tells it: thoughts, their signature, counts that
# grow, a call, and the reason in the last chunk.
COUNTS = {"promptTokenCount": 9, "totalTokenCount": 9}
LAST = {
    "promptTokenCount": 9,
    "cachedContentTokenCount": 4,
    "candidatesTokenCount": 5,
    "thoughtsTokenCount": 30,
    "toolUsePromptTokenCount": 2,
    "totalTokenCount": 46,
}
WHOLE = (
    candidate({"text": "So then.", "thought": True}, usageMetadata=COUNTS, modelVersion="m1")
    + candidate({"text": "Olá", "thoughtSignature": "c2lnbmVk"}, {"text": ", você 🙂"})
    + candidate({"functionCall": {"name": "look", "args": {}}})
    + candidate({"text": ""}, finish="STOP", usageMetadata=LAST, responseId="r1")
)


@pytest.fixture
def provider(upstream: Upstream, http: aiohttp.ClientSession) -> Gemini:
    url = upstream.url.removesuffix("/v1")
    return Gemini("gemini", "Gemini", url, "key-1", http, limits=FAST)


# Of the official client's own making.
unwarned = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")


@asynccontextmanager
async def official(url: str) -> AsyncIterator[genai.client.AsyncClient]:
    options = types.HttpOptions(base_url=url, api_version="v1beta")
    async with genai.Client(api_key="key-1", http_options=options).aio as client:
        yield client


def refusal(message: str) -> bytes:
    error = {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}
    return json.dumps({"error": error}).encode()


async def test_the_request_says_what_was_asked(upstream: Upstream, provider: Gemini) -> None:
    upstream.answer(WHOLE)

    await told(provider, replace(asked("What?", max_output=99, reasons=True), system="Be kind."))

    assert upstream.bodies == [
        {
            "contents": [{"role": "user", "parts": [{"text": "What?"}]}],
            "systemInstruction": {"parts": [{"text": "Be kind."}]},
            "generationConfig": {
                "maxOutputTokens": 99,
                "thinkingConfig": {"includeThoughts": True},
            },
        }
    ]
    head = upstream.heads[0]
    assert head.startswith("POST /v1beta/models/m1:streamGenerateContent?alt=sse ")
    assert "x-goog-api-key: key-1" in head


async def test_an_answer_that_was_begun_is_gone_on_with_in_words(
    upstream: Upstream, provider: Gemini
) -> None:
    upstream.answer(WHOLE)
    turns = (Turn("user", "A"), Turn("user", ""), Turn("assistant", "It is"))

    await told(provider, replace(asked(), turns=turns))

    contents = upstream.bodies[0]["contents"]
    assert [turn["role"] for turn in contents] == ["user", "model", "user"]
    assert [turn["parts"][0]["text"] for turn in contents] == ["A", "It is", CONTINUE]
    assert "generationConfig" not in upstream.bodies[0]


async def test_a_models_name_cannot_lead_elsewhere(upstream: Upstream, provider: Gemini) -> None:
    upstream.answer(WHOLE)

    await told(provider, Prompt(Model("gemini/../a?b#c", "G", "x"), (Turn("user", "A"),)))

    path = upstream.heads[0].split()[1]
    assert path == "/v1beta/models/..%2Fa%3Fb%23c:streamGenerateContent?alt=sse"


@pytest.mark.parametrize(
    "message",
    [
        "Developer instruction is not enabled for models/gemma-3-27b-it",
        "Thinking is not enabled for this model: includeThoughts",
    ],
)
async def test_what_a_model_turns_down_is_not_sent_again(
    upstream: Upstream, provider: Gemini, message: str
) -> None:
    upstream.answer(refusal(message), status=400)
    for _ in range(2):
        upstream.answer(WHOLE)

    for _ in range(2):
        await told(provider, replace(asked("What?", reasons=True), system="Be kind."))

    system = ["systemInstruction" in body for body in upstream.bodies]
    thinks = ["generationConfig" in body for body in upstream.bodies]
    gone, there = (system, thinks) if message.startswith("Developer") else (thinks, system)
    assert (gone, there) == ([True, False, False], [True, True, True])
    said = "".join(part["text"] for part in upstream.bodies[-1]["contents"][0]["parts"])
    assert said == ("Be kind.\n\nWhat?" if gone is system else "What?")


async def test_thoughts_are_told_apart_and_counted_into_the_output(
    upstream: Upstream, provider: Gemini
) -> None:
    upstream.answer(WHOLE)

    assert await told(provider, asked()) == [
        ReasoningDelta("So then."),
        TextDelta("Olá"),
        TextDelta(", você 🙂"),
        Echo('[{"thoughtSignature":"c2lnbmVk","length":3,"after":8}]'),
        Usage(input=11, output=35, cached=4, reasoning=30),
        Done("stop"),
    ]


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "filter"),
        ("RECITATION", "filter"),
        ("PROHIBITED_CONTENT", "filter"),
        ("MALFORMED_FUNCTION_CALL", "tool"),
        ("OTHER", "other"),
        ("SOMETHING_NEW", "other"),
    ],
)
async def test_the_reason_is_told_in_our_words(
    upstream: Upstream, provider: Gemini, reason: str, word: str
) -> None:
    upstream.answer(candidate({"text": "A"}), candidate(finish=reason))

    last = (await told(provider, asked()))[-1]
    assert isinstance(last, Done) and last.reason == word


async def test_a_blocked_question_is_a_filtered_answer(
    upstream: Upstream, provider: Gemini
) -> None:
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": COUNTS}
    upstream.answer(data(blocked))

    assert await told(provider, asked()) == [Usage(input=9), Done("filter")]


async def test_an_unspecified_reason_ends_nothing(upstream: Upstream, provider: Gemini) -> None:
    upstream.answer(candidate({"text": "A"}, finish="FINISH_REASON_UNSPECIFIED"))

    text, error = await failed(provider, asked())

    assert (text, error.kind) == ("A", "truncated")


async def test_a_quota_is_waited_for_as_long_as_its_details_say(
    upstream: Upstream, provider: Gemini
) -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.2s"}]
    error = {"code": 429, "message": "quota", "status": "RESOURCE_EXHAUSTED", "details": details}
    upstream.answer(json.dumps([{"error": error}]).encode(), status=429)
    upstream.answer(WHOLE)

    assert text_of(await told(provider, asked())) == "Olá, você 🙂"
    assert len(upstream.bodies) == 2


@unwarned
async def test_the_official_client_reads_the_same_from_the_same_stream(
    upstream: Upstream, provider: Gemini
) -> None:
    """So our stand-in speaks the real wire."""
    upstream.answer(WHOLE)
    upstream.answer(WHOLE)
    ours = await told(provider, asked())

    thought = text = ""
    async with official(upstream.url.removesuffix("/v1")) as client:
        async for chunk in await client.models.generate_content_stream(model="m1", contents="Hi"):
            for part in (chunk.candidates or [])[0].content.parts:  # type: ignore[union-attr]  # there in ours
                if part.thought:
                    thought += part.text or ""
                else:
                    text += part.text or ""
            last = chunk

    assert (thought, text) == ("So then.", text_of(ours))
    assert last.candidates and last.candidates[0].finish_reason is types.FinishReason.STOP
    counts = last.usage_metadata
    assert counts and (counts.thoughts_token_count, counts.cached_content_token_count) == (30, 4)
    assert upstream.heads[1].split()[:2] == upstream.heads[0].split()[:2]


@unwarned
async def test_the_official_client_fails_on_the_same_error_in_several_lines(
    upstream: Upstream, provider: Gemini
) -> None:
    error = {"error": {"code": 503, "message": "Overloaded", "status": "UNAVAILABLE"}}
    for _ in range(2):
        upstream.answer(candidate({"text": "A"}), json.dumps(error, indent=2).encode() + b"\n")

    text, fault = await failed(provider, asked())
    assert (text, fault.kind, fault.status) == ("A", "overloaded", 503)

    with pytest.raises(errors.APIError) as caught:
        async with official(upstream.url.removesuffix("/v1")) as client:
            async for _ in await client.models.generate_content_stream(model="m1", contents="Hi"):
                pass
    assert caught.value.code == 503


@unwarned
async def test_the_official_client_hears_the_same_from_a_server_of_others(
    llmock: LLMock, http: aiohttp.ClientSession
) -> None:
    llmock.reply("The same words for both.", times=2)
    url = llmock.base_url("gemini")
    ours = Gemini("g", "G", url, "key-for-tests", http)
    events = await told(ours, asked())

    async with official(url) as client:
        answer = await client.models.generate_content(model="m1", contents="Hello")
        listed = {model.name async for model in await client.models.list()}
    ours_too = {f"models/{model.own_id}" for model in await ours.models()}

    counts = answer.usage_metadata
    assert answer.text == text_of(events) == "The same words for both."
    assert (
        counts
        and Usage(counts.prompt_token_count or 0, counts.candidates_token_count or 0) in events
    )
    assert ours_too == listed != set()
