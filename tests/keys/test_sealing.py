"""A key at rest opens under its installation's secret, in its own row, unchanged; or not at all."""

import pytest

from chat.keys.domain import OwnKey
from chat.keys.sealing import Sealer

KEY = "sk-proj-of-adas-own-0123456789"
PLACE = ("ada", "openai", "https://api.openai.com/v1")


def test_it_opens_where_it_was_sealed_and_shows_nothing() -> None:
    first, second = Sealer("s" * 32), Sealer("s" * 32)
    sealed, again = first.seal(KEY, PLACE), first.seal(KEY, PLACE)

    assert second.open(sealed, PLACE) == second.open(again, PLACE) == KEY
    assert sealed != again, "the same key twice looks like two"
    assert KEY not in sealed and KEY[-4:] not in sealed


def test_it_does_not_open_under_another_secret() -> None:
    assert Sealer("t" * 32).open(Sealer("s" * 32).seal(KEY, PLACE), PLACE) is None


@pytest.mark.parametrize(
    "place",
    [
        ("eve", *PLACE[1:]),
        (PLACE[0], "anthropic", PLACE[2]),
        (*PLACE[:2], "http://elsewhere.example/v1"),
        ("ada\0openai", "", PLACE[2]),
        (),
    ],
)
def test_it_does_not_open_in_another_row_or_for_another_address(place: tuple[str, ...]) -> None:
    sealer = Sealer("s" * 32)
    assert sealer.open(sealer.seal(KEY, PLACE), place) is None


def test_it_does_not_open_when_any_part_of_it_is_changed() -> None:
    sealer = Sealer("s" * 32)
    sealed = next(each for each in iter(lambda: sealer.seal(KEY, PLACE), "") if each[-3] == "A")
    for at, letter in enumerate(sealed):
        other = "A" if letter != "A" else "B"
        changed = sealed[:at] + other + sealed[at + 1 :]
        assert sealer.open(changed, PLACE) is None, at
    for broken in ("", "v1.", "v1.AAAA", "v2." + sealed[3:], sealed[:-9], "v1.é"):
        assert sealer.open(broken, PLACE) is None


@pytest.mark.parametrize(
    ("secret", "end"), [(KEY, "6789"), ("12345678", "78"), ("sixteen-letters-", "ers-")]
)
def test_the_end_that_is_shown_is_a_quarter_of_it_at_most(secret: str, end: str) -> None:
    key = OwnKey("ada", "openai", "v", secret)
    assert key.end == end
    assert secret not in repr(key)
