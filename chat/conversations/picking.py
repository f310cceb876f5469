"""What the model picker shows: what there is, what it can do and costs, who is out of reach."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from babel.numbers import format_compact_decimal
from markupsafe import Markup
from quart import url_for

from chat.accounts import visitor
from chat.billing import current as billing
from chat.billing.plans import Plan, Plans
from chat.conversations.domain import Conversation
from chat.providers.domain import Model, Price
from chat.providers.offer import Group, Offer
from chat.web.current import current_catalog
from chat.web.failures import sentence
from chat.web.i18n import gettext, language, locale
from chat.web.templating import render

# Below these micro-dollars for a million tokens, of which three in four go in: $, $$, else $$$.
CLASSES = (500_000, 5_000_000)
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
    wanted = model_id or (conversation.model if conversation else last)
    found = catalog.find(wanted) if wanted else None
    default = billing.default_model()
    if found and not (conversation or billing.allowed(found)):
        found = None  # nobody begins with a model that is locked
    chosen = found or default
    if conversation:
        url = url_for("conversations.model", conversation_id=conversation.id)
    else:
        url = url_for("conversations.default_model")
    return Picker(
        options=_searched(offer, chosen, last, default) if offer.long else _shown(offer, chosen),
        long=offer.long,
        count=len(offer.models),
        chosen=chosen,
        good_for=gettext(chosen.note) if chosen.note else about(chosen),
        url=url,
        trouble=_trouble(offer, chosen, "" if found or not conversation else wanted),
        sides=tuple(
            _beside(offer, named, (chosen.id, last), all_sides)
            for named in (*sides[:SIDES], *[""] * SIDES)[:SIDES]
        ),
    )


def about(model: Model) -> str:
    """What a model is good for, what it can do, how much it reads at once, what it costs."""
    able = model.reasons, model.sees, model.context, model.price
    return _about(model.note, *able, tag=language())


@lru_cache(1_000)
def _about(
    note: str, reasons: bool, sees: bool, context: int, price: Price | None, *, tag: str
) -> str:
    """`tag`: the language, that of the request."""
    told = [gettext(note)] if note else []
    if reasons:
        told.append(gettext("thinks first"))
    if sees:
        told.append(gettext("sees images"))
    if context:
        size = format_compact_decimal(context, locale=locale())
        told.append(gettext("%(count)s tokens", count=size))
    if price:
        told.append(_class(price))
    return " · ".join(told)


def _class(price: Price) -> str:
    if not price.input and not price.output:
        return gettext("free")
    usual = (3 * price.input + price.output) // 4
    return "$" * (1 + sum(usual >= least for least in CLASSES))


def _searched(offer: Offer, chosen: Model, last: str, default: Model) -> Markup:
    """What is likely wanted, then everything; of that depends only on the plan who asks."""
    likely = {each.id: each for each in (chosen, offer.models.get(last), default) if each}
    first = Group(gettext("Used last, and the default"), tuple(likely.values()))
    plans, plan = billing.current_plans(), billing.standing().access.plan
    return _options((first,), chosen) + _all(offer, language(), plans, plan)


def _beside(offer: Offer, named: str, likely: Sequence[str], all_sides: bool) -> Markup:
    model = offer.models.get(named)
    if not offer.long or all_sides:
        plans, plan = billing.current_plans(), billing.standing().access.plan
        return _options(offer.groups, model) if model else _all(offer, language(), plans, plan)
    default = billing.default_model()
    found = {id: offer.models[id] for id in (named, *likely, default.id) if id in offer.models}
    return _options((Group(gettext("Used last, and the default"), tuple(found.values())),), model)


def _shown(offer: Offer, chosen: Model) -> Markup:
    return _options(_with(offer, chosen), chosen)


def _with(offer: Offer, chosen: Model) -> tuple[Group, ...]:
    """The chosen model is always in the list, also while its endpoint cannot be asked."""
    if chosen.id in offer.models:
        return offer.groups
    trouble = offer.down.get(chosen.endpoint, "")
    others = (group for group in offer.groups if group.models or group.label != chosen.provider)
    return (Group(chosen.provider, (chosen,), trouble), *others)


@lru_cache(16)
def _all(offer: Offer, tag: str, plans: Plans, plan: Plan) -> Markup:
    """Made once for each state of the catalogue, language and plan: there may be thousands."""
    return _options(offer.groups, None)


def _options(groups: tuple[Group, ...], chosen: Model | None) -> Markup:
    html = render(
        "conversations/_options.html",
        groups=[(_heading(group), [_option(each) for each in group.models]) for group in groups],
        selected=chosen.id if chosen else "",
    )
    return Markup(html)  # noqa: S704 (our own template)


def _heading(group: Group) -> str:
    reason = _reason(group.trouble)
    return gettext(group.label) + (f" — {reason}" if reason else "")


def _option(model: Model) -> tuple[str, str, str, str]:
    return model.id, gettext(model.name), about(model), _lock(model)


def _lock(model: Model) -> str:
    """The plan that has a model which this visitor's has not; '' when it may be asked."""
    if billing.allowed(model):
        return ""
    holder = billing.current_plans().holder(model)
    return gettext(holder.name) if holder else gettext("Locked")


def _trouble(offer: Offer, chosen: Model, gone: str) -> str:
    if gone:
        return gettext("%(model)s is not offered any more.", model=gone.partition("/")[2])
    if not billing.allowed(chosen):
        return sentence(billing.lock(chosen))
    kind = offer.down.get(chosen.endpoint, "")
    return f"{gettext(chosen.provider)}: {_reason(kind)}" if kind else ""


def _reason(kind: str) -> str:
    if kind in ("auth", "billing"):
        return gettext("its key is refused")
    return gettext("not reachable") if kind else ""
