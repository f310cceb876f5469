"""Rare frames, and any frames, fed to the reader of the chat-completions stream."""

import json

import pytest

from chat.providers.answer import Answer
from chat.providers.domain import Done, Event, ReasoningDelta, TextDelta, Usage
from chat.providers.http import MAX_LINE
from chat.providers.openai_answer import OpenAIChunks
from tests.providers.wire import DONE, END, frame, text_of, thought_of


def read(*parts: bytes) -> tuple[list[Event], Answer]:
    answer, events = Answer(OpenAIChunks()), list[Event]()
    for part in parts:
        events += answer.feed(part)
    return events + answer.stop(), answer


def fault(*parts: bytes) -> str:
    events, answer = read(*parts)
    assert answer.fault and not answer.ended
    assert not any(isinstance(event, Done) for event in events)
    return answer.fault.kind


def test_text_and_the_end_arrive_as_events() -> None:
    events, answer = read(
        frame({"role": "assistant", "content": ""}), frame({"content": "Hi"}), END
    )
    assert events == [TextDelta("Hi"), Done("stop")]
    assert answer.ended and answer.fault is None


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content", "reasoning_text"])
def test_reasoning_is_told_apart_from_text(name: str) -> None:
    events, _ = read(frame({name: "Hm."}), frame({name: "So", "content": "Yes"}), END)
    assert events == [ReasoningDelta("Hm."), ReasoningDelta("So"), TextDelta("Yes"), Done("stop")]


@pytest.mark.parametrize("cut", range(1, 24))
def test_a_think_block_that_opens_the_reply_is_reasoning_however_it_is_cut(cut: int) -> None:
    whole = "\n<think>so 1<2</think>Yes"
    events, _ = read(frame({"content": whole[:cut]}), frame({"content": whole[cut:]}), END)
    assert (thought_of(events), text_of(events)) == ("so 1<2", "Yes")


@pytest.mark.parametrize("text", ["Use <think> so: <think>a</think>", "<thin", "<", "  <b>x"])
def test_any_other_tag_is_text(text: str) -> None:
    events, _ = read(*(frame({"content": letter}) for letter in text), END)
    assert (thought_of(events), text_of(events)) == ("", text)


def test_usage_comes_once_before_the_end_from_a_chunk_without_choices() -> None:
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    last = b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\n"
    events, _ = read(frame({"content": "A"}, usage=None), frame(finish="length"), last, DONE)
    assert events == [TextDelta("A"), Usage(9, 5, 4, 2), Done("length")]


def test_unusable_counts_are_nought() -> None:
    usage = {"prompt_tokens": -1, "completion_tokens": "7", "prompt_tokens_details": None}
    events, _ = read(frame({"content": "A"}, usage=usage), END)
    assert Usage() in events


@pytest.mark.parametrize(
    "written",
    [
        frame({"content": "A"}).replace(b"\n", b"\r\n") + END.replace(b"\n", b"\r\n"),
        b": still here\n\n" + frame({"content": "A"}) + b":\n\nevent: x\nid: 7\nretry: 1\n" + END,
        (frame({"content": "A"}) + END).replace(b"data: ", b"data:"),
        frame({"content": "A"}) + b"data:\n\n" + END.rstrip(),
        frame({"content": "A"}) + frame(finish="stop"),
        frame({"content": "A"}) + DONE,
        frame({"content": [{"type": "text", "text": "A"}]}) + END,
        b'{"choices":[{"message":{"role":"assistant","content":"A"},"finish_reason":"stop"}]}',
    ],
    ids=[
        "CRLF",
        "comments",
        "no space",
        "no last newline",
        "no mark",
        "mark only",
        "parts",
        "JSON",
    ],
)
def test_every_legal_way_of_writing_reads_the_same(written: bytes) -> None:
    events, _ = read(written)
    assert events == [TextDelta("A"), Done("stop")]


def test_letters_cut_between_two_packets_stay_whole() -> None:
    raw = 'data: {"choices":[{"delta":{"content":"ação 🙂"}}]}\n\n'.encode() + END
    events, _ = read(*(raw[at : at + 1] for at in range(len(raw))))
    assert text_of(events) == "ação 🙂"


def test_text_that_no_database_holds_is_repaired() -> None:
    events, _ = read(rb'data: {"choices":[{"delta":{"content":"a\u0000\ud800b"}}]}' + b"\n\n", END)
    assert text_of(events) == "a\ufffdb"


def test_an_error_object_in_the_stream_is_a_typed_error_after_the_text() -> None:
    error = b'data: {"error":{"type":"overloaded_error","message":"busy"}}\n\n'
    assert fault(frame({"content": "A"}), error) == "overloaded"
    assert text_of(read(frame({"content": "A"}), error)[0]) == "A"


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        (b"", "truncated"),
        (frame({"content": "A"}), "truncated"),
        (frame({"content": "<think>A"}), "truncated"),
        (b"data: {not json\n\n", "protocol"),
        (b"data: 7\n\n", "protocol"),
        (b'data: {"choices":[{"delta":{"content":7}}]}\n\n', "protocol"),
        (b"data: " + b"[" * 100_000 + b"\n\n", "protocol"),
        (b"<!doctype html>\n", "protocol"),
        (b"data: " + b"x" * 10_000_000, "protocol"),
        (b'error: {"code":503,"message":"Loading model"}\n\n', "overloaded"),
        (b'{"error":{"code":"model_not_found","message":"no such model"}}', "not_found"),
        (b'{\n  "error": {\n    "code": 401,\n    "message": "no"\n  }\n}\n', "auth"),
        (b'{\n  "error": {\n', "truncated"),
        (b"{\n" + b'"a",\n' * 300_000, "protocol"),
        (frame(finish="error"), "overloaded"),
    ],
)
def test_a_stream_that_is_not_an_answer_fails_by_kind(written: bytes, kind: str) -> None:
    assert fault(written) == kind


def test_a_long_line_is_refused_before_it_is_whole() -> None:
    answer, held = Answer(OpenAIChunks()), 0
    while not answer.fault:
        answer.feed(b"data: " + b"x" * 10_000 if held == 0 else b"x" * 10_000)
        held += 10_000
    assert held <= MAX_LINE + 20_000


def test_what_follows_the_finish_reason_cannot_undo_it() -> None:
    events, answer = read(frame({"content": "A"}, finish="stop"), b"data: {broken\n\n")
    assert events == [TextDelta("A"), Done("stop")]
    assert answer.fault is None
