"""Which plan an account has now: derived from what Stripe said last, never stored."""

from collections.abc import Sequence
from dataclasses import dataclass

from chat.billing.plans import Plan, Plans
from chat.db.database import Row, Statements
from chat.db.queries import load_queries

SQL = load_queries("billing")
DAY = 24 * 60 * 60 * 1000
STALE = 3 * DAY  # so long after its period a subscription counts that nobody could ask about
UNASKED = DAY  # and only when Stripe has not answered for this long
LIVE = ("active", "trialing", "past_due")
OVER = ("canceled", "incomplete_expired")  # there is nothing left that could be paid
# Of several subscriptions the first of these is what is shown.
ORDER = """active trialing ending past_due
stale grace_over hold incomplete ended""".split()


@dataclass(frozen=True, slots=True)
class Subscription:
    """As Stripe said it; times in milliseconds."""

    id: str
    price: str
    status: str
    period_start: int | None = None
    period_end: int | None = None
    trial_end: int | None = None
    cancel_at: int | None = None
    past_due_since: int | None = None  # the first failure


@dataclass(frozen=True, slots=True)
class Standing:
    """What else counts. `returned`: the browser came back from a checkout nobody has read since."""

    customer: bool = False
    held: bool = False
    returned: bool = False
    granted_plan: str = ""
    granted_until: int | None = None  # None: for good
    synced_at: int | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """The effective plan. `state` is the contract's data-billing-state; times in milliseconds.

    `period`: of the subscription that gives the plan, None where none does. `may_buy`: whether a
    checkout may begin. `customer`: whether Stripe knows this account, and has a portal for it.
    """

    plan: Plan
    state: str
    period: tuple[int, int] | None = None
    may_buy: bool = False
    customer: bool = False
    subscription: str = ""  # the id of the one that is shown
    renews_at: int | None = None
    ends_at: int | None = None
    trial_end: int | None = None
    grace_until: int | None = None
    granted_until: int | None = None
    granted: bool = False


async def access(statements: Statements, account_id: str, now: int, plans: Plans) -> Access:
    """What this account may do at `now`; one look-up by key, for each send."""
    if not plans.by_price:  # nothing is sold here: everybody has the operator's default
        return Access(plans.default, "free")
    rows = await statements.all(SQL["access"], account_id=account_id)
    if not rows:
        return Access(plans.default, "free", may_buy=True)
    return decide(subscriptions(rows), _standing(rows[0]), now, plans)


def decide(found: Sequence[Subscription], standing: Standing, now: int, plans: Plans) -> Access:
    """The access rule, pure: over all subscriptions, so that one that ends takes nothing away."""
    if standing.held:
        return Access(plans.default, "hold", customer=standing.customer)
    views = [view for each in found if (view := _view(each, standing, now, plans))]
    best = min(views, key=lambda view: _rank(view, plans), default=None)
    shown = best or Access(plans.default, "free", may_buy=True, customer=standing.customer)
    if standing.returned and shown.may_buy:
        shown = Access(plans.default, "confirming", customer=standing.customer)
    return _granted(shown, standing, now, plans)


def subscriptions(rows: Sequence[Row]) -> list[Subscription]:
    return [_subscription(row) for row in rows if row["subscription_id"] is not None]


def _subscription(row: Row) -> Subscription:
    return Subscription(
        id=row["subscription_id"],
        price=row["price_id"],
        status=row["status"],
        period_start=row["period_start"],
        period_end=row["period_end"],
        trial_end=row["trial_end"],
        cancel_at=row["cancel_at"],
        past_due_since=row["past_due_since"],
    )


def _standing(row: Row) -> Standing:
    return Standing(
        customer=row["customer_id"] is not None,
        held=bool(row["held"]),
        returned=bool(row["returned"]),
        granted_plan=row["granted_plan"],
        granted_until=row["granted_until"],
        synced_at=row["synced_at"],
    )


def _view(each: Subscription, standing: Standing, now: int, plans: Plans) -> Access | None:
    """What this subscription alone would give; None when it is of no account any more."""
    plan = plans.by_price.get(each.price)
    if plan is None:
        # It may be somebody's money: no second one is sold beside it, and an administrator is told.
        over = each.status in OVER
        return None if over else Access(plans.default, "hold", customer=standing.customer)
    state, grace = _state(each, standing, now, plans)
    gives = state in ("active", "trialing", "ending", "past_due")
    start, end = each.period_start, each.period_end
    return Access(
        plan=plan if gives else plans.default,
        state=state,
        period=(start, end) if gives and start is not None and end is not None else None,
        may_buy=state == "ended" and each.status in OVER,
        customer=standing.customer,
        subscription=each.id,
        renews_at=end if state in ("active", "trialing") else None,
        ends_at=each.cancel_at if state == "ending" else None,
        trial_end=each.trial_end if each.status == "trialing" else None,
        grace_until=grace,
    )


def _state(
    each: Subscription, standing: Standing, now: int, plans: Plans
) -> tuple[str, int | None]:
    """The state, and the end of the grace where there is one."""
    if each.status == "past_due":
        since = each.period_start if each.past_due_since is None else each.past_due_since
        until = (since or 0) + plans.grace_days * DAY
        return ("past_due" if now < until else "grace_over"), until
    if each.status in ("active", "trialing"):
        if _stale(each, standing, now):
            return "stale", None
        return ("ending" if each.cancel_at is not None else each.status), None
    return ("incomplete" if each.status == "incomplete" else "ended"), None


def _stale(each: Subscription, standing: Standing, now: int) -> bool:
    ends = [end for end in (each.period_end, each.cancel_at) if end is not None]
    asked = standing.synced_at or 0
    return bool(ends) and min(ends) + STALE <= now and asked + UNASKED <= now


def _rank(view: Access, plans: Plans) -> tuple[bool, int, int, bool]:
    """The highest plan first; then what has to be said first; what may not be sold over, first."""
    order = list(plans.by_key)
    height = order.index(view.plan.key) if view.plan.key in order else -1
    return view.plan is plans.default, -height, ORDER.index(view.state), view.may_buy


def _granted(shown: Access, standing: Standing, now: int, plans: Plans) -> Access:
    """With what an administrator gave, where that is more than what is paid for."""
    plan = plans.by_key.get(standing.granted_plan)
    until = standing.granted_until
    if plan is None or (until is not None and until <= now):
        return shown
    order = list(plans.by_key)
    if order.index(plan.key) <= order.index(shown.plan.key):
        return shown
    state = "active" if shown.state in ("free", "ended") else shown.state
    return Access(
        plan, state, customer=shown.customer, subscription=shown.subscription,
        ends_at=shown.ends_at, grace_until=shown.grace_until, granted=True, granted_until=until,
    )  # fmt: skip
