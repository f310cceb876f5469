"""The messages wire: what is asked, what the events mean, and the official client beside ours."""

import json
from dataclasses import replace

import aiohttp
import anthropic
import pytest
from anthropic.types import Message
from llmock.pytest_plugin import LLMock

from chat.providers.anthropic import Anthropic
from chat.providers.domain import (
    CONTINUE,
    Done,
    Echo,
    ReasoningDelta,
    TextDelta,
    Turn,
    Usage,
)
from chat.providers.http import session
from tests.providers.embedded_child import answer_of, installed, socket_of
from tests.providers.spoken import asked, block, event, said, started, stopped
from tests.providers.wire import FAST, Upstream, failed, text_of, thought_of, told

# An answer with everything in it, as the service tells it: thoughts with their signature, hidden
# thoughts, text, a call.
WHOLE = b"".join(
    [
        started(cache_read_input_tokens=100, cache_creation_input_tokens=20),
        event("ping"),
        block(
            {"type": "thinking_delta", "thinking": "So "},
            {"type": "thinking_delta", "thinking": "then."},
            {"type": "signature_delta", "signature": "c2lnbmVk"},
            type="thinking",
            thinking="",
            signature="",
        ),
        block(index=1, type="redacted_thinking", data="b3BhcXVl"),
        block(
            {"type": "text_delta", "text": "Olá"},
            {"type": "text_delta", "text": ", você 🙂"},
            index=2,
            type="text",
            text="",
        ),
        block(
            {"type": "input_json_delta", "partial_json": "{}"},
            index=3,
            type="tool_use",
            id="toolu_1",
            name="look",
            input={},
        ),
        stopped(output_tokens=40, output_tokens_details={"thinking_tokens": 30}),
        event("message_stop"),
    ]
)

ECHO = (
    '[{"type":"thinking","thinking":"So then.","signature":"c2lnbmVk"},'
    '{"type":"redacted_thinking","data":"b3BhcXVl"}]'
)


@pytest.fixture
def provider(upstream: Upstream, http: aiohttp.ClientSession) -> Anthropic:
    return Anthropic("anthropic", "Anthropic", upstream.url, "key-1", http, limits=FAST)


async def theirs(upstream: Upstream) -> Message:
    """What the official client makes of the next answer."""
    url = upstream.url.removesuffix("/v1")
    async with (
        anthropic.AsyncAnthropic(base_url=url, api_key="key-1", max_retries=0) as client,
        client.messages.stream(
            model="m1", max_tokens=99, messages=[{"role": "user", "content": "Hello"}]
        ) as stream,
    ):
        return await stream.get_final_message()


async def test_the_request_says_what_was_asked(upstream: Upstream, provider: Anthropic) -> None:
    upstream.answer(WHOLE)

    await told(provider, replace(asked("What?", max_output=99), system="Be kind."))

    assert upstream.bodies == [
        {
            "model": "m1",
            "max_tokens": 99,
            "system": "Be kind.",
            "messages": [{"role": "user", "content": "What?"}],
            "stream": True,
            "cache_control": {"type": "ephemeral"},
        }
    ]
    head = upstream.heads[0].lower()
    assert head.startswith("post /v1/messages ")
    assert "x-api-key: key-1" in head and "anthropic-version: 2023-06-01" in head


async def test_the_address_may_be_given_with_and_without_its_version(
    upstream: Upstream, http: aiohttp.ClientSession
) -> None:
    for url in (upstream.url, upstream.url.removesuffix("/v1"), f"{upstream.url}/"):
        upstream.answer(WHOLE)
        await told(Anthropic("a", "A", url, "", http, limits=FAST), asked())

    assert {head.split()[1] for head in upstream.heads} == {"/v1/messages"}
    assert "x-api-key" not in upstream.heads[0].lower()


async def test_blank_turns_are_left_out_and_a_begun_answer_is_asked_for_in_words(
    upstream: Upstream, provider: Anthropic
) -> None:
    upstream.answer(WHOLE)
    turns = (Turn("user", "A"), Turn("user", " \n"), Turn("assistant", "It is "))

    await told(provider, replace(asked(), turns=turns))

    body = upstream.bodies[0]
    assert [turn["content"] for turn in body["messages"]] == ["A", "It is ", CONTINUE]
    assert body["max_tokens"] == 4096 and "system" not in body


async def test_a_limit_beyond_the_models_is_lowered_once_and_remembered(
    upstream: Upstream, provider: Anthropic
) -> None:
    words = "max_tokens: 64000 > 8192, which is the maximum allowed number of output tokens"
    refusal = {"type": "error", "error": {"type": "invalid_request_error", "message": words}}
    upstream.answer(json.dumps(refusal).encode(), status=400)
    for _ in range(2):
        upstream.answer(WHOLE)

    for _ in range(2):
        await told(provider, asked(max_output=64_000))

    assert [body["max_tokens"] for body in upstream.bodies] == [64_000, 4_096, 4_096]


async def test_a_server_that_knows_no_cache_is_asked_without_once_and_remembered(
    upstream: Upstream, provider: Anthropic
) -> None:
    words = "cache_control: Extra inputs are not permitted"
    refusal = {"type": "error", "error": {"type": "invalid_request_error", "message": words}}
    upstream.answer(json.dumps(refusal).encode(), status=400)
    for _ in range(2):
        upstream.answer(WHOLE)

    for _ in range(2):
        await told(provider, asked())

    assert ["cache_control" in body for body in upstream.bodies] == [True, False, False]


