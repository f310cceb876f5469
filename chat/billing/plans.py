"""Plans: what an account may use, as the operator wrote it, checked before anything runs."""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from chat.providers.domain import Model
from chat.providers.guide import MODEL as GUIDE
from chat.providers.offer import Offer
from chat.providers.tables import Entry, Table
from chat.settings import BadSettings, Settings
from chat.web.i18n import N_

MOST = 10**15
SHORTEST_WINDOW, LONGEST_WINDOW = 1, 366 * 24 * 60 * 60  # seconds
LONGEST_PATTERN = 200
GRACE = 7  # days
_KEY = re.compile("[a-z0-9][a-z0-9_-]{0,39}")
_PRICE = re.compile("[A-Za-z0-9_-]{1,255}")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is None has no limit. `window`: "day", "period", or seconds counted from 1970.

    `models`: shell patterns on a model's id or the provider's own. `price`: Stripe's id, '' for a
    plan that cannot be bought.
    """

    key: str
    name: str
    price: str = ""
    window: str | int = "day"
    models: tuple[str, ...] = ("*",)
    messages: int | None = None  # replies asked for in a window
    output_tokens: int | None = None  # in a window
    parallel: int | None = None  # replies being written at once
    upload_bytes: int | None = None  # of one file
    upload_files: int | None = None  # with one message
    stored_bytes: int | None = None
    trial_days: int = 0
    promotion_codes: bool = False


LIMITS = "messages output_tokens parallel upload_bytes upload_files stored_bytes".split()
UNLIMITED = Plan("free", N_("Free"))
BUILT_IN = (
    Plan(
        "free", N_("Free"), messages=20, output_tokens=50_000, parallel=1,
        upload_bytes=5_000_000, upload_files=5, stored_bytes=100_000_000,
    ),
    Plan(
        "pro", N_("Pro"), window="period", messages=1_500, output_tokens=5_000_000, parallel=4,
        upload_bytes=50_000_000, upload_files=20, stored_bytes=5_000_000_000,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Plans:
    """Never changed. `default`: everybody's without a subscription. `grace_days`: how long a plan
    outlives its first failed payment. `by_key`: the default first, then in the file's order, which
    is from the least to the most. `mistakes`: lines about the file; nothing is sold until then.
    """

    default: Plan = UNLIMITED
    grace_days: int = GRACE
    by_key: Mapping[str, Plan] = field(default_factory=lambda: {UNLIMITED.key: UNLIMITED})
    by_price: Mapping[str, Plan] = field(default_factory=dict)
    mistakes: tuple[str, ...] = ()

    def allows(self, plan: Plan, model: Model) -> bool:
        """Its patterns hold the model, and it is not below the one that the models file names.

        The guide is no model, and always there.
        """
        if model.id == GUIDE.id:
            return True
        if self._rank(plan.key) < self._rank(model.plan):
            return False
        if self.mistakes and model.plan and model.plan not in self.by_key:
            return False  # of a plan that could not be read
        return any(
            fnmatchcase(name, pattern)
            for pattern in plan.models
            for name in (model.id, model.own_id)
        )

    def holder(self, model: Model) -> Plan | None:
        """The least plan that allows it."""
        return next((plan for plan in self.by_key.values() if self.allows(plan, model)), None)

    def higher(self, plan: Plan) -> Plan | None:
        """The next plan behind this one that can be bought."""
        behind = list(self.by_key.values())[self._rank(plan.key) + 1 :]
        return next((each for each in behind if each.price), None)

    def default_model(self, plan: Plan, offer: Offer) -> Model:
        """What a new conversation begins with: the catalogue's default, or the first allowed."""
        if self.allows(plan, offer.default):
            return offer.default
        groups = sorted(offer.groups, key=lambda group: bool(group.trouble))
        models = (model for group in groups for model in group.models)
        return next((model for model in models if self.allows(plan, model)), GUIDE)

    def _rank(self, key: str) -> int:
        """-1 for what is no plan."""
        return list(self.by_key).index(key) if key in self.by_key else -1


def plans(settings: Settings) -> Plans:
    """What PLANS_FILE says; else free and pro where Stripe is set up; else one without limits.

    BadSettings with a line for each mistake.
    """
    found = readable(settings)
    if found.mistakes:
        raise BadSettings(list(found.mistakes))
    return found


def readable(settings: Settings) -> Plans:
    """The same as far as it can be read: what cannot is as little as the built-in free plan has."""
    path, sells = settings.plans_file, _sells(settings)
    if path is None:
        made = _priced(BUILT_IN, settings) if sells else (UNLIMITED,)
        return _plans(made[0], GRACE, made, sells=sells)
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (OSError, ValueError, RecursionError) as error:
        made = _priced(BUILT_IN, settings)
        line = f"PLANS_FILE {path} cannot be read: {error}."
        return replace(_plans(made[0], GRACE, made, sells=sells), mistakes=(line,))
    reader = _Reader(path, settings)
    made_of_it = reader.all(found)
    return replace(made_of_it, mistakes=tuple(reader.mistakes))


