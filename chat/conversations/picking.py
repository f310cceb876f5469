"""What the model picker shows: what there is, what it can do and costs, who is out of reach."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from babel.numbers import format_compact_decimal
from markupsafe import Markup
from quart import Quart

from chat.accounts import visitor
from chat.billing import current as billing
from chat.billing.parts import current_plans
from chat.billing.plans import Plan, Plans
from chat.conversations.domain import Conversation
from chat.keys import own
from chat.providers.domain import Model, Price
from chat.providers.guide import MODEL as GUIDE
from chat.providers.offer import LONG, Group, Offer
from chat.web.addresses import address
from chat.web.current import current_catalog
from chat.web.failures import sentence
from chat.web.i18n import LANGUAGES, gettext, language, locale, speaking
from chat.web.templating import fragment
from chat.web.text import clean, first_words

# Below these micro-dollars for a million tokens, of which three in four go in: $, $$, else $$$.
CLASSES = (500_000, 5_000_000)
LISTLESS = ("not_found", "bad_request", "protocol")  # failures of those that are there
SIDES = 2  # models beside the chosen one


@dataclass(frozen=True, slots=True)
class Picker:
    """`options`: HTML of all groups; in a `long` list the first one holds what is likely wanted.

    `url`: where a switch is posted. `trouble`: a sentence when the chosen model is not there, or
    locked; `left_out`: one when it will not be sent all of the conversation. `sides`: options of
    two lists more, for models that answer beside the chosen one; of a long list they hold what is
    likely wanted.
    """

    options: Markup
    long: bool
    count: int
    chosen: Model
    good_for: str
    url: str
    trouble: str
    sides: tuple[Markup, ...]
    left_out: str = ""


def picker(
    conversation: Conversation | None,
    model_id: str = "",
    sides: Sequence[str] = (),
    *,
    all_sides: bool = False,
) -> Picker:
    """For a conversation, or for a new one (the model used last comes first).

    `sides`: ids of models to be compared with it, as a form named them. `all_sides`: every model in
    their lists, however many there are.
    """
    catalog, account = current_catalog(), visitor.account()
    offer, last = catalog.offer(), account.model if account else ""
    mine = own.groups()
    count = len(offer.models) + sum(len(group.models) for group in mine)
    wanted, found = _wanted(conversation, model_id)
    chosen = found or billing.default_model()
    if conversation:
        url = address("conversations.model", conversation_id=conversation.id)
    else:
        url = address("conversations.default_model")
    return Picker(
        options=_searched(offer, mine, chosen, last)
        if count > LONG
        else _shown(offer, mine, chosen),
        long=count > LONG,
        count=count,
        chosen=chosen,
        good_for=gettext(chosen.note) if chosen.note else about(chosen),
        url=url,
        trouble=_trouble(
            offer, mine, chosen, "" if found or not (conversation or model_id) else wanted
        ),
        sides=tuple(
            _beside(offer, mine, named, (chosen.id, last), all_sides or count <= LONG)
            for named in (*sides[:SIDES], *[""] * SIDES)[:SIDES]
        ),
    )


def picked(conversation: Conversation | None) -> Model:
    """The chosen one of its picker, without the picker: what is asked where nobody says whom."""
    return _wanted(conversation, "")[1] or billing.default_model()


def _wanted(conversation: Conversation | None, model_id: str) -> tuple[str, Model | None]:
    """The id of what was chosen last, and the model if it is there to be chosen."""
    account = visitor.account()
    last = account.model if account else ""
    wanted = model_id or (conversation.model if conversation else last)
    found = own.find(wanted) if wanted else None
    if found and not (conversation or billing.allowed(found)):
        found = None  # nobody begins with a model that is locked
    return wanted, found


def choices(model_id: str) -> Markup:
    """The options of a list beside the picker; '' chooses none, nor does a model that is gone."""
    chosen = own.find(model_id) if model_id else None
    offer, mine = current_catalog().offer(), own.groups()
    if chosen and chosen.id not in offer.models and not _theirs(mine, chosen):
        return _options(mine, chosen, own=True) + _options(_with(offer, chosen), chosen)
    return _options(mine, chosen, own=True) + _everything(offer, chosen)


def about(model: Model) -> str:
    """What a model is good for, what it can do, how much it reads at once, what it costs."""
    return _about(*_told(model), tag=language())


def _told(model: Model) -> tuple[str, bool, bool, int, int]:
    """All that `about` depends on: thousands of models have a few dozen of these."""
    return model.note, model.reasons, model.sees, model.context, _class(model.price)


@lru_cache(1_000)
def _about(note: str, reasons: bool, sees: bool, context: int, price: int, *, tag: str) -> str:
    """`tag`: the language, that of the request."""
    told = [gettext(note)] if note else []
    if reasons:
        told.append(gettext("thinks first"))
    if sees:
        told.append(gettext("sees images"))
    if context:
        told.append(gettext("%(count)s tokens", count=_size(context, tag=tag)))
    if price >= 0:
        told.append("$" * price or gettext("free"))
    return " · ".join(told)


@lru_cache(1_000)
def _size(context: int, *, tag: str) -> str:
    return str(format_compact_decimal(context, locale=locale()))


def _class(price: Price | None) -> int:
    """How many $ stand for it; -1 when nobody knows."""
    if price is None:
        return -1
    if not price.input and not price.output:
        return 0
    usual = (3 * price.input + price.output) // 4
    return 1 + sum(usual >= least for least in CLASSES)


def _searched(offer: Offer, mine: tuple[Group, ...], chosen: Model, last: str) -> Markup:
    """What is likely wanted, then everything; of that depends only on the plan who asks."""
    first = _likely(chosen.id, last)
    return _options((first,), chosen) + _options(mine, None, own=True) + _everything(offer)


def _beside(
    offer: Offer, mine: tuple[Group, ...], named: str, likely: Sequence[str], whole: bool
) -> Markup:
    """Of one list more; `whole`: every model, not only those that are likely wanted."""
    model = own.find(named) if named else None
    if not whole:
        return _options((_likely(named, *likely),), model)
    return _options(mine, model, own=True) + _everything(offer, model)


def _likely(*ids: str) -> Group:
    default = billing.default_model()
    wanted = dict.fromkeys(each for each in (*ids, default.id) if each)
    found = tuple(model for each in wanted if (model := own.find(each)))
    return Group(gettext("Used last, and the default"), found or (default,))


def _everything(offer: Offer, chosen: Model | None = None) -> Markup:
    made = _all(offer, language(), current_plans(), billing.standing().access.plan)
    if chosen is None:
        return made
    option = Markup('<option value="{}"').format(chosen.id)
    return Markup(str(made).replace(option, f"{option} selected", 1))  # noqa: S704 (both are ours)


def _shown(offer: Offer, mine: tuple[Group, ...], chosen: Model) -> Markup:
    """Theirs first; the chosen model is always in the list."""
    if chosen.id in offer.models and not mine:
        return _everything(offer, chosen)
    groups = offer.groups if _theirs(mine, chosen) else _with(offer, chosen)
    return _options(mine, chosen, own=True) + _options(groups, chosen)


def _theirs(mine: tuple[Group, ...], chosen: Model) -> bool:
    return any(model.id == chosen.id for group in mine for model in group.models)


def _with(offer: Offer, chosen: Model) -> tuple[Group, ...]:
    """The chosen model is always in the list, also while its endpoint cannot be asked."""
    if chosen.id in offer.models:
        return offer.groups
    trouble = offer.down.get(chosen.endpoint, "")
    others = (group for group in offer.groups if group.models or group.label != chosen.provider)
    return (Group(chosen.provider, (chosen,), trouble), *others)


def preparing(app: Quart) -> Callable[[Offer], Awaitable[None]]:
    """What makes the options of a long list before it is offered: no page has to wait for them."""

    async def prepare(offer: Offer) -> None:
        plans: Plans = app.extensions["plans"]
        async with app.app_context():
            for tag, plan in product(LANGUAGES, plans.by_key.values() if offer.long else ()):
                await asyncio.to_thread(_all, offer, tag, plans, plan)

    return prepare


@lru_cache(16)
def _all(offer: Offer, tag: str, plans: Plans, plan: Plan) -> Markup:
    """Made once for each state of the catalogue, language and plan: there may be thousands."""
    with speaking(tag):
        return _written(offer.groups, None, plans, plan)


def _options(groups: tuple[Group, ...], chosen: Model | None, own: bool = False) -> Markup:
    """For who asks. `own`: they are there by a key of the reader's."""
    if not groups:
        return Markup()
    return _written(groups, chosen, current_plans(), billing.standing().access.plan, own=own)


