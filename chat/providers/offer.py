"""What there is to choose from: models in the order of the picker, and who is out of reach."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from chat.providers.domain import Model
from chat.providers.guide import LABEL
from chat.providers.guide import MODEL as GUIDE


@dataclass(frozen=True, slots=True)
class Group:
    """The models of one endpoint. `trouble`: the kind of failure of its last look, or empty."""

    label: str
    models: tuple[Model, ...]
    trouble: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Offer:
    """Never changed, but replaced by another one: what is made of it can be kept for as long."""

    groups: tuple[Group, ...]
    models: Mapping[str, Model] = field(repr=False)  # by id
    down: Mapping[str, str] = field(repr=False)  # troubles by the key of the endpoint
    default: Model

    @property
    def long(self) -> bool:
        """Whether one searches it rather than looks through it."""
        return len(self.models) > LONG


LONG = 12  # models


def offer(groups: Iterable[Group], down: Mapping[str, str]) -> Offer:
    """Of the endpoints in their order; the guide comes last."""
    real = [group for group in groups if group.models or group.trouble]
    full = [group for group in real if group.models]
    best = next((group for group in full if not group.trouble), full[0] if full else None)
    found = (*real, Group(LABEL, (GUIDE,)))
    models = {model.id: model for group in found for model in group.models}
    return Offer(found, models, dict(down), best.models[0] if best else GUIDE)
