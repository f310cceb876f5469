"""Tables of a TOML file as an operator writes them: whatever is wrong is told, not guessed."""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from chat import checks

Table = dict[str, Any]
MOST_DOLLARS = 1_000_000


class Entry:
    """One table of the file. What was asked for is no longer in `left`."""

    def __init__(self, mistake: Callable[[str, str], None], where: str, found: Table) -> None:
        self._mistake = mistake
        self._where = where
        self.left = dict(found)

    def mistake(self, sentence: str) -> None:
        self._mistake(self._where, sentence)

    def nothing_else(self) -> None:
        for name in self.left:
            self.mistake(f"{_bare(name)} is not known here.")

    def text(self, name: str, *, secret: bool = False) -> str:
        value = self.left.pop(name, None)
        if value is None or (isinstance(value, str) and value.isprintable() and value.strip()):
            return (value or "").strip()
        self.mistake(f"{name} must be a line of text{'.' if secret else _not(value)}")
        return ""

    def choice(self, name: str, *values: str) -> str:
        value = self.left.pop(name, None)
        if value not in values:
            self.mistake(f"{name} must be one of {', '.join(values)}{_not(value)}")
            return values[0]
        return str(value)

    def address(self, name: str) -> str:
        value = self.left.pop(name, None)
        if not (isinstance(value, str) and checks.address(value)):
            shown = checks.without_password(value) if isinstance(value, str) else value
            self.mistake(f"{name} must be an http:// or https:// address{_not(shown)}")
        return str(value).rstrip("/")

    def flag(self, name: str, default: bool | None = None) -> Any:
        value = self.left.pop(name, default)
        if value is not default and type(value) is not bool:
            self.mistake(f"{name} must be true or false{_not(value)}")
        return value

    def count(self, name: str, least: int, most: int) -> int | None:
        value = self.left.pop(name, None)
        if value is None or (type(value) is int and least <= value <= most):
            return value
        self.mistake(f"{name} must be a whole number from {least} to {most}{_not(value)}")
        return None

    def dollars(self, name: str, default: int | None = None) -> int:
        """Micro-dollars."""
        value = self.left.pop(name, None)
        if value is None and default is not None:
            return default
        number = Decimal(value) if type(value) in (int, Decimal) else None
        if number is not None and number.is_finite() and 0 <= number <= MOST_DOLLARS:
            return round(number * 1_000_000)
        self.mistake(f"{name} must be dollars for a million tokens, 0 or more{_not(value)}")
        return 0

    def table(self, name: str) -> "Entry | None":
        value = self.left.pop(name, None)
        if isinstance(value, dict):
            where = f"{self._where}.{_bare(name)}" if self._where else _bare(name)
            return Entry(self._mistake, where, value)
        if value is not None:
            self.mistake(f"{_bare(name)} must be a table{_not(value)}")
        return None

    def tables(self, name: str) -> list[tuple[str, "Entry"]]:
        """The tables in this one, by their names."""
        found = self.table(name)
        inner = [(key, found.table(key)) for key in list(found.left)] if found else []
        return [(key, entry) for key, entry in inner if entry]


def _bare(key: str) -> str:
    return key if re.fullmatch("[A-Za-z0-9_-]+", key) else json.dumps(key[:80], ensure_ascii=False)


def _not(value: object) -> str:
    if value is None:
        return ", and is missing."
    try:
        shown = str(value) if isinstance(value, Decimal) else repr(value)
    except ValueError:  # Python writes no whole number of so many digits
        shown = "a number that long"
    return f", not {shown if len(shown) <= 60 else shown[:60] + '…'}."