class _Reader:
    """Collects mistakes instead of stopping at the first."""

    def __init__(self, path: Path, settings: Settings) -> None:
        self._path = path
        self._settings = settings
        self.mistakes: list[str] = []

    def all(self, found: Table) -> Plans:
        top = Entry(self.mistake, "", found)
        default, grace = top.text("default"), top.count("grace_days", 0, 365)
        made = [self._plan(*each) for each in top.tables("plans")]
        top.nothing_else()
        self._check_default(default, made)
        made.sort(key=lambda plan: plan.key != default)
        if default not in [plan.key for plan in made]:
            made = [BUILT_IN[0], *(plan for plan in made if plan.key != BUILT_IN[0].key)]
        priced = _priced(made, self._settings)
        self._check_prices(priced)
        sells = _sells(self._settings)
        return _plans(priced[0], GRACE if grace is None else grace, priced, sells=sells)

    def mistake(self, where: str, sentence: str) -> None:
        self.mistakes.append(f"{self._path}: {where and f'[{where}] '}{sentence}")

    def _plan(self, key: str, entry: Entry) -> Plan:
        before = len(self.mistakes)
        if not _KEY.fullmatch(key):
            entry.mistake(
                "must be called by small letters, digits, hyphens and underscores, 40 at most."
            )
        made = Plan(
            key=key,
            name=entry.text("name") or key,
            price=self._price(entry),
            window=_window(entry),
            models=_patterns(entry),
            messages=entry.count("messages", 0, MOST),
            output_tokens=entry.count("output_tokens", 0, MOST),
            parallel=entry.count("parallel", 1, MOST),
            upload_bytes=entry.count("upload_bytes", 0, MOST),
            upload_files=entry.count("upload_files", 0, MOST),
            stored_bytes=entry.count("stored_bytes", 0, MOST),
            trial_days=entry.count("trial_days", 0, 730) or 0,
            promotion_codes=entry.flag("promotion_codes", False) is True,
        )
        entry.nothing_else()
        return made if len(self.mistakes) == before else _careful(made)

    def _price(self, entry: Entry) -> str:
        price = entry.text("price")
        if price and not _PRICE.fullmatch(price):
            entry.mistake("price must be the id of a price at Stripe, such as price_1Abc.")
        return price

    def _check_default(self, default: str, made: list[Plan]) -> None:
        if default not in [plan.key for plan in made]:
            known = ", ".join(plan.key for plan in made) or "there is none"
            self.mistake("", f"default must be the key of a plan ({known}), not {default!r}.")
        for plan in made:
            if plan.key == default and plan.price:
                self.mistake(f"plans.{plan.key}", "is everybody's: it can have no price.")

    def _check_prices(self, made: Iterable[Plan]) -> None:
        prices: dict[str, str] = {}
        for plan in made:
            if plan.price in prices:
                other = prices[plan.price]
                self.mistake(f"plans.{plan.key}", f"has the price of plans.{other}: {plan.price}.")
            elif plan.price:
                prices[plan.price] = plan.key
        if _sells(self._settings) and not prices and not self.mistakes:
            self.mistake("", "there must be a plan behind the default one, to be sold.")


def _careful(plan: Plan) -> Plan:
    """A limit that was misspelt must not become none."""
    least = BUILT_IN[0]
    gaps: dict[str, Any] = {n: getattr(least, n) for n in LIMITS if getattr(plan, n) is None}
    return replace(plan, **gaps)


def _sells(settings: Settings) -> bool:
    """Whether Stripe is set up."""
    return all(
        (settings.stripe_secret_key, settings.stripe_webhook_secret, settings.stripe_price_id)
    )


def _plans(default: Plan, grace: int, made: Sequence[Plan], *, sells: bool) -> Plans:
    by_key = {plan.key: plan for plan in made}
    sold = {plan.price: plan for plan in made if plan.price} if sells else {}
    return Plans(default, grace, by_key, sold)


def _priced(made: Iterable[Plan], settings: Settings) -> tuple[Plan, ...]:
    """STRIPE_PRICE_ID is the price of the first plan behind the default one that names none."""
    found, price = list(made), settings.stripe_price_id
    if _sells(settings) and price not in [plan.price for plan in found]:
        for at, plan in enumerate(found[1:], start=1):
            if not plan.price:
                found[at] = replace(plan, price=price)
                break
    return tuple(found)


def _window(entry: Entry) -> str | int:
    value = entry.left.get("window", "day")
    if type(value) is int:
        return entry.count("window", SHORTEST_WINDOW, LONGEST_WINDOW) or SHORTEST_WINDOW
    if value in ("day", "period"):
        entry.left.pop("window", None)
        return str(value)
    entry.left.pop("window")
    entry.mistake('window must be "day", "period" or a number of seconds.')
    return "day"


def _patterns(entry: Entry) -> tuple[str, ...]:
    value = entry.left.pop("models", ["*"])
    if not isinstance(value, list):
        entry.mistake('models must be a list of patterns, such as ["openai/*", "*-mini"].')
        return (value,) if _usable(value) else ()
    for pattern in value:
        if not _usable(pattern):
            shown = repr(pattern)[:60]
            entry.mistake(f"models holds what is no pattern of a model's name: {shown}.")
    return tuple(str(pattern) for pattern in value)


def _usable(pattern: object) -> bool:
    """A bracket that is never closed would be taken as it is, which nobody means."""
    if not isinstance(pattern, str) or not 0 < len(pattern) <= LONGEST_PATTERN:
        return False
    bare = re.sub(r"\[!?\]?[^\]]*\]", "", pattern)
    return pattern.isprintable() and " " not in pattern and not set("[]") & set(bare)
