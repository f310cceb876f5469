"""What a provider wants back with its answer: kept as it came, sent to nobody else, given up."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import anthropic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.providers.answer import Answer, Chunks
from chat.providers.anthropic import Anthropic
from chat.providers.anthropic_answer import AnthropicChunks
from chat.providers.domain import Done, Echo, Event, Prompt, Provider, Turn, Usage
from chat.providers.gemini import Gemini, GeminiChunks
from chat.providers.openai import OpenAI
from chat.providers.openai_answer import OpenAIChunks
from tests.providers.spoken import asked, block, candidate, event, said, started, stopped
from tests.providers.wire import DONE, END, FAST, Upstream, failed, frame, text_of, thought_of, told

SIGNED = "c2lnbmVkIQ=="


def detail(**fields: Any) -> dict[str, Any]:
    return {"type": "reasoning.text", "index": 0, "format": "anthropic-claude-v1", **fields}


@dataclass(frozen=True)
class Transcript:
    """A whole answer with thoughts; `back`: how its turn looks when it is sent again."""

    name: str
    chunks: Callable[[], Chunks]
    make: Callable[[str, aiohttp.ClientSession], Provider]
    frames: tuple[bytes, ...]
    back: Callable[[dict[str, Any]], Any]
    expected: Any
    refusal: str
    plain: Any


ANTHROPIC = Transcript(
    "anthropic",
    AnthropicChunks,
    lambda url, http: Anthropic("a", "A", url, "", http, limits=FAST),
    (
        started(),
        block(
            {"type": "thinking_delta", "thinking": "So "},
            {"type": "thinking_delta", "thinking": "then."},
            {"type": "signature_delta", "signature": SIGNED},
            type="thinking",
            thinking="",
            signature="",
        ),
        block(index=1, type="redacted_thinking", data="b3BhcXVl"),
        said("Yes, "),
        said("of course."),
        stopped(),
        event("message_stop"),
    ),
    lambda body: body["messages"][1]["content"],
    [
        {"type": "thinking", "thinking": "So then.", "signature": SIGNED},
        {"type": "redacted_thinking", "data": "b3BhcXVl"},
        {"type": "text", "text": "Yes, of course."},
    ],
    "messages.1.content.0: Invalid `signature` in `thinking` block",
    "Yes, of course.",
)
GEMINI = Transcript(
    "gemini",
    GeminiChunks,
    lambda url, http: Gemini("a", "A", url, "", http, limits=FAST),
    (
        candidate({"text": "So then.", "thought": True, "thoughtSignature": "not this"}),
        candidate({"text": "Yes, "}),
        candidate({"text": "of ", "thoughtSignature": SIGNED}),
        candidate({"text": "course."}),
        candidate(finish="STOP"),
    ),
    lambda body: body["contents"][1]["parts"],
    [{"text": "Yes, "}, {"text": "of ", "thoughtSignature": SIGNED}, {"text": "course."}],
    "Corrupted thought signature.",
    [{"text": "Yes, of course."}],
)
ROUTER = Transcript(
    "openrouter",
    OpenAIChunks,
    lambda url, http: OpenAI("a", "A", url, "", http, limits=FAST),
    (
        frame({"reasoning": "So ", "reasoning_details": [detail(text="So ", signature=None)]}),
        frame({"reasoning": "then.", "reasoning_details": [detail(text="then.")]}),
        frame({"content": "", "reasoning_details": [detail(signature=SIGNED)]}),
        frame({"reasoning_details": [{"type": "reasoning.encrypted", "data": "gA==", "index": 1}]}),
        frame({"content": "Yes, "}),
        frame({"content": "of course."}),
        frame(finish="stop"),
        DONE,
    ),
    lambda body: body["messages"][1].get("reasoning_details"),
    [
        detail(text="So then.", signature=SIGNED),
        {"type": "reasoning.encrypted", "data": "gA==", "index": 1},
    ],
    "Invalid signature in thinking block",
    None,
)
THINK = Transcript(
    "think",
    OpenAIChunks,
    lambda url, http: OpenAI("a", "A", url, "", http, limits=FAST),
    (
        frame({"content": "<thi"}),
        frame({"content": "nk>So "}),
        frame({"content": "then.</"}),
        frame({"content": "think>Yes, "}),
        frame({"content": "of course."}),
        END,
    ),
    lambda body: body["messages"][1]["content"],
    "Yes, of course.",
    "",
    None,
)
SEALING = (ANTHROPIC, GEMINI, ROUTER)
named = pytest.mark.parametrize("wire", SEALING, ids=lambda wire: wire.name)


def read(wire: Transcript, *parts: bytes) -> tuple[list[Event], Answer]:
    answer, events = Answer(wire.chunks()), list[Event]()
    for part in parts:
        events += answer.feed(part)
    return events + answer.stop(), answer


def echo_of(events: list[Event]) -> str:
    return next((each.data for each in reversed(events) if isinstance(each, Echo)), "")


def again(echo: str, text: str = "Yes, of course.") -> Prompt:
    turns = (Turn("user", "Well?"), Turn("assistant", text, echo=echo), Turn("user", "Why?"))
    return replace(asked(), turns=turns)


@pytest.mark.parametrize("wire", (*SEALING, THINK), ids=lambda wire: wire.name)
@given(given_data=st.data())
def test_any_cut_gives_the_same_text_thoughts_and_echo(
    wire: Transcript, given_data: st.DataObject
) -> None:
    raw = b"".join(wire.frames)
    edges = sorted(given_data.draw(st.sets(st.integers(1, len(raw) - 1), max_size=12)))
    ends = [*edges, len(raw)]

    events, answer = read(wire, *(raw[a:b] for a, b in zip([0, *edges], ends, strict=True)))

    assert (thought_of(events), text_of(events)) == ("So then.", "Yes, of course.")
    assert echo_of(events) == echo_of(read(wire, raw)[0])
    assert [each for each in events if isinstance(each, Done)] == [Done("stop")] == [events[-1]]
    assert answer.fault is None


@named
async def test_it_goes_back_in_the_shape_that_it_came_in(
    wire: Transcript, upstream: Upstream, http: aiohttp.ClientSession
) -> None:
    provider = wire.make(upstream.url, http)
    for _ in range(2):
        upstream.answer(*wire.frames)

    events = await told(provider, asked())
    await told(provider, again(echo_of(events)))

    assert wire.back(upstream.bodies[1]) == wire.expected
    assert "Why?" in json.dumps(upstream.bodies[1])


@named
async def test_refused_it_is_left_out_once_and_for_all(
    wire: Transcript, upstream: Upstream, http: aiohttp.ClientSession
) -> None:
    provider, prompt = wire.make(upstream.url, http), again(echo_of(read(wire, *wire.frames)[0]))
    refusal = {"error": {"type": "invalid_request_error", "message": wire.refusal}}
    upstream.answer(json.dumps(refusal).encode(), status=400)
    for _ in range(2):
        upstream.answer(*wire.frames)

    assert text_of(await told(provider, prompt)) == text_of(await told(provider, prompt))

    assert [wire.back(body) for body in upstream.bodies] == [wire.expected, wire.plain, wire.plain]


@named
async def test_a_refusal_of_something_else_is_told_at_once(
    wire: Transcript, upstream: Upstream, http: aiohttp.ClientSession
) -> None:
    refusal = {"error": {"type": "invalid_request_error", "message": "You are not so lucky"}}
    upstream.answer(json.dumps(refusal).encode(), status=400)
    prompt = again(echo_of(read(wire, *wire.frames)[0]))

    assert (await failed(wire.make(upstream.url, http), prompt))[1].kind == "bad_request"
    assert len(upstream.bodies) == 1


def test_what_is_too_long_to_be_kept_is_not_kept_at_all() -> None:
    thought = frame({"reasoning_details": [detail(text="x" * 900)]}) * 100
    sealed = frame({"reasoning_details": [detail(signature=SIGNED)]})
    assert echo_of(read(ROUTER, thought, sealed, frame({"content": "Yes"}), END)[0]) == ""

    delta = {"type": "thinking_delta", "thinking": "x" * 900}
    signature = {"type": "signature_delta", "signature": SIGNED}
    long = block(*[delta] * 100, signature, type="thinking", thinking="", signature="")
    assert echo_of(read(ANTHROPIC, started(), long, said("Yes"), stopped())[0]) == ""

    long = candidate({"text": "Yes", "thoughtSignature": "x" * 90_000}, finish="STOP")
    assert echo_of(read(GEMINI, long)[0]) == ""


def test_many_small_pieces_are_no_more_than_their_text() -> None:
    thought = frame({"reasoning_details": [detail(text="a ")]}) * 5_000
    sealed = frame({"reasoning_details": [detail(signature=SIGNED)]})

    echo = echo_of(read(ROUTER, thought, sealed, frame({"content": "Yes"}), END)[0])

    assert json.loads(echo) == [detail(text="a " * 5_000, signature=SIGNED)]


def test_thoughts_that_nobody_signed_do_not_go_back() -> None:
    thought = frame({"reasoning": "Hm", "reasoning_details": [detail(text="Hm")]})
    events, _ = read(ROUTER, thought, frame({"content": "Yes"}), END)
    assert (thought_of(events), echo_of(events)) == ("Hm", "")

    unsigned = block({"type": "thinking_delta", "thinking": "Hm"}, type="thinking", thinking="")
    assert echo_of(read(ANTHROPIC, started(), unsigned, said("Yes"), stopped())[0]) == ""


@pytest.mark.parametrize("details", ["odd", {"a": 1}, [1, None, {"text": 7}], [{"data": {}}], [[]]])
def test_odd_details_hurt_no_answer(details: Any) -> None:
    events, answer = read(ROUTER, frame({"content": "Yes", "reasoning_details": details}), END)
    assert (text_of(events), answer.fault) == ("Yes", None)


@pytest.mark.parametrize("space", [5, 89, 90, 91, 300])
def test_think_behind_much_white_space_reads_the_same_however_it_is_cut(space: int) -> None:
    text, cut = " " * space + "<think>Hm</think>Yes", random.Random(space)
    whole = read(THINK, frame({"content": text}), END)[0]
    for _ in range(20):
        at = sorted(cut.sample(range(len(text)), 4))
        parts = [text[a:b] for a, b in zip([0, *at], [*at, len(text)], strict=True)]
        events = read(THINK, *(frame({"content": part}) for part in parts), END)[0]
        assert (thought_of(events), text_of(events)) == (thought_of(whole), text_of(whole))
    assert thought_of(whole) == ("Hm" if space < 90 else "")


async def test_claude_is_asked_to_think_the_new_way_then_the_old_one_then_not(
    upstream: Upstream, http: aiohttp.ClientSession
) -> None:
    provider = ANTHROPIC.make(upstream.url, http)
    for words in (
        "thinking.type: adaptive thinking is not supported on this model",
        "thinking: Extra inputs are not permitted",
    ):
        refusal = {"type": "error", "error": {"type": "invalid_request_error", "message": words}}
        upstream.answer(json.dumps(refusal).encode(), status=400)
    for _ in range(2):
        upstream.answer(*ANTHROPIC.frames)

    for _ in range(2):
        await told(provider, asked(reasons=True, max_output=10_000))

    assert [body.get("thinking") for body in upstream.bodies] == [
        {"type": "adaptive", "display": "summarized"},
        {"type": "enabled", "budget_tokens": 5_000},
        None,
        None,
    ]


@pytest.mark.parametrize(("most", "budget"), [(2_000, None), (4_096, 2_048), (64_000, 16_000)])
async def test_the_budget_leaves_room_for_the_answer(
    upstream: Upstream, http: aiohttp.ClientSession, most: int, budget: int | None
) -> None:
    refusal = {"type": "error", "error": {"type": "invalid_request_error", "message": "adaptive?"}}
    upstream.answer(json.dumps(refusal).encode(), status=400)
    upstream.answer(*ANTHROPIC.frames)

    await told(ANTHROPIC.make(upstream.url, http), asked(reasons=True, max_output=most))

    thinking = upstream.bodies[1].get("thinking")
    assert (thinking and thinking["budget_tokens"]) == budget
    assert upstream.bodies[1]["max_tokens"] == most


async def test_nobody_is_asked_to_think_who_is_not_known_to_or_with_a_temperature(
    upstream: Upstream, http: aiohttp.ClientSession
) -> None:
    for _ in range(2):
        upstream.answer(*ANTHROPIC.frames)
    provider = ANTHROPIC.make(upstream.url, http)

    await told(provider, asked())
    await told(provider, replace(asked(reasons=True), temperature=0.2))

    assert not any("thinking" in body for body in upstream.bodies)


async def test_the_official_client_accepts_what_goes_back(upstream: Upstream) -> None:
    """Its types say what a thinking block is; ours goes through them unchanged."""
    upstream.answer(*ANTHROPIC.frames)
    blocks = json.loads(echo_of(read(ANTHROPIC, *ANTHROPIC.frames)[0]))
    url = upstream.url.removesuffix("/v1")
    async with (
        anthropic.AsyncAnthropic(base_url=url, api_key="k", max_retries=0) as client,
        client.messages.stream(
            model="m1",
            max_tokens=4_096,
            thinking={"type": "adaptive", "display": "summarized"},
            messages=[
                {"role": "user", "content": "Well?"},
                {"role": "assistant", "content": blocks},
                {"role": "user", "content": "Why?"},
            ],
        ) as stream,
    ):
        message = await stream.get_final_message()

    assert [each.to_dict() for each in message.content[:2]] == blocks
    assert upstream.bodies[0]["messages"][1]["content"] == blocks


def test_usage_and_the_end_still_come_last() -> None:
    counts = {"promptTokenCount": 3, "candidatesTokenCount": 2, "thoughtsTokenCount": 4}
    part = {"text": "Yes", "thoughtSignature": SIGNED}
    events, _ = read(GEMINI, candidate(part, finish="STOP", usageMetadata=counts))
    assert [type(each) for each in events[1:]] == [Echo, Usage, Done]
