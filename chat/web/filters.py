"""Dates and numbers as the reader writes them."""

from copy import copy
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

from babel.dates import format_date, format_datetime, format_skeleton, format_time, get_month_names
from babel.numbers import format_currency, format_decimal, get_currency_precision

from chat.web.i18n import gettext, language, locale


def moment(milliseconds: int) -> str:
    """Date and time, UTC, of milliseconds since 1970."""
    return format_datetime(_when(milliseconds), "medium", locale=locale())


def minute(milliseconds: int) -> str:
    """The same without seconds."""
    when = _when(milliseconds)
    date = format_date(when, "medium", locale=locale())
    return f"{date}, {format_time(when, 'short', locale=locale())}"


def day(milliseconds: int) -> str:
    return format_date(_when(milliseconds), "long", locale=locale())


def short_day(day: int) -> str:
    """Day and month of a number of days since 1970."""
    return format_skeleton("MMMd", _when(day * 86_400_000), locale=locale())


def number(value: float) -> str:
    return _number(value, language())


@lru_cache(1_000)
def _number(value: float, tag: str) -> str:
    """`tag`: the language, that of the request."""
    return format_decimal(value, locale=locale())


def size(count: int) -> str:
    """Bytes in the largest unit that leaves a number before the point: 812 kB, 1.4 MB."""
    value, units = float(count), iter(("bytes", "kB", "MB", "GB", "TB"))
    unit = next(units)
    while value >= 999.5 and unit != "TB":
        value, unit = value / 1000, next(units)
    shown = round(value, 1) if unit not in ("bytes", "kB") and value < 100 else round(value)
    return f"{number(shown)} {'byte' if count == 1 else unit}"


def money(micro: int, figures: int = 2, least: int = 2) -> str:
    """Micro-dollars in dollars: so many figures of small amounts, and `least` decimals or more."""
    decimals = min(6, max(least, 6 + figures - len(str(micro)))) if micro else least
    pattern = copy(locale().currency_formats["standard"])
    pattern.frac_prec = (decimals, decimals)
    dollars = Decimal(micro).scaleb(-6)
    return str(pattern.apply(dollars, locale(), currency="USD", currency_digits=False))


def price(minor: int, currency: str) -> str:
    """An amount of a currency's smallest unit, in that currency."""
    code = currency.upper()
    value = Decimal(minor).scaleb(-get_currency_precision(code))
    return format_currency(value, code, locale=locale())


def age(milliseconds: int, now: int) -> str:
    """Today, yesterday, this week, else the month: the headings of the history."""
    then, today = _when(milliseconds).date(), _when(now).date()
    days = (today - then).days
    if days <= 0:
        return gettext("Today")
    if days == 1:
        return gettext("Yesterday")
    if days < 7:
        return gettext("This week")
    month = str(get_month_names("wide", "stand-alone", locale())[then.month]).capitalize()
    if then.year == today.year:
        return month
    return gettext("%(month)s %(year)s", month=month, year=then.year)


def _when(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
