"""Whatever comes over a wire, whole or cut at any byte: one end, nothing lost, no memory lost."""

import gc
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from types import FunctionType, ModuleType
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chat.providers import echoes
from chat.providers.answer import Answer
from chat.providers.domain import Done, Echo, Event, Turn, Usage
from chat.providers.faults import MAX_MESSAGE, from_answer
from tests.providers.spoken import asked, block, candidate, data, event, said, started, stopped
from tests.providers.test_echoes import (
    ANTHROPIC,
    GEMINI,
    ROUTER,
    THINK,
    Transcript,
    detail,
    echo_of,
)
from tests.providers.wire import END, frame, text_of, thought_of

# What a server may say at all: the names that some wire reads, over values of any shape.
NAMES = """candidates content parts text thought thoughtSignature finishReason promptFeedback
blockReason usageMetadata promptTokenCount thoughtsTokenCount message usage delta type index
stop_reason error code status details choices reasoning reasoning_details reasoning_content
finish_reason content_block thinking signature data input_tokens output_tokens
output_tokens_details prompt_tokens prompt_tokens_details cached_tokens refusal""".split()
KINDS = """message_start message_delta message_stop content_block_start content_block_delta
text_delta thinking_delta signature_delta thinking redacted_thinking text reasoning.text
STOP SAFETY stop length error""".split()
ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.sampled_from(KINDS),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
        | inner.map(lambda value: {"choices": [{"delta": value}]})
        | inner.map(lambda value: {"candidates": [{"content": {"parts": [value]}}]})
        | st.tuples(st.sampled_from(KINDS), inner).map(
            lambda pair: {"type": pair[0], "delta": pair[1], "content_block": pair[1]}
        )
    ),
    max_leaves=8,
)
TEXTS = st.text(max_size=8) | st.sampled_from(["<think>", "</think>", "<", "\n", "\0", "🙂"])
FRAMES: dict[str, list[Callable[[str], bytes]]] = {
    "openrouter": [
        lambda text: frame({"content": text}),
        lambda text: frame({"reasoning": text, "reasoning_details": [detail(text=text)]}),
        lambda text: frame({"reasoning_details": [detail(signature=text, odd=text)]}),
        lambda text: frame({"reasoning_details": [{"type": text, "data": text}]}),
        lambda text: frame(finish=text, usage={"prompt_tokens": len(text)}),
        lambda text: frame(finish=[7, []][len(text) % 2]),
    ],
    "anthropic": [
        said,
        lambda text: block({"type": "thinking_delta", "thinking": text}, type="thinking"),
        lambda text: block(type="thinking", thinking=text, signature=text),
        lambda text: event("content_block_delta", delta={"type": "signature_delta"} | {text: 1}),
        lambda text: block(type="redacted_thinking", data=text),
        lambda text: stopped(text, input_tokens=len(text)),
    ],
    "gemini": [
        lambda text: candidate({"text": text}),
        lambda text: candidate({"text": text, "thought": True}),
        lambda text: candidate({"text": text, "thoughtSignature": text}),
        lambda text: candidate({"inlineData": {"mimeType": "image/png", "data": text}}),
        lambda text: candidate(finish=text, usageMetadata={"promptTokenCount": len(text)}),
    ],
}
BROKEN = [
    b": hm\n\n",
    b"data:\n",
    b"data: {\n\n",
    b"<p>\n",
    b"error: x\n",
    b"{\n",
    b"}\n",
    b"\r\n",
    b"data: [DONE]\n\n",
    b'data: {"error": {"code": "\xc2\xb2\xc2\xb2\xc2\xb2"}}\n\n',
    b'data: {"usage": 1e999}\n\n',
    b"data: " + b"9" * 5_000 + b"\n\n",
]
BOTH = replace(ROUTER, frames=(*ROUTER.frames, *THINK.frames))
WIRES = (BOTH, ANTHROPIC, GEMINI)


