"""The windows that a plan's limits are counted in. All times are milliseconds since 1970, UTC."""

from calendar import monthrange
from datetime import UTC, datetime

from chat.accounts.domain import DAY

Span = tuple[int, int]  # from, and up to but not including
SECOND = 1_000


def window(kind: str | int, now: int, period: Span | None = None) -> Span:
    """The one that `now` is in. `kind`: a plan's `window`; `period`: its subscription's."""
    if isinstance(kind, int):
        return _cut(now, kind * SECOND)
    if kind == "day":
        return _cut(now, DAY)
    return _of_period(now, period) if period else _month(now)


def _cut(now: int, length: int) -> Span:
    start = now - now % length
    return start, start + length


def _month(now: int) -> Span:
    first = _when(now).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return _milliseconds(first), _milliseconds(_later(first, 1))


def _of_period(now: int, period: Span) -> Span:
    """A month of the period, counted from its first day.

    Where the next period is not known yet the months simply go on.
    """
    start, end = period
    first, today = _when(start), _when(now)
    months = max(0, (today.year - first.year) * 12 + today.month - first.month)
    if months and _milliseconds(_later(first, months)) > now:
        months -= 1
    begins = _milliseconds(_later(first, months))
    ends = _milliseconds(_later(first, months + 1))
    return begins, min(ends, end) if begins < end and now < end else ends


def _later(first: datetime, months: int) -> datetime:
    """The same day of a later month, or its last one."""
    year, month = divmod(first.month - 1 + months, 12)
    year, month = first.year + year, month + 1
    return first.replace(year=year, month=month, day=min(first.day, monthrange(year, month)[1]))


def _when(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _milliseconds(when: datetime) -> int:
    return round(when.timestamp() * 1000)
