"""The models file: what the operator says of endpoints and models, checked before anything runs."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from chat.providers.domain import Model, Price
from chat.providers.listing import usable
from chat.providers.tables import Entry, Table
from chat.settings import BadSettings, Settings

WIRES = ("openai", "anthropic", "gemini")
PRESETS = ("openai", "anthropic", "gemini", "openrouter", "ollama", "embedded")
TAKEN = (*PRESETS, "guide")
MOST_TOKENS = 2**31 - 1
_KEY = re.compile("[a-z0-9][a-z0-9-]{0,39}")
_VARIABLE = re.compile("[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class DeclaredEndpoint:
    """One more endpoint. `discover`: whether it is asked for a list of its models."""

    key: str
    label: str
    wire: str
    url: str
    api_key: str = field(repr=False)
    discover: bool = True


@dataclass(frozen=True, slots=True)
class DeclaredModel:
    """`said`: fields of Model that replace what was found. `order`: None stands behind all orders.

    A hidden model is not offered, and not to be asked either.
    """

    said: Mapping[str, Any]
    order: int | None = None
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Declared:
    endpoints: tuple[DeclaredEndpoint, ...] = ()
    models: Mapping[str, DeclaredModel] = field(default_factory=dict)  # by Model.id

    def told(self, model: Model) -> Model:
        """With what the operator says of it."""
        found = self.models.get(model.id)
        return replace(model, **found.said) if found and found.said else model

    def hides(self, model_id: str) -> bool:
        found = self.models.get(model_id)
        return bool(found and found.hidden)

    def order(self, model: Model) -> int:
        found = self.models.get(model.id)
        return found.order if found and found.order is not None else MOST_TOKENS

    def of(self, endpoint: str, label: str) -> list[Model]:
        """Models of this endpoint that the operator names, whether it lists them or not."""
        named = (model_id for model_id in self.models if model_id.startswith(f"{endpoint}/"))
        return [Model(each, label, each.partition("/")[2]) for each in named]


def declared(settings: Settings) -> Declared:
    """What the models file says; BadSettings with a line for each mistake in it."""
    path = settings.models_file
    if path is None:
        return Declared()
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (OSError, ValueError, RecursionError) as error:
        raise BadSettings([f"MODELS_FILE {path} cannot be read: {error}."]) from error
    reader = _Reader(path, settings.variables)
    made = reader.all(found)
    if reader.mistakes:
        raise BadSettings(reader.mistakes)
    return made


class _Reader:
    """Collects mistakes instead of stopping at the first; values of keys are never repeated."""

    def __init__(self, path: Path, variables: Mapping[str, str]) -> None:
        self._path = path
        self._variables = variables
        self.mistakes: list[str] = []

    def all(self, found: Table) -> Declared:
        top = Entry(self.mistake, "", found)
        endpoints = [self._endpoint(*each) for each in top.tables("endpoints")]
        keys = {*PRESETS, *(each.key for each in endpoints)}
        models = {key: self._model(key, entry, keys) for key, entry in top.tables("models")}
        top.nothing_else()
        return Declared(tuple(endpoints), models)

    def mistake(self, where: str, sentence: str) -> None:
        self.mistakes.append(f"{self._path}: {where and f'[{where}] '}{sentence}")

    def _endpoint(self, key: str, entry: Entry) -> DeclaredEndpoint:
        if not _KEY.fullmatch(key):
            entry.mistake("must be called by small letters, digits and hyphens, 40 at most.")
        if key in TAKEN:
            entry.mistake("is a name that is taken: settings connect that one.")
        made = DeclaredEndpoint(
            key=key,
            label=entry.text("name") or key,
            wire=entry.choice("wire", *WIRES),
            url=entry.address("url"),
            api_key=self._api_key(entry),
            discover=entry.flag("discover", True),
        )
        entry.nothing_else()
        return made

    def _api_key(self, entry: Entry) -> str:
        ways = [name for name in ("key", "key_env", "key_file") if name in entry.left]
        given = {name: entry.text(name, secret=name == "key") for name in ways}
        if len(ways) > 1:
            entry.mistake(f"{' and '.join(ways)} are two places of one key: keep one.")
        elif name := given.get("key_env"):
            return self._from_variable(entry, name)
        elif path := given.get("key_file"):
            return self._from_file(entry, path)
        return self._usable(entry, "key", given.get("key", ""))

    def _from_variable(self, entry: Entry, name: str) -> str:
        if not _VARIABLE.fullmatch(name):  # perhaps a key, in the wrong place
            entry.mistake("key_env must be the name of a variable of the environment.")
            return ""
        if not (value := self._variables.get(name, "").strip()):
            entry.mistake(f"key_env names {name}, which is not set.")
        return self._usable(entry, "key_env", value)

    def _from_file(self, entry: Entry, path: str) -> str:
        try:
            value = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            entry.mistake(f"key_file cannot be read: {error}.")
            return ""
        return self._usable(entry, "key_file", value)

    def _usable(self, entry: Entry, name: str, value: str) -> str:
        if not value.isascii() or not value.isprintable() or " " in value:
            entry.mistake(f"{name} must be one word of ASCII characters, as the provider gave it.")
        return value

    def _model(self, model_id: str, entry: Entry, endpoints: set[str]) -> DeclaredModel:
        endpoint, slash, own_id = model_id.partition("/")
        if not slash or not usable(own_id):
            entry.mistake('must be called "<endpoint>/<the provider\'s own id>".')
        elif endpoint not in endpoints:
            entry.mistake(f"is of no endpoint: {endpoint!r} is neither in the file nor built in.")
        said = {
            "name": entry.text("name"),
            "note": entry.text("note"),
            "context": entry.count("context", 1, MOST_TOKENS),
            "max_output": entry.count("max_output", 1, MOST_TOKENS),
            "context_limit": entry.count("context_limit", 1_024, MOST_TOKENS),
            "sees": entry.flag("sees_images"),
            "reasons": entry.flag("reasons"),
            "price": self._price(entry),
            "plan": entry.text("plan"),
        }
        order = entry.count("order", -1_000_000, 1_000_000)
        made = DeclaredModel(_given(said), order, entry.flag("hidden", False))
        entry.nothing_else()
        return made

    def _price(self, entry: Entry) -> Price | None:
        table = entry.table("price")
        if table is None:
            return None
        one, other = table.dollars("input"), table.dollars("output")
        cached = table.dollars("cached", one)
        written = table.dollars("cache_write") if "cache_write" in table.left else None
        table.nothing_else()
        return Price(one, cached, other, written)


def _given(said: Table) -> Table:
    return {name: value for name, value in said.items() if value is not None and value != ""}
