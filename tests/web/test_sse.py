"""What a reader that follows the WHATWG rules gets is what was sent."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from chat.web import sse

NASTY = st.text(
    st.one_of(st.sampled_from("\r\n :\0\x0b\x0c\x1c\x85\u2028\u2029\ufeffdi"), st.characters())
)


def read(stream: bytes) -> list[dict[str, str]]:
    """The messages in `stream`, by https://html.spec.whatwg.org/#event-stream-interpretation."""
    messages: list[dict[str, str]] = []
    current: dict[str, str] = {}
    for line in re.split("\r\n|\r|\n", stream.decode().removeprefix("\ufeff")):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if "data" in current:
                messages.append(current)
            current = {}
        elif name == "data":
            current["data"] = f"{current['data']}\n{value}" if "data" in current else value
        elif name:
            current[name] = value
    return messages


def whole_characters(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


@given(NASTY, st.none() | st.integers(0, 10**6))
@example("a\rid: 7\rdata: forged", 1)
@example("a\u2028b\x85c\x0bd\x0ce", None)
@example("", 0)
@example(" two leading spaces", None)
@example("\n\n", None)
def test_any_text_comes_back_with_its_line_ends_as_lf(text: str, number: int | None) -> None:
    expected = {"data": whole_characters(re.sub("\r\n?", "\n", text))}
    expected |= {} if number is None else {"id": str(number)}

    assert read(sse.event(text, id=number)) == [expected]


def test_a_stream_that_goes_on_elsewhere_says_when_to_come_back() -> None:
    assert read(sse.moving(700)) == [{"event": "moving", "retry": "700", "data": ""}]


@given(st.lists(NASTY, max_size=5))
def test_messages_and_comments_do_not_run_into_each_other(texts: list[str]) -> None:
    stream = b"".join(sse.event(text) + sse.comment(text) + sse.KEEP_ALIVE for text in texts)

    assert len(read(stream)) == len(texts)


@given(NASTY)
def test_a_comment_is_seen_by_nobody(text: str) -> None:
    assert read(sse.comment(text) + sse.event("next")) == [{"data": "next"}]


def test_only_lf_ends_lines_on_the_wire() -> None:
    assert sse.event("a\r\nb\rc", id=3) == b"id: 3\ndata: a\ndata: b\ndata: c\n\n"
    assert sse.KEEP_ALIVE == b": keep\n\n"


def test_the_headers_keep_proxies_from_collecting_or_storing() -> None:
    assert sse.HEADERS["Content-Type"] == "text/event-stream; charset=utf-8"
    assert sse.HEADERS["Cache-Control"] == "no-store"
    assert sse.HEADERS["X-Accel-Buffering"] == "no"
