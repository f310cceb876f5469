"""The chat-completions wire over real connections: asking, adapting, stopping, waiting."""

import asyncio
import json
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from pathlib import Path

import aiohttp
import openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llmock.pytest_plugin import LLMock

from chat.providers.domain import (
    CONTINUE,
    Done,
    Event,
    ProviderError,
    TextDelta,
    Turn,
    Usage,
)
from chat.providers.http import Limits, drain, session
from chat.providers.openai import OpenAI
from tests.providers.wire import (
    DONE,
    END,
    FAST,
    Upstream,
    failed,
    frame,
    prompt,
    text_of,
    told,
)

HI = frame({"content": "Hi"})


def refusal(message: str) -> bytes:
    return json.dumps({"error": {"message": message, "type": "invalid_request_error"}}).encode()


async def test_the_request_says_what_was_asked(upstream: Upstream, provider: OpenAI) -> None:
    upstream.answer(HI, END)

    events = await told(provider, prompt("What?", system="Be kind.", max_output=99))

    assert events == [TextDelta("Hi"), Done("stop")]
    assert upstream.bodies == [
        {
            "model": "m1",
            "messages": [
                {"role": "system", "content": "Be kind."},
                {"role": "user", "content": "What?"},
            ],
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": 99,
        }
    ]
    assert "accept-encoding: identity" in upstream.heads[0].lower()
    assert "authorization" not in upstream.heads[0].lower()


async def test_an_answer_that_was_begun_is_gone_on_with(
    upstream: Upstream, http: aiohttp.ClientSession
) -> None:
    """llama.cpp goes on behind an assistant's turn; the others would begin a new answer."""
    begun = replace(prompt("What?"), turns=(Turn("user", "What?"), Turn("assistant", "It is")))
    for goes_on in (False, True):
        upstream.answer(HI, END)
        provider = OpenAI("o", "O", upstream.url, "", http, limits=FAST, goes_on=goes_on)
        await told(provider, begun)

    words, prefilled = (body["messages"] for body in upstream.bodies)
    assert [turn["content"] for turn in words] == ["What?", "It is", CONTINUE]
    assert [turn["role"] for turn in words] == ["user", "assistant", "user"]
    assert prefilled == words[:2]


@pytest.mark.parametrize(
    ("message", "gone", "there"),
    [
        ("Unknown field: stream_options", "stream_options", "max_tokens"),
        ("Not 'max_tokens': use 'max_completion_tokens'", "max_tokens", "max_completion_tokens"),
        ("temperature does not support 0.2 with this model", "temperature", "stream_options"),
    ],
)
async def test_a_parameter_that_is_turned_down_is_not_sent_again(
    upstream: Upstream, http: aiohttp.ClientSession, message: str, gone: str, there: str
) -> None:
    provider = OpenAI("o", "O", upstream.url, "", http, extra={"temperature": 0.2})
    upstream.answer(refusal(message), status=400)
    upstream.answer(HI, END)
    upstream.answer(HI, END)

    for _ in range(2):
        await told(provider, prompt(max_output=99))

    assert [gone in body for body in upstream.bodies] == [True, False, False]
    assert there in upstream.bodies[2]


async def test_system_text_moves_into_the_question_where_the_role_is_unknown(
    upstream: Upstream, provider: OpenAI
) -> None:
    upstream.answer(refusal("System role not supported"), status=400)
    upstream.answer(HI, END)

    await told(provider, prompt("What?", system="Be kind."))

    assert upstream.bodies[1]["messages"] == [{"role": "user", "content": "Be kind.\n\nWhat?"}]


async def test_a_parameter_that_is_always_turned_down_is_an_error(
    upstream: Upstream, provider: OpenAI
) -> None:
    for _ in range(4):
        upstream.answer(refusal("max_tokens max_completion_tokens stream_options"), status=422)

    _, error = await failed(provider, prompt(max_output=9))

    assert error.kind == "bad_request"
    assert len(upstream.bodies) == 3


async def test_stop_closes_the_connection_in_the_middle(
    upstream: Upstream, provider: OpenAI
) -> None:
    upstream.answer(HI, None)
    async with aclosing(provider.stream(prompt())) as events:
        assert await anext(events) == TextDelta("Hi")

    await asyncio.wait_for(upstream.left.wait(), 20)


@pytest.mark.parametrize("silent", [True, False], ids=["before headers", "before the first event"])
async def test_stop_closes_the_connection_before_anything_came(
    upstream: Upstream, provider: OpenAI, silent: bool
) -> None:
    upstream.answer(None, silent=silent)
    task = asyncio.create_task(told(provider))
    await asyncio.wait_for(upstream.asked.wait(), 20)

    task.cancel()

    await asyncio.wait_for(upstream.left.wait(), 20)
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("silent", [True, False], ids=["no headers", "no event"])
async def test_silence_before_the_first_event_is_a_timeout_and_not_tried_again(
    upstream: Upstream, http: aiohttp.ClientSession, silent: bool
) -> None:
    upstream.answer(None, silent=silent)
    provider = OpenAI("o", "O", upstream.url, "", http, limits=Limits(first=1, backoff=0))

    text, error = await failed(provider)
    await asyncio.wait_for(upstream.left.wait(), 20)

    assert (text, error.kind, len(upstream.bodies)) == ("", "timeout", 1)


