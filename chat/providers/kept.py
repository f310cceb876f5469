"""Lists of models as they outlive the process, so that a restart shows the last known ones."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Protocol

from chat.providers.domain import Model, Price

NAMES = tuple(each.name for each in fields(Model) if each.name != "own")


@dataclass(frozen=True, slots=True)
class KeptList:
    """`label`: what the endpoint was called then; another address usually has another one."""

    endpoint: str
    label: str
    models: str


class Shelf(Protocol):
    """Where lists are kept; any error of it costs the list and nothing else."""

    async def lists(self) -> list[KeptList]: ...

    async def keep(self, kept: KeptList) -> None: ...


def written(models: Iterable[Model]) -> str:
    entries = [{name: getattr(model, name) for name in NAMES} for model in models]
    return json.dumps(entries, separators=(",", ":"), default=asdict)


def models(text: str) -> tuple[Model, ...] | None:
    """What `written` has made; None when another version of this program wrote otherwise."""
    try:
        return tuple(_model(**entry) for entry in json.loads(text))
    except (ValueError, TypeError):
        return None


def _model(price: Mapping[str, int] | None = None, **rest: object) -> Model:
    return Model(**rest, price=Price(**price) if price else None)  # type: ignore[arg-type] # checked by nobody but `written`
