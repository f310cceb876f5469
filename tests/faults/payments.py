"""An installation that sells two plans, and what must be true of somebody in it.

What is expected is worked out here, from the contract's table and Stripe's own objects alone.
"""

import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chat.billing import worker
from tests.billing.conftest import Shop, selling
from tests.databases import Installer
from tests.rows import change, rows
from tests.stripe.world import StripeAccount

PLANS = """
default = "free"
[plans.free]
name = "Free"
window = "day"
messages = 20
[plans.pro]
name = "Pro"
price = "{pro}"
messages = 1500
[plans.max]
name = "Max"
price = "{max}"
trial_days = 7
"""
HEIGHTS = ("free", "pro", "max")
OVER = ("canceled", "incomplete_expired")
RUNNING = ("trialing", "active", "past_due")
# What is shown of several that give the same, the first of these.
FIRST = ("active", "trialing", "ending", "past_due", "hold", "incomplete", "ended")


class Town:
    """Stripe's account and the installation; `price` of each plan, and of "other": no plan here."""

    def __init__(self, database: Installer, stripe: StripeAccount, folder: Path) -> None:
        self.stripe = stripe
        self.price: dict[str, str] = {}
        self.shop: Shop
        self._database = database
        self._folder = folder
        self._env: dict[str, str] = {}
        self._stack = AsyncExitStack()

    async def open(self) -> None:
        for amount, name in ((1900, "pro"), (4900, "max"), (900, "other")):
            self.price[name] = await self.stripe.price(amount, name)
        path = self._folder / "plans.toml"
        path.write_text(PLANS.format(**self.price))
        self._env = {"price": self.price["pro"], "PLANS_FILE": str(path)}
        await self._start()
        self._env["PORT"] = self.shop.site.base.rpartition(":")[2]
        await self.stripe.listen(f"{self.shop.site.base}/api/stripe/webhook")

    async def restart(self) -> None:
        await self.close()
        await self._start()

    async def close(self) -> None:
        await self._stack.aclose()

    async def reconcile(self) -> None:
        """Stripe's list of events is read now."""
        await change(self.shop.site, "UPDATE billing_cursor SET next_at = 0")
        await self.hurry()

    async def hurry(self) -> None:
        """Whatever failed while Stripe was away, and waits for its next try, is tried now."""
        site, soon = self.shop.site, int(time.time() * 1_000) + 2 * worker.AGAIN
        await change(site, "UPDATE billing_cursor SET next_at = 0 WHERE next_at < :soon", soon=soon)
        await change(site, "UPDATE stripe_events SET next_try_at = 0")
        await change(site, "UPDATE billing_accounts SET next_try_at = 0")
        site.app.extensions["selling"].worker.wake()

    async def _start(self) -> None:
        opening = selling(self._database, self.stripe, self._folder, **self._env)
        self.shop = await self._stack.enter_async_context(opening)


@dataclass
class Truth:
    """What Stripe has of somebody now; `former`: another customer of theirs was deleted."""

    customer: str
    subscriptions: Sequence[Any] = ()
    invoices: Sequence[Any] = ()
    sessions: Sequence[Any] = ()
    disputed: bool = False
    former: bool = False

    @property
    def running(self) -> list[Any]:
        return [each for each in self.subscriptions if each.status in RUNNING]

    @property
    def buyable(self) -> bool:
        return not self.disputed and all(each.status in OVER for each in self.subscriptions)


async def subscriptions(stripe: StripeAccount, customer: str) -> Sequence[Any]:
    if not customer:
        return []
    mine = {"customer": customer, "status": "all", "limit": 100}
    found: Sequence[Any] = (await stripe.v1.subscriptions.list_async(mine)).data
    return found


async def truth(stripe: StripeAccount, customer: str, disputes: Sequence[str]) -> Truth:
    statuses = [(await stripe.v1.disputes.retrieve_async(each)).status for each in disputes]
    disputed = any(status != "won" for status in statuses)
    if not customer:
        return Truth("", disputed=disputed)
    mine = {"customer": customer, "limit": 100}
    return Truth(
        customer,
        await subscriptions(stripe, customer),
        (await stripe.v1.invoices.list_async(mine)).data,
        (await stripe.v1.checkout.sessions.list_async(mine)).data,
        disputed,
    )