async def test_silence_in_the_middle_is_a_timeout_after_the_text(
    upstream: Upstream, http: aiohttp.ClientSession
) -> None:
    upstream.answer(HI, None)
    provider = OpenAI("o", "O", upstream.url, "", http, limits=Limits(idle=0.1))

    text, error = await failed(provider)

    assert (text, error.kind) == ("Hi", "timeout")


async def test_silence_after_the_finish_reason_is_the_end(
    upstream: Upstream, http: aiohttp.ClientSession
) -> None:
    upstream.answer(HI, frame(finish="stop"), None)
    limits = Limits(tail=0.1)
    provider = OpenAI("o", "O", upstream.url, "", http, limits=limits)

    async with asyncio.timeout(limits.idle / 2):
        assert await told(provider) == [TextDelta("Hi"), Done("stop")]


async def test_a_slow_reader_is_not_taken_for_a_silent_server(
    upstream: Upstream, http: aiohttp.ClientSession
) -> None:
    upstream.answer(HI, HI, END)
    provider = OpenAI("o", "O", upstream.url, "", http, limits=Limits(first=10, idle=0.3))
    seen: list[Event] = []
    async with aclosing(provider.stream(prompt())) as events:
        async for event in events:
            seen.append(event)
            await asyncio.sleep(0.5)

    assert seen[-1] == Done("stop")


async def test_a_kept_connection_that_the_server_closed_costs_no_wait(
    upstream: Upstream, http: aiohttp.ClientSession
) -> None:
    upstream.answer(silent=True)
    upstream.answer(HI, END)
    provider = OpenAI("o", "O", upstream.url, "", http, limits=Limits(backoff=60))

    async with asyncio.timeout(20):
        assert text_of(await told(provider)) == "Hi"


async def test_an_answer_that_was_compressed_unasked_is_refused(
    upstream: Upstream, provider: OpenAI
) -> None:
    upstream.answer(b"\x1f\x8b", headers="Content-Encoding: gzip\r\n")

    assert (await failed(provider))[1].kind == "protocol"


async def test_a_redirect_is_not_followed(upstream: Upstream, provider: OpenAI) -> None:
    upstream.answer(status=302, headers=f"Location: {upstream.url}\r\n")

    assert (await failed(provider))[1].kind == "protocol"
    assert len(upstream.heads) == 1


async def test_a_unix_socket_is_a_server_like_any_other(tmp_path: Path) -> None:
    path, upstream = tmp_path / "s", Upstream()
    upstream.answer(HI, END)
    server = await asyncio.start_unix_server(upstream.serve, path)
    async with session(aiohttp.UnixConnector(str(path))) as http:
        provider = OpenAI("embedded", "Here", "http://here/v1", "", http, limits=FAST)
        assert text_of(await told(provider)) == "Hi"
    server.close()
    await server.wait_closed()


THOUGHT, STOP = frame({"reasoning": "Hm"}), frame(finish="stop")
BROKEN = [b":\n\n", b"data: {\n", b'data: {"error":"x"}\n', b"\xff\n"]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.sampled_from([HI, THOUGHT, STOP, DONE, *BROKEN]), max_size=6))
async def test_any_frames_over_the_wire_end_in_one_done_or_one_error(
    upstream: Upstream, http: aiohttp.ClientSession, frames: list[bytes]
) -> None:
    upstream.replies.clear()
    upstream.answer(*frames)
    provider = OpenAI("o", "O", upstream.url, "", http, limits=Limits(retries=0))
    events: list[Event] = []
    failures = 0
    try:
        async with aclosing(provider.stream(prompt())) as stream:
            async for event in stream:
                events.append(event)
    except ProviderError:
        failures += 1

    assert failures + sum(isinstance(event, Done) for event in events) == 1


async def test_the_next_question_goes_over_the_same_connection(
    llmock: LLMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.providers.endpoint.drain", partial(drain, wait=5))
    opened: list[object] = []
    trace = aiohttp.TraceConfig()

    async def note(*told: object) -> None:
        opened.append(told)

    trace.on_connection_create_end.append(note)
    async with aiohttp.ClientSession(trace_configs=[trace]) as http:
        provider = OpenAI("openai", "OpenAI", llmock.base_url(), "key-for-tests", http)
        for _ in range(3):
            await told(provider)

    assert len(opened) == 1


async def test_the_official_client_hears_the_same_from_the_same_server(
    llmock: LLMock, http: aiohttp.ClientSession
) -> None:
    llmock.reply("The same words for both.", times=2)
    provider = OpenAI("openai", "OpenAI", llmock.base_url(), "key-for-tests", http)

    events = await told(provider)
    ours = [event for event in events if isinstance(event, Usage)]

    heard, usage = "", None
    async with openai.AsyncOpenAI() as client:
        stream = await client.chat.completions.create(
            model="m1",
            messages=[{"role": "user", "content": "Hello"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        async for chunk in stream:
            heard += "".join(choice.delta.content or "" for choice in chunk.choices)
            usage = chunk.usage or usage
    assert text_of(events) == heard == "The same words for both."
    assert usage and ours == [Usage(usage.prompt_tokens, usage.completion_tokens)]
