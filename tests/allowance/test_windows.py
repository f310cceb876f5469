"""In which window something is counted: at midnight, at the end of a month, of a period."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.billing.windows import window

MOMENTS = st.integers(0, 4_000_000_000_000)


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def span(start: str, end: str) -> tuple[int, int]:
    return at(start), at(end)


@pytest.mark.parametrize(
    ("kind", "now", "expected"),
    [
        ("day", "2026-02-28T23:59:59.999", ("2026-02-28", "2026-03-01")),
        ("day", "2026-03-01T00:00:00", ("2026-03-01", "2026-03-02")),
        ("period", "2026-12-31T23:59:59.999", ("2026-12-01", "2027-01-01")),
        ("period", "2027-01-01T00:00:00", ("2027-01-01", "2027-02-01")),
        (3_600, "2026-05-05T10:59:59.999", ("2026-05-05T10:00", "2026-05-05T11:00")),
        (3_600, "2026-05-05T11:00:00", ("2026-05-05T11:00", "2026-05-05T12:00")),
    ],
)
def test_it_is_of_utc(kind: str | int, now: str, expected: tuple[str, str]) -> None:
    assert window(kind, at(now)) == span(*expected)


YEAR = span("2027-01-31T10:20:30", "2028-01-31T10:20:30")


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2027-01-31T10:20:30", ("2027-01-31T10:20:30", "2027-02-28T10:20:30")),
        ("2027-02-28T10:20:29.999", ("2027-01-31T10:20:30", "2027-02-28T10:20:30")),
        ("2027-02-28T10:20:30", ("2027-02-28T10:20:30", "2027-03-31T10:20:30")),
        ("2027-12-31T10:20:30", ("2027-12-31T10:20:30", "2028-01-31T10:20:30")),
        ("2028-02-03T00:00:00", ("2028-01-31T10:20:30", "2028-02-29T10:20:30")),  # not renewed yet
        ("2027-01-31T10:20:00", ("2027-01-31T10:20:30", "2027-02-28T10:20:30")),  # a slow clock
    ],
)
def test_a_year_is_cut_into_months_from_its_first_day(now: str, expected: tuple[str, str]) -> None:
    assert window("period", at(now), YEAR) == span(*expected)


def test_the_last_part_ends_with_its_period() -> None:
    weeks = span("2027-03-10", "2027-04-20")
    assert window("period", at("2027-04-15"), weeks) == span("2027-04-10", "2027-04-20")


def test_a_subscription_changes_nothing_of_a_day() -> None:
    assert window("day", at("2027-02-02T12:00"), YEAR) == span("2027-02-02", "2027-02-03")


@given(MOMENTS, st.one_of(st.just("day"), st.just("period"), st.integers(60, 31_622_400)))
def test_windows_follow_each_other_without_a_gap(now: int, kind: str | int) -> None:
    start, end = window(kind, now)
    assert start <= now < end
    assert window(kind, end)[0] == end
    assert window(kind, start) == window(kind, end - 1) == (start, end)


@given(st.integers(0, 3_000_000_000), st.integers(0, 900), st.integers(0, 900))
def test_so_do_the_months_of_a_period(begun: int, days: int, later: int) -> None:
    first = begun * 1000
    period = first, first + (days + 1) * 86_400_000
    now = first + later * 86_400_000
    start, end = window("period", now, period)
    assert start <= now < end
    assert window("period", end - 1, period)[0] == start
    following = period if end != period[1] else (end, end + 86_400_000)
    assert window("period", end, following)[0] == end