@st.composite
def streams(draw: st.DrawFn, wire: Transcript) -> tuple[bytes, list[int]]:
    """A stream, and where it is cut: real frames, odd ones, broken ones, some ending early."""
    own = st.builds(lambda make, text: make(text), st.sampled_from(FRAMES[wire.name]), TEXTS)
    frames = st.one_of(
        st.sampled_from(wire.frames),
        own,
        ODD.map(data),
        st.sampled_from(BROKEN),
        st.binary(max_size=9),
        st.tuples(own, st.integers(1, 40)).map(lambda pair: pair[0][: -pair[1]]),
    )
    raw = b"".join(draw(st.lists(frames, max_size=12)))
    if draw(st.booleans()):
        raw += b"".join(wire.frames)
    cuts = draw(st.sets(st.integers(1, max(1, len(raw) - 1)), max_size=8))
    return raw, [0, *sorted(cut for cut in cuts if cut < len(raw)), len(raw)]


def read(wire: Transcript, *parts: bytes) -> tuple[list[Event], Answer]:
    answer, events = Answer(wire.chunks()), list[Event]()
    for part in parts:
        events += answer.feed(part)
    events += answer.stop()
    assert answer.feed(b"".join(wire.frames)) == answer.stop() == [], "it has ended"
    return events, answer


def deep(levels: int) -> bytes:
    """Something sealed that is nested so often, and then the text that it belongs to."""
    start, end = '{"x":' * levels, "}" * levels
    inner = '{"type":"t","index":0,"signature":"s","deep":' + start + "1" + end + "}"
    sealed = '{"choices":[{"delta":{"reasoning_details":[' + inner + "]}}]}"
    return b"data: " + sealed.encode() + b"\n\n" + frame({"content": "Yes"}) + END


@pytest.mark.parametrize("wire", WIRES, ids=["openai", "anthropic", "gemini"])
@given(given_data=st.data())
def test_any_frames_in_any_cut_end_once_and_say_the_same(
    wire: Transcript, given_data: st.DataObject
) -> None:
    raw, edges = given_data.draw(streams(wire))

    events, answer = read(wire, *(raw[start:end] for start, end in pairwise(edges)))

    ends = [each for each in events if isinstance(each, Done)]
    assert len(ends) + (answer.fault is not None) == 1
    assert answer.ended == bool(ends) and (not ends or events[-1] is ends[0])
    whole, once = read(wire, raw)
    assert summary(events) == summary(whole)
    assert (answer.fault and answer.fault.kind) == (once.fault and once.fault.kind)
    can_be_kept(wire, *summary(events))


def can_be_kept(
    wire: Transcript, text: str, thought: str, echo: str, usage: tuple[int, ...]
) -> None:
    """Stored, counted, and sent back with the next question."""
    assert "\0" not in (text + thought).encode().decode()
    assert all(0 <= count < 2**31 * 3 for count in usage)
    assert len(echo) <= echoes.LONGEST and echo.isascii()
    turns = (Turn("user", "Well?"), Turn("assistant", text, echo=echo), Turn("user", "Why?"))
    provider: Any = wire.make("http://127.0.0.1", cast(Any, None))  # nothing is sent
    _, body = provider.request(replace(asked(), turns=turns), frozenset())
    assert "Why?" in json.dumps(body, allow_nan=False)


@pytest.mark.parametrize("levels", [10, 200, *range(900, 1000, 7), 50_000])
def test_something_nested_deeply_ends_the_answer_once_as_well(levels: int) -> None:
    raw = deep(levels)
    events, answer = read(ROUTER, *(raw[at : at + 999] for at in range(0, len(raw), 999)))

    assert answer.ended != bool(answer.fault)
    echo = echo_of(events)
    assert bool(echo) == (levels == 10), "what cannot be written again is not kept"


