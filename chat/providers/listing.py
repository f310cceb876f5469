"""Lists of models as endpoints give them: what is in them is looked at before it is believed."""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from chat.providers.domain import Model, Price, ProviderError

MAX_LIST = 20_000_000  # bytes: 10,000 models that are described at length
MAX_MODELS = 10_000
MAX_NAME = 200  # characters


def entries(body: bytes, key: str) -> list[dict[str, Any]]:
    """The objects in the list under `key`, or in the list that the body is; else ProviderError."""
    try:
        found = json.loads(body) if len(body) <= MAX_LIST else None
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        found = found.get(key)
    if not isinstance(found, list):
        raise ProviderError("protocol", "the list of models cannot be read")
    return [entry for entry in found[:MAX_MODELS] if isinstance(entry, dict)]


async def models(
    listed: Iterable[dict[str, Any]],
    own_id: Callable[[dict[str, Any]], object],
    model: Callable[[str, dict[str, Any]], Model],
    keep: Callable[[str], bool] = lambda own_id: True,
) -> list[Model]:
    """One Model for each id that can be used, in the order of the list.

    Of 10,000 it takes a quarter of a second, for which nobody else shall wait.
    """

    def made() -> list[Model]:
        found: dict[str, Model] = {}
        for entry in listed:
            its = own_id(entry)
            if isinstance(its, str) and usable(its) and keep(its) and its not in found:
                found[its] = model(its, entry)
        return list(found.values())

    return await asyncio.to_thread(made)


def usable(own_id: str) -> bool:
    """Whether a provider's own id can be one: it is shown, stored and sent."""
    return own_id.isprintable() and 0 < len(own_id) <= MAX_NAME


def name(value: object, own_id: str) -> str:
    """The name in a list, or the id where that is none."""
    return value if isinstance(value, str) and 0 < len(value) <= MAX_NAME else own_id


def note(notes: Mapping[str, str], own_id: str) -> str:
    """The note of the first beginning that fits; empty when none does."""
    return next((note for start, note in notes.items() if own_id.startswith(start)), "")


def inside(entry: dict[str, Any], *path: str) -> object:
    """What stands at the end of the path; None when something on it is missing."""
    found: object = entry
    for step in path:
        found = found.get(step) if isinstance(found, dict) else None
    return found


def words(entry: dict[str, Any], *path: str) -> list[object]:
    """The list at the end of the path; empty when there is none."""
    found = inside(entry, *path)
    return found if isinstance(found, list) else []


def price(entry: dict[str, Any]) -> Price | None:
    """Of dollars for a token, written as text (OpenRouter); None unless both ways are told."""
    one, other, cached, written = (
        _micro(inside(entry, "pricing", name))
        for name in ("prompt", "completion", "input_cache_read", "input_cache_write")
    )
    if one is None or other is None:
        return None
    return Price(one, one if cached is None else cached, other, written)


def _micro(dollars: object) -> int | None:
    """Micro-dollars for a million tokens; a price below 0 means that it varies."""
    try:
        found = Decimal(dollars) if isinstance(dollars, str) and len(dollars) < 40 else None
    except ArithmeticError:
        return None
    if found is None or not found.is_finite() or not 0 <= found <= 1:
        return None
    return round(found * 10**12)


def first_count(*values: object) -> int:
    """The first number of tokens among the values; 0 when there is none."""
    return next((value for value in values if type(value) is int and 0 < value < 2**31), 0)
