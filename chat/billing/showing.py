"""What the page of the plan shows, in whatever state it is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chat.accounts import visitor
from chat.billing.access import Access
from chat.billing.current import meters
from chat.billing.parts import access_of, better, current_plans, current_selling
from chat.billing.refusals import Meter
from chat.billing.repository import BillingRepository, InvoiceLine
from chat.web.current import current_db, current_settings
from chat.web.filters import price
from chat.web.i18n import N_, gettext

LAST_LOOK = 15  # after so many the page waits for somebody to reload it
EVERY = {"day": N_("%(amount)s a day"), "week": N_("%(amount)s a week")}
EVERY |= {"month": N_("%(amount)s a month"), "year": N_("%(amount)s a year")}


@dataclass(frozen=True, slots=True)
class Offer:
    """A plan that can be bought now. `price` in words, '' while Stripe has not said it."""

    key: str
    name: str
    price: str
    trial_days: int
    sold: bool  # False: something is wrong with its configuration


@dataclass(frozen=True, slots=True)
class Shown:
    """`waiting`: the page looks again by itself; `look`: how many times it has."""

    access: Access
    sells: bool
    test: bool
    waiting: bool
    look: int
    price: str
    offers: Sequence[Offer]
    invoices: Sequence[InvoiceLine]
    broken: bool = False  # the operator's file has mistakes
    changes: bool = False  # there are other plans to change to
    meters: Sequence[Meter] = ()

    @property
    def again(self) -> bool:
        return self.waiting and self.look < LAST_LOOK


async def shown(look: int) -> Shown:
    """`look`: how many times the page has looked by itself."""
    return replace(await _plan(look), meters=await meters(visitor.account_id()))


async def _plan(look: int) -> Shown:
    account_id = visitor.account_id()
    found = await access_of(account_id)
    if current_selling() is None:
        found = Access(current_plans().default, "free")
        return Shown(found, False, False, False, look, "", (), ())
    rows = BillingRepository(current_db())
    account = await rows.account(account_id)
    row = await rows.amount(found.subscription, account_id) if found.subscription else None
    return Shown(
        access=found,
        sells=True,
        test=bool(current_settings().stripe_api_base),
        waiting=found.state == "confirming" or bool(account and account.syncing),
        look=look,
        price=_price(row["amount"], row["currency"], row["interval_unit"]) if row else "",
        offers=_offers(found, trial=not (account and account.trial_used)),
        invoices=await rows.invoices(account_id) if account else (),
        broken=bool(current_plans().mistakes),
        changes=len(current_plans().by_price) > 1,
    )


def _offers(found: Access, *, trial: bool) -> list[Offer]:
    if not found.may_buy or current_plans().mistakes:
        return []
    sold = current_selling()
    offers = []
    for plan in better(current_plans(), found.plan):
        offer = Offer(plan.key, plan.name, "", plan.trial_days if trial else 0, sold=False)
        if sold and sold.worker.configuration.sells(plan):
            known = sold.worker.configuration.price(plan)
            words = _price(known.amount, known.currency, known.interval) if known else ""
            offer = replace(offer, price=words, sold=True)
        offers.append(offer)
    return offers


def _price(minor: int | None, currency: str, interval: str) -> str:
    if minor is None or not currency:
        return ""
    words = EVERY.get(interval)
    shown = price(minor, currency)
    return gettext(words, amount=shown) if words else shown
