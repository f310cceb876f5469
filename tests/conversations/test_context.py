"""What of a long conversation is sent: decided by counts alone."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.conversations.context import (
    KEPT,
    Measure,
    boundary,
    limit_in,
    part,
    ratio,
    room,
    tokens,
    window,
)
from chat.conversations.domain import Message
from chat.providers.domain import Model

TINY = Model("o/tiny", "O", "tiny", context=4_096)
LARGE = Model("o/large", "O", "large", context=128_000)


def message(number: int, words: int, **said: object) -> Message:
    role = ("user", "assistant")[number % 2]
    model = TINY.id if role == "assistant" else ""
    text = "word " * words
    made = Message(f"m{number}", None, role, text, "", 0, "", "", model, "")
    return replace(made, **said)  # type: ignore[arg-type]  # names of fields


def talk(*words: int) -> list[Message]:
    return [message(number, count) for number, count in enumerate(words)]


def test_what_fits_is_sent_whole() -> None:
    history = talk(100, 100, 100)

    found = part(history, TINY, Measure())

    assert found.first == 0
    assert found.tokens == sum(tokens(each) for each in history) == 3 * 104


def test_a_beginning_moves_far_and_then_stays() -> None:
    history = talk(*[130] * 40, 130)
    first = part(history, TINY, Measure())
    assert history[first.first].role == "user"
    assert first.tokens <= room(TINY, Measure()) * KEPT

    moves, since = 0, first.first
    for number in range(41, 81, 2):
        asked = {"asked": 1_000, "since": f"m{since}"}
        history += [message(number, 130, **asked), message(number + 1, 130)]
        found = part(history, TINY, Measure())
        assert found.tokens <= room(TINY, Measure())
        moves, since = moves + (found.first != since), found.first

    assert 1 <= moves <= 4, "of 20 turns"


def test_the_last_question_goes_in_whatever_its_size() -> None:
    found = part(talk(100, 100, 50_000), TINY, Measure())

    assert found.first == 2


def test_another_model_begins_anew() -> None:
    history = talk(*[130] * 40, 130)
    history[39] = replace(history[39], asked=900, since="m30")

    assert part(history, TINY, Measure()).first == 30
    assert part(history, LARGE, Measure()).first == 0
    assert boundary(history, TINY.id) == "m30"
    assert boundary(history, LARGE.id) == ""


def test_a_conversation_shows_how_its_model_counts() -> None:
    history = [message(0, 100), message(1, 100, asked=104, input_tokens=260), message(2, 100)]

    assert ratio(history, TINY, Measure(ratio=1.2)) == 2.5
    assert ratio(history, LARGE, Measure(ratio=1.2)) == 1.2
    estimated = [replace(each, estimated=1) for each in history]
    assert ratio(estimated, TINY, Measure(ratio=1.2)) == 1.2


def test_what_counts_more_fits_less() -> None:
    history = talk(*[130] * 19)

    assert part(history, TINY, Measure()).first == 0
    assert part(history, TINY, Measure(ratio=2)).first > 8
    assert part(history, TINY, Measure(window=2_048)).first > 8
    assert part(history, TINY, Measure(), system=2_000).first > 8
    assert part(history, TINY, Measure(), most=500).first > 14


def test_the_guard_against_cost_is_the_operator_s_to_move() -> None:
    assert window(LARGE, Measure()) == 32_000
    assert window(replace(LARGE, context_limit=100_000), Measure()) == 100_000
    assert window(replace(LARGE, context_limit=200_000), Measure()) == 128_000
    assert window(replace(LARGE, context=0), Measure()) == 4_096


@given(
    st.lists(st.integers(0, 3_000), min_size=1, max_size=40),
    st.integers(256, 200_000),
    st.floats(0.3, 3),
    st.integers(0, 5_000),
)
def test_it_fits_or_is_the_last_turn_alone(
    words: list[int], context: int, counted: float, system: int
) -> None:
    history = talk(*words)
    model, measure = replace(TINY, context=context), Measure(ratio=counted)

    found = part(history, model, measure, system=system)

    last = max((at for at in range(len(history)) if at % 2 == 0), default=0)
    fits = found.tokens * counted <= room(model, measure, system)
    assert fits or found.first == last
    assert found.first == 0 or history[found.first].role == "user"


@pytest.mark.parametrize(
    ("words", "limit"),
    [
        ("This model's maximum context length is 8192 tokens. However, you requested 9000", 8192),
        ("prompt is too long: 212345 tokens > 200000 maximum", 200_000),
        ("the request (5432 tokens) exceeds the available context size (4096 tokens)", 4096),
        ("token count (1200000) exceeds the maximum number of tokens allowed (1048576).", 1048576),
        ("Prompt contains 40,000 tokens, too large for model with 32,768 maximum context", 32768),
        ("Your prompt is too long", 0),
        ("", 0),
    ],
)
def test_the_limit_is_read_from_what_providers_say(words: str, limit: int) -> None:
    assert limit_in(words) == limit
