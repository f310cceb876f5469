"""What the wires of Anthropic and Google have in common: ends, faults, stops, waits."""

import asyncio
import json
from collections.abc import Callable
from contextlib import aclosing

import aiohttp
import pytest

from chat.providers.answer import Answer
from chat.providers.domain import Done, Event, Provider, TextDelta
from chat.providers.http import MAX_LINE, Limits
from tests.providers.spoken import WIRES, Spoken, asked, data, event
from tests.providers.wire import FAST, Upstream, failed, text_of, thought_of, told

Make = Callable[[Limits], Provider]


@pytest.fixture(params=WIRES, ids=lambda wire: wire.name)
def wire(request: pytest.FixtureRequest) -> Spoken:
    spoken: Spoken = request.param
    return spoken


@pytest.fixture
def make(wire: Spoken, upstream: Upstream, http: aiohttp.ClientSession) -> Make:
    return lambda limits: wire.make(upstream.url, http, limits)


@pytest.fixture
def provider(make: Make) -> Provider:
    return make(FAST)


def read(wire: Spoken, *parts: bytes) -> tuple[list[Event], Answer]:
    answer, events = Answer(wire.chunks()), list[Event]()
    for part in parts:
        events += answer.feed(part)
    return events + answer.stop(), answer


def fault(wire: Spoken, *parts: bytes) -> str:
    events, answer = read(wire, *parts)
    assert answer.fault and not answer.ended
    assert not any(isinstance(event, Done) for event in events)
    return answer.fault.kind


async def test_thoughts_text_and_the_end_arrive_as_events(
    wire: Spoken, upstream: Upstream, provider: Provider
) -> None:
    upstream.answer(wire.thought("Hm."), wire.text("Hi"), wire.text(", you"), wire.end)

    events = await told(provider, asked())

    assert (thought_of(events), text_of(events)) == ("Hm.", "Hi, you")
    assert events[-1] == Done("stop")


def test_a_stream_without_a_finish_mark_is_cut_off(wire: Spoken) -> None:
    assert fault(wire) == "truncated"
    assert fault(wire, wire.text("A")) == "truncated"
    assert fault(wire, wire.text("A"), data({"type": "ping"}), b": still here\n\n") == "truncated"


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        (b"data: {not json\n\n", "protocol"),
        (b"data: 7\n\n", "protocol"),
        (b"data: [DONE]\n\n", "protocol"),
        (b"data: " + b"[" * 100_000 + b"\n\n", "protocol"),
        (b"<!doctype html>\n", "protocol"),
        (b"data: " + b"x" * 10_000_000, "protocol"),
        (b'{\n  "error": {\n    "code": 429,\n    "message": "no"\n  }\n}\n', "rate_limit"),
    ],
)
def test_what_is_no_answer_fails_by_kind_after_the_text(
    wire: Spoken, written: bytes, kind: str
) -> None:
    assert fault(wire, wire.text("A"), written) == kind
    assert text_of(read(wire, wire.text("A"), written)[0]) == "A"


def test_a_long_line_is_refused_before_it_is_whole(wire: Spoken) -> None:
    answer, held = Answer(wire.chunks()), 0
    while not answer.fault:
        answer.feed(b"data: " + b"x" * 10_000 if held == 0 else b"x" * 10_000)
        held += 10_000
    assert held <= MAX_LINE + 20_000


def test_every_legal_way_of_writing_reads_the_same(wire: Spoken) -> None:
    plain = wire.text("ação 🙂\0") + wire.end
    expected = read(wire, plain)[0]
    assert text_of(expected) == "ação 🙂"
    unknown = data({"type": "novelty", "odd": [1]}) + b"event: x\nid: 7\nretry: 1\n: hm\n\n"
    for written in (
        plain.replace(b"\n", b"\r\n"),
        plain.replace(b"data: ", b"data:"),
        unknown + plain,
        plain.rstrip(),
    ):
        assert read(wire, written)[0] == expected
        assert read(wire, *(written[at : at + 1] for at in range(len(written))))[0] == expected


def test_what_follows_the_finish_reason_cannot_undo_it(wire: Spoken) -> None:
    events, answer = read(wire, wire.text("A"), wire.end, b"data: {broken\n\n")
    assert (text_of(events), events[-1], answer.fault) == ("A", Done("stop"), None)


async def test_an_error_in_the_stream_keeps_the_text_and_is_not_tried_again(
    wire: Spoken, upstream: Upstream, provider: Provider
) -> None:
    upstream.answer(wire.text("A"), wire.overloaded)

    text, error = await failed(provider, asked())

    assert (text, error.kind, len(upstream.bodies)) == ("A", "overloaded", 1)


async def test_an_error_before_the_first_event_is_tried_again_twice(
    wire: Spoken, upstream: Upstream, provider: Provider
) -> None:
    for _ in range(3):
        upstream.answer(wire.overloaded)

    assert (await failed(provider, asked()))[1].kind == "overloaded"
    assert len(upstream.bodies) == 3


async def test_a_connection_that_breaks_before_its_headers_is_opened_again(
    wire: Spoken, upstream: Upstream, provider: Provider
) -> None:
    upstream.answer(silent=True)
    upstream.answer(wire.text("Hi"), wire.end)

    assert text_of(await told(provider, asked())) == "Hi"


async def test_stop_closes_the_connection_in_the_middle(
    wire: Spoken, upstream: Upstream, provider: Provider
) -> None:
    upstream.answer(wire.text("Hi"), None)
    async with aclosing(provider.stream(asked())) as events:
        assert await anext(events) == TextDelta("Hi")

    await asyncio.wait_for(upstream.left.wait(), 20)


@pytest.mark.parametrize("silent", [True, False], ids=["before headers", "before the first event"])
async def test_stop_closes_the_connection_before_anything_came(
    upstream: Upstream, provider: Provider, silent: bool
) -> None:
    upstream.answer(None, silent=silent)
    task = asyncio.create_task(told(provider, asked()))
    await asyncio.wait_for(upstream.asked.wait(), 20)

    task.cancel()

    await asyncio.wait_for(upstream.left.wait(), 20)
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_endless_silence_is_a_timeout_wherever_it_begins(
    wire: Spoken, upstream: Upstream, make: Make
) -> None:
    upstream.answer(None, silent=True)
    assert (await failed(make(Limits(first=1)), asked()))[1].kind == "timeout"

    provider = make(Limits(first=10, idle=1, tail=0.1))
    upstream.answer(wire.text("Hi"), None)
    text, error = await failed(provider, asked())
    assert (text, error.kind) == ("Hi", "timeout")

    upstream.answer(wire.text("Hi"), wire.end, None)
    assert text_of(await told(provider, asked())) == "Hi"
    assert len(upstream.bodies) == 3


async def test_silence_after_pings_is_a_timeout_as_well(upstream: Upstream, make: Make) -> None:
    upstream.answer(*[event("ping")] * 3, None)
    provider = make(Limits(first=0.1, idle=0.1))

    assert (await failed(provider, asked()))[1].kind == "timeout"


async def test_the_key_stays_out_of_what_is_logged(upstream: Upstream, provider: Provider) -> None:
    words = {"error": {"message": "The key key-1 is odd", "type": "authentication_error"}}
    upstream.answer(json.dumps(words).encode(), status=401)

    error = (await failed(provider, asked()))[1]

    assert error.kind == "auth"
    assert "key-1" not in str(error) and "key-1" in upstream.heads[0]
