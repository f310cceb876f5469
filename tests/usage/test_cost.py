"""Amounts are exact, in whole micro-dollars, and never less than what was used."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.providers import guide
from chat.providers.domain import Price, Usage
from chat.providers.tokens import estimate
from chat.usage.domain import Spent, cost, spent

COUNTS = st.integers(0, 2**31 - 1)
PRICES = st.builds(Price, *[st.integers(0, 10**12)] * 3)
USAGES = st.builds(Usage, COUNTS, COUNTS, COUNTS, COUNTS)
TEXTS = st.text(max_size=200)
PRICE = Price(input=2_500_000, cached=250_000, output=10_000_000)


def test_what_is_written_to_a_cache_has_a_price_of_its_own() -> None:
    usage = Usage(input=1_000_000, cached=200_000, written=300_000)

    assert cost(usage, Price(3_000_000, 300_000, 0, 3_750_000)) == 1_500_000 + 60_000 + 1_125_000
    assert cost(usage, Price(3_000_000, 300_000, 0)) == 2_400_000 + 60_000


@given(USAGES, PRICES)
def test_it_is_the_exact_amount_rounded_up(usage: Usage, price: Price) -> None:
    cached = min(usage.cached, usage.input)
    exact = Fraction((usage.input - cached) * price.input, 1_000_000)
    exact += Fraction(cached * price.cached, 1_000_000)
    exact += Fraction(usage.output * price.output, 1_000_000)

    found = cost(usage, price)

    assert type(found) is int
    assert 0 <= found - exact < 1


@given(USAGES, PRICES, COUNTS)
def test_what_was_thought_is_part_of_the_output(usage: Usage, price: Price, thought: int) -> None:
    other = Usage(usage.input, usage.output, usage.cached, thought)

    assert cost(usage, price) == cost(other, price)


@given(USAGES, PRICES, st.sampled_from(["input", "output"]))
def test_more_tokens_never_cost_less(usage: Usage, price: Price, more: str) -> None:
    figures = {"input": usage.input, "output": usage.output, more: getattr(usage, more) + 1}

    assert cost(Usage(cached=usage.cached, **figures), price) >= cost(usage, price)


@pytest.mark.parametrize(
    ("usage", "micro"),
    [
        (Usage(), 0),
        (Usage(input=1), 3),  # 2.5
        (Usage(input=1_000_000), 2_500_000),
        (Usage(input=1_000_000, cached=1_000_000), 250_000),
        (Usage(input=1000, cached=400, output=50), 1500 + 100 + 500),
        (Usage(input=10, cached=99), 3),  # more cached than read makes no sense: all of it
    ],
)
def test_it_is_what_a_bill_would_say(usage: Usage, micro: int) -> None:
    assert cost(usage, PRICE) == micro


@given(TEXTS)
def test_an_estimate_is_a_whole_number_above_nothing(text: str) -> None:
    found = estimate(text)

    assert type(found) is int
    assert (found == 0) == (text == "")
    assert found <= 3 * len(text)


@given(TEXTS, TEXTS)
def test_two_texts_together_are_about_what_they_are_apart(one: str, other: str) -> None:
    assert estimate(one) <= estimate(one + " " + other) + 2
    assert estimate(one + " " + other) <= estimate(one) + estimate(other) + 3


@pytest.mark.parametrize(  # texts and their tokens in OpenAI's o200k vocabulary
    ("text", "known"),
    [
        ("The quick brown fox jumps over the lazy dog.", 10),
        ("Lisboa é a capital de Portugal desde o século treze.", 12),
        ("敏捷的棕色狐狸跳过了懒狗。", 13),
        ("for i in range(10):\n    print(i * 2)\n", 15),
    ],
)
def test_an_estimate_is_near_the_truth_in_any_script(text: str, known: int) -> None:
    assert 0.6 * known <= estimate(text) <= 1.6 * known


@given(USAGES.filter(lambda usage: usage.input > 0 and usage.output > 0), TEXTS)
def test_what_the_provider_said_is_never_touched(said: Usage, text: str) -> None:
    assert spent("m/m", said, ["?"], text, 9, PRICE) == Spent(said, cost(said, PRICE), False)


def test_what_nobody_said_is_estimated_from_the_texts() -> None:
    found = spent("m/m", None, ["", "How many?"], "Two or three.", 400, None)

    asked, answered = estimate("How many?") + 8, estimate("Two or three.")
    assert found == Spent(Usage(asked, answered + 100, 0, 100), None, True)


def test_only_what_is_missing_is_estimated() -> None:
    found = spent("m/m", Usage(input=500), ["How many?"], "Two.", 0, PRICE)

    assert found.usage == Usage(500, estimate("Two."))
    assert found.estimated


def test_where_nothing_came_and_nothing_was_said_nothing_counts() -> None:
    assert spent("m/m", None, ["A long question"], "", 0, PRICE) == Spent()


def test_the_guide_is_no_model() -> None:
    assert spent(guide.MODEL.id, None, ["Hello"], "Set a key.", 0, None) == Spent()