@given(
    st.integers(100, 599),
    ODD.map(json.dumps).map(str.encode) | st.binary(max_size=20),
    st.dictionaries(
        st.sampled_from(["Retry-After", "Retry-After-Ms"]), st.text(max_size=8) | st.just("inf")
    ),
)
@example(400, b'{"error":{"code":"\xc2\xb2\xc2\xb2\xc2\xb2"}}', {})
@example(200, b'{"error":' + b"[" * 950 + b"]" * 950 + b"}", {})
@example(200, b'{"error":' + b"[" * 970 + b"]" * 970 + b"}", {})
@example(429, b"", {"Retry-After": "Mon, 99 Nov 99999 99:99:99 GMT"})
def test_any_error_answer_is_a_typed_error(
    status: int, body: bytes, headers: dict[str, str]
) -> None:
    error = from_answer(status, headers, body, "key-1")

    assert len(error.message) <= MAX_MESSAGE
    assert 0 <= error.retry_after <= 86_400


LARGE = "x" * 20_000
THOUGHT = {"type": "thinking_delta", "thinking": ""}


@pytest.mark.parametrize(
    ("wire", "nasty", "count"),
    [
        (ROUTER, lambda n: frame({"reasoning_details": [detail(text="")]}), 4_000),
        (ROUTER, lambda n: frame({"reasoning_details": [detail(**{f"odd{n}": LARGE})]}), 200),
        (ROUTER, lambda n: frame({"reasoning_details": [{"type": n, "data": ""}]}), 4_000),
        (ROUTER, lambda n: frame({"content": "", "usage": {f"odd{n}": LARGE}}), 200),
        (THINK, lambda n: frame({"content": " " * (n == 0)}), 4_000),
        (THINK, lambda n: frame({"content": "<think>" * (n == 0) + LARGE}), 200),
        (ANTHROPIC, lambda n: started(**{f"odd{n}": LARGE}), 200),
        (ANTHROPIC, lambda n: event("content_block_delta", delta=THOUGHT), 4_000),
        (ANTHROPIC, lambda n: block(type="redacted_thinking", data=""), 4_000),
        (ANTHROPIC, lambda n: block(type="thinking", thinking=LARGE, signature="s"), 200),
        (GEMINI, lambda n: candidate({"text": "A", "thoughtSignature": f"{n}{LARGE}"}), 200),
        (GEMINI, lambda n: candidate({f"odd{n}": LARGE}, usageMetadata={f"odd{n}": LARGE}), 200),
        (GEMINI, lambda n: b": still here\n\n", 4_000),
    ],
)
def test_a_stream_without_end_is_held_in_bounded_memory(
    wire: Transcript, nasty: Callable[[int], bytes], count: int
) -> None:
    """Twice as much of it takes no more; both times less than a line may have."""
    answer = Answer(wire.chunks())
    sizes = []
    for half in range(2):
        for number in range(half * count, (half + 1) * count):
            answer.feed(nasty(number))
        sizes.append(held(answer))

    assert answer.fault is None and not answer.ended
    assert sizes[1] < sizes[0] + 4_000 and sizes[1] < 1_000_000


def summary(events: list[Event]) -> tuple[str, str, str, tuple[int, ...]]:
    """All that is kept of an answer."""
    usage = next((each for each in events if isinstance(each, Usage)), Usage())
    counts = (usage.input, usage.output, usage.cached, usage.reasoning, usage.written)
    for each in events:
        if isinstance(each, Echo):
            json.loads(each.data)
    return text_of(events), thought_of(events), echo_of(events), counts


def held(answer: Answer) -> int:
    """Bytes of everything that can be reached from here."""
    seen = {id(answer): answer}
    todo: list[object] = [answer]
    while todo:
        for each in gc.get_referents(todo.pop()):
            if not isinstance(each, type | ModuleType | FunctionType) and id(each) not in seen:
                seen[id(each)] = each
                todo.append(each)
    return sum(map(sys.getsizeof, seen.values()))
