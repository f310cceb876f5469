"""The bars of the last days, in the units of their drawing."""

from collections.abc import Sequence
from dataclasses import dataclass

from chat.usage.domain import Line

HEIGHT, STEP, WIDTH = 100, 10, 7  # of the drawing, from bar to bar, of a bar
LEAST = 1.5  # the height of a bar that is not nothing


@dataclass(frozen=True, slots=True)
class Bar:
    """One day. `value`: micro-dollars or tokens; `y` counts from above."""

    day: int
    value: int
    x: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """`money`: values are micro-dollars, else tokens. `most`: the largest value."""

    bars: tuple[Bar, ...]
    money: bool
    most: int
    width: int
    bar: int = WIDTH
    height: int = HEIGHT


def chart(lines: Sequence[Line], first: int, last: int) -> Chart:
    """A bar for each day from `first` to `last`: what it cost, or its tokens if nothing did."""
    money = any(line.cost for line in lines)
    values = {int(line.key): line.cost if money else line.tokens for line in lines}
    most = max(values.values(), default=0)
    days = range(first, last + 1)
    bars = tuple(_bar(day, n, values.get(day, 0), most) for n, day in enumerate(days))
    return Chart(bars, money, most, len(days) * STEP)


def _bar(day: int, number: int, value: int, most: int) -> Bar:
    height = max(LEAST, round(HEIGHT * value / most, 2)) if value else 0
    x = number * STEP + (STEP - WIDTH) / 2
    return Bar(day, value, x, round(HEIGHT - height, 2), height)