async def test_a_question_beyond_the_window_says_so_and_is_asked_once(
    upstream: Upstream, provider: Anthropic
) -> None:
    words = "input length and `max_tokens` exceed context limit: 190000 + 32000 > 200000"
    refusal = {"type": "error", "error": {"type": "invalid_request_error", "message": words}}
    upstream.answer(json.dumps(refusal).encode(), status=400)

    assert (await failed(provider, asked(max_output=32_000)))[1].kind == "context"
    assert len(upstream.bodies) == 1


async def test_usage_counts_what_was_read_from_and_written_to_the_cache(
    upstream: Upstream, provider: Anthropic
) -> None:
    upstream.answer(WHOLE)

    assert await told(provider, asked()) == [
        ReasoningDelta("So "),
        ReasoningDelta("then."),
        Echo(ECHO),
        TextDelta("Olá"),
        TextDelta(", você 🙂"),
        Usage(input=129, output=40, cached=100, reasoning=30, written=20),
        Done("stop"),
    ]


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "filter"),
        ("tool_use", "tool"),
        ("pause_turn", "other"),
        ("something_new", "other"),
    ],
)
async def test_the_reason_is_told_in_our_words(
    upstream: Upstream, provider: Anthropic, reason: str, word: str
) -> None:
    upstream.answer(said("A"), stopped(reason))

    last = (await told(provider, asked()))[-1]
    assert isinstance(last, Done) and last.reason == word


@pytest.mark.parametrize(
    ("kind", "ours"),
    [
        ("invalid_request_error", "bad_request"),
        ("authentication_error", "auth"),
        ("billing_error", "billing"),
        ("permission_error", "auth"),
        ("not_found_error", "not_found"),
        ("request_too_large", "context"),
        ("rate_limit_error", "rate_limit"),
        ("timeout_error", "timeout"),
        ("api_error", "overloaded"),
        ("overloaded_error", "overloaded"),
    ],
)
async def test_an_error_event_is_a_typed_error_after_the_text(
    upstream: Upstream, provider: Anthropic, kind: str, ours: str
) -> None:
    error = event("error", error={"type": kind, "message": "words"})
    upstream.answer(started(), said("A"), error)

    text, fault = await failed(provider, asked())

    assert (text, fault.kind) == ("A", ours)


async def test_the_official_client_reads_the_same_from_the_same_stream(
    upstream: Upstream, provider: Anthropic
) -> None:
    """So our stand-in speaks the real wire."""
    upstream.answer(WHOLE)
    upstream.answer(WHOLE)
    events = await told(provider, asked())

    message = await theirs(upstream)

    thinking, hidden, text, call = message.content
    assert call.type == "tool_use"
    assert thinking.type == "thinking" and thinking.thinking == thought_of(events)
    assert hidden.type == "redacted_thinking" and text.type == "text"
    assert text.text == text_of(events)
    assert (message.stop_reason, events[-1]) == ("end_turn", Done("stop"))
    read = message.usage
    counted = read.input_tokens + (read.cache_read_input_tokens or 0)
    counted += read.cache_creation_input_tokens or 0
    assert events[-2] == Usage(counted, read.output_tokens, 100, 30, 20)
    assert upstream.heads[1].split()[:2] == upstream.heads[0].split()[:2]


async def test_the_official_client_fails_on_the_same_error_event(
    upstream: Upstream, provider: Anthropic
) -> None:
    error = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    for _ in range(2):
        upstream.answer(started(), said("A"), error)

    assert (await failed(provider, asked()))[1].kind == "overloaded"
    with pytest.raises(anthropic.APIStatusError, match="overloaded_error"):
        await theirs(upstream)


async def test_the_official_client_hears_the_same_from_a_server_of_others(
    llmock: LLMock, http: aiohttp.ClientSession
) -> None:
    llmock.reply("The same words for both.", times=2)
    url = llmock.base_url("anthropic")
    events = await told(Anthropic("a", "A", url, "key-for-tests", http), asked())

    async with anthropic.AsyncAnthropic() as client:
        message = await client.messages.create(
            model="m1", max_tokens=4096, messages=[{"role": "user", "content": "Hello"}]
        )
        known = {model.own_id for model in await Anthropic("a", "A", url, "k", http).models()}
        listed = {model.id async for model in client.models.list()}
    (block,) = message.content
    assert block.type == "text" and block.text == text_of(events)
    assert Usage(message.usage.input_tokens, message.usage.output_tokens) in events
    assert known == listed != set()


@pytest.mark.model
async def test_a_real_model_answers_under_llama_cpp() -> None:
    """A server nobody here wrote, which counts what it had cached apart."""
    child = installed()
    try:
        await answer_of(child, "Say hello.")
        async with session(aiohttp.UnixConnector(socket_of(child.pid), force_close=True)) as http:
            ours = Anthropic("a", "A", "http://embedded", "", http)
            events = await told(ours, asked("What is the sea?", max_output=24))
            cut = await told(ours, asked("Tell a long story.", max_output=4))
            _, error = await failed(ours, asked("word " * 3000))
            offered = await ours.models()
    finally:
        await child.close()

    usage = events[-2]
    assert isinstance(usage, Usage) and usage.input > 5 and 0 < usage.output <= 24
    assert text_of(events).strip()
    assert (cut[-1], error.kind) == (Done("length"), "context")
    assert [model.context > 0 for model in offered] == [True]