def _written(
    groups: tuple[Group, ...], chosen: Model | None, plans: Plans, plan: Plan, *, own: bool = False
) -> Markup:
    tag = language()

    def row(model: Model) -> tuple[str, str, str, str]:
        lock = "" if plans.allows(plan, model) else _holder(plans, model)
        name = gettext(model.name) if model.endpoint == GUIDE.endpoint else model.name
        return model.id, name, _about(*_told(model), tag=tag), lock

    html = fragment(
        "conversations/_options.html",
        groups=[(_heading(group, own), map(row, group.models)) for group in groups],
        selected=chosen.id if chosen else "",
    )
    return Markup(html)  # noqa: S704 (our own template)


def _heading(group: Group, own: bool) -> str:
    reason = _reason(group.trouble, own) or (gettext("your key") if own else "")
    return gettext(group.label) + (f" — {reason}" if reason else "")


def _holder(plans: Plans, model: Model) -> str:
    """The plan that has a model which this visitor's has not."""
    holder = plans.holder(model)
    return gettext(holder.name) if holder else gettext("Locked")


def _trouble(offer: Offer, mine: tuple[Group, ...], chosen: Model, gone: str) -> str:
    if gone:
        if locked := own.find(gone):
            return sentence(billing.lock(locked))
        name = clean(gone).partition("/")[2] or clean(gone)
        return gettext("%(model)s is not offered any more.", model=first_words(name))
    if not billing.allowed(chosen):
        return sentence(billing.lock(chosen))
    kind = offer.down.get(chosen.endpoint, "")
    if chosen.own:  # what fails with another key says nothing
        kind = next((group.trouble for group in mine if group.label == chosen.provider), "")
    if not kind or kind in LISTLESS:  # without a list it may answer all the same
        return ""
    return f"{gettext(chosen.provider)}: {_reason(kind, chosen.own)}"


def _reason(kind: str, own: bool) -> str:
    if kind in ("auth", "billing"):
        return gettext("your key is refused") if own else gettext("its key is refused")
    if kind in LISTLESS:
        return gettext("gives no list of models")
    return gettext("not reachable") if kind else ""