def expected(found: Truth, price: dict[str, str], granted: str = "") -> tuple[str, str]:
    """(state, plan) by the table of the contract."""
    if found.disputed:
        return "hold", "free"
    views = [view for each in found.subscriptions if (view := _view(each, price))]
    best = min(views, key=lambda v: (-HEIGHTS.index(v[1]), FIRST.index(v[0])), default=None)
    state, plan = best or ("free", "free")
    if granted and HEIGHTS.index(granted) > HEIGHTS.index(plan):
        return ("active" if state in ("free", "ended") else state), granted
    return state, plan


def _view(each: Any, price: dict[str, str]) -> tuple[str, str] | None:
    plan = next(name for name, known in price.items() if known == price_of(each))
    if plan == "other":
        return None if each.status in OVER else ("hold", "free")
    if each.status in ("active", "trialing"):
        return ("ending" if ends_at(each) else each.status), plan
    if each.status == "past_due":  # nothing here is as old as the grace is long
        return "past_due", plan
    return ("incomplete" if each.status == "incomplete" else "ended"), "free"


def price_of(each: Any) -> str:
    return str(each["items"].data[0].price.id)


def ends_at(each: Any) -> int | None:
    """Seconds: of the date, or of the flag."""
    if each.cancel_at is not None:
        return int(each.cancel_at)
    return int(each["items"].data[0].current_period_end) if each.cancel_at_period_end else None


async def compare(shop: Shop, account_id: str, found: Truth) -> None:
    """Our rows are what Stripe has, to the second."""
    mine = {"a": account_id}
    stored = await rows(
        shop.site,
        """SELECT subscription_id, status, price_id, period_start, period_end, cancel_at,
                  trial_end, ended_at
             FROM billing_subscriptions WHERE account_id = :a ORDER BY subscription_id""",
        **mine,
    )
    theirs = sorted(map(_row, found.subscriptions), key=lambda row: row["subscription_id"])
    before = [row for row in stored if found.former and row not in theirs]
    assert [row for row in stored if row not in before] == theirs, f"{stored} is not {theirs}"
    assert all(row["status"] in OVER for row in before), f"{before} of a customer that is gone"
    sql = "SELECT invoice_id, status, amount FROM billing_invoices WHERE account_id = :a"
    invoices = {row["invoice_id"]: row for row in await rows(shop.site, sql, **mine)}
    for each in found.invoices:
        row = invoices[each.id]
        assert (row["status"], row["amount"]) == (each.status, each.total), each.id
    await _checkouts(shop, mine, found)
    await _notices(shop, mine, found)


async def _checkouts(shop: Shop, mine: dict[str, str], found: Truth) -> None:
    sql = "SELECT session_id, status, returned_at FROM billing_checkouts WHERE account_id = :a"
    stored = await rows(shop.site, sql, **mine)
    ours = {row["session_id"] for row in stored if row["status"] == "open"}
    theirs = {each.id for each in found.sessions if each.status == "open"}
    assert theirs <= ours - {None}, "what can be paid is known"
    assert ours <= theirs | {None}, "what is open can be paid"
    assert len(ours) <= 1
    assert not (theirs and found.running), "nothing is for sale beside a subscription"
    assert not any(row["returned_at"] for row in stored if row["status"] == "open")


async def _notices(shop: Shop, mine: dict[str, str], found: Truth) -> None:
    sql = """SELECT kind FROM billing_notices
              WHERE account_id = :a AND closed_at IS NULL"""
    stored = {row["kind"] for row in await rows(shop.site, sql, **mine)}
    known = set(shop.site.app.extensions["plans"].by_price)
    running = [each for each in found.running if price_of(each) in known]
    strange = [
        each
        for each in found.subscriptions
        if price_of(each) not in known and each.status not in OVER
    ]
    assert ("duplicate_live" in stored) == (len(running) > 1)
    assert ("unknown_price" in stored) == bool(strange)
    assert ("dispute" in stored) == found.disputed
    assert "unknown_status" not in stored


def _row(each: Any) -> dict[str, Any]:
    item = each["items"].data[0]
    times = {
        "period_start": item.current_period_start,
        "period_end": item.current_period_end,
        "cancel_at": ends_at(each),
        "trial_end": each.trial_end,
        "ended_at": each.ended_at,
    }
    return {
        "subscription_id": each.id,
        "status": each.status,
        "price_id": price_of(each),
        **{name: None if at is None else at * 1_000 for name, at in times.items()},
    }
