"""What a reading of Stripe changes in our rows: all of an account's at once, or nothing."""

import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from chat.billing.access import LIVE, OVER
from chat.billing.plans import Plans
from chat.billing.stripe_objects import Invoice, Mirror
from chat.db.database import Database, Transaction
from chat.db.queries import load_queries

SQL = load_queries("billing")
KNOWN = {*LIVE, *OVER, "incomplete", "unpaid", "paused"}


class TakenOver(Exception):
    """The lease is somebody else's by now: nothing of this reading may be stored."""


@dataclass(frozen=True, slots=True)
class Lease:
    account_id: str
    token: str


@dataclass(frozen=True, slots=True)
class Reading:
    """Stripe's answer. `gen`: what was asked for before it, None while there is more to read;
    `checkouts`: attempt id to status.
    """

    gen: int | None
    customer: str
    subscriptions: Sequence[Mirror]
    invoices: Sequence[Invoice]
    checkouts: dict[str, str]


class Mirroring:
    def __init__(self, db: Database, plans: Plans) -> None:
        self._db = db
        self._plans = plans

    async def store(self, lease: Lease, reading: Reading, now: int) -> None:
        """Errors: TakenOver."""

        async def write(tx: Transaction) -> None:
            await self._fence(tx, lease, reading, now)
            await self._replace(tx, lease.account_id, reading, now)
            for each in reading.invoices:
                await tx.run(
                    SQL["keep_invoice"], account_id=lease.account_id, invoice_id=each.id,
                    created_at=each.created_at, amount=each.amount, currency=each.currency,
                    status=each.status, url=each.url,
                )  # fmt: skip
            for attempt, status in reading.checkouts.items():
                await self._checkout(tx, lease.account_id, attempt, status)
            await self._notices(tx, lease.account_id, reading, now)

        await self._db.transaction(write)

    async def lose_customer(self, lease: Lease, gen: int, now: int) -> None:
        """The customer is gone at Stripe: what ran has ended, what was is kept."""
        mine = {"account_id": lease.account_id}

        async def write(tx: Transaction) -> None:
            await self._fence(tx, lease, Reading(gen, "", (), (), {}), now)
            fresh = secrets.token_hex(16)
            await tx.run(SQL["lose_customer"], **mine, token=lease.token, fresh=fresh)
            await tx.run(SQL["end_subscriptions"], **mine, now=now)
            await tx.run(SQL["abandon_checkouts"], **mine)
            await self._notices(tx, lease.account_id, Reading(gen, "", (), (), {}), now)

        await self._db.transaction(write)

    async def _fence(self, tx: Transaction, lease: Lease, reading: Reading, now: int) -> None:
        tried = any(each.trial_end is not None for each in reading.subscriptions)
        mine = {"account_id": lease.account_id, "token": lease.token}
        trial: dict[str, int | None] = {"trial_used_at": now if tried else None}
        if reading.gen is None:
            held = await tx.run(SQL["begin_reading"], **mine, **trial)
        else:
            held = await tx.run(SQL["finish"], **mine, **trial, gen=reading.gen, now=now)
        if not held:
            raise TakenOver

    async def _replace(self, tx: Transaction, account_id: str, reading: Reading, now: int) -> None:
        rows = await tx.all(SQL["failing_since"], account_id=account_id)
        failing = {row["subscription_id"]: row["past_due_since"] for row in rows}
        await tx.run(SQL["forget_subscriptions"], account_id=account_id)
        for each in reading.subscriptions:
            await tx.run(
                SQL["add_subscription"], subscription_id=each.id, account_id=account_id,
                price_id=self._price(each), status=each.status, period_start=each.period_start,
                period_end=each.period_end, trial_end=each.trial_end, cancel_at=each.cancel_at,
                ended_at=each.ended_at, started_at=each.started_at,
                past_due_since=_failing_since(each, failing.get(each.id), now),
                amount=each.amount, currency=each.currency, interval_unit=each.interval,
            )  # fmt: skip

    def _price(self, each: Mirror) -> str:
        """Of several items the one that is a plan here."""
        known = [price for price in each.prices if price in self._plans.by_price]
        return (known or list(each.prices) or [""])[0]

    async def _checkout(self, tx: Transaction, account_id: str, attempt: str, status: str) -> None:
        mine = {"account_id": account_id, "attempt_id": attempt}
        if status == "open":
            await tx.run(SQL["not_returned"], **mine)
        else:
            kept = status if status in ("complete", "expired") else "abandoned"
            await tx.run(SQL["end_checkout"], **mine, status=kept)

    async def _notices(self, tx: Transaction, account_id: str, reading: Reading, now: int) -> None:
        mine = {"account_id": account_id}
        kept = self._kept(account_id, reading)
        for key, detail in kept.items():
            kind = key.partition(":")[0]
            await tx.run(
                SQL["keep_notice"], **mine, notice_key=key, kind=kind, detail=detail, now=now
            )
        for row in await tx.all(SQL["kept_notices"], **mine):
            if row["notice_key"] not in kept:
                await tx.run(SQL["close_notice"], **mine, notice_key=row["notice_key"], now=now)
        for invoice in _paid_after_end(reading):
            await tx.run(
                SQL["raise_notice"], **mine, notice_key=f"paid_after_end:{invoice}",
                kind="paid_after_end", detail=invoice, now=now,
            )  # fmt: skip

    def _kept(self, account_id: str, reading: Reading) -> dict[str, str]:
        """Notices that stand for as long as it is so: key to detail."""
        found = {}
        running = Counter[bool]()
        for each in reading.subscriptions:
            known = self._price(each) in self._plans.by_price
            running[known] += each.status in LIVE
            if not known and each.status not in OVER:
                found[f"unknown_price:{each.id}"] = f"{each.id}: {self._price(each)}"
            if each.status not in KNOWN:
                found[f"unknown_status:{each.id}"] = f"{each.id}: {each.status[:40]}"
        if running[True] > 1:
            live = [each.id for each in reading.subscriptions if each.status in LIVE]
            found[f"duplicate_live:{account_id}"] = ", ".join(live)
        return found


def _failing_since(each: Mirror, before: int | None, now: int) -> int | None:
    """The first failure, however late it is seen and whatever fails after it."""
    if each.status != "past_due":
        return None
    return before if before is not None else min(each.unpaid_since or now, now)


def _paid_after_end(reading: Reading) -> list[str]:
    """Invoices that were paid when there was nothing any more that they could pay for."""
    ended = {
        each.id: each.ended_at
        for each in reading.subscriptions
        if each.status == "canceled" and each.ended_at is not None
    }
    return [
        each.id
        for each in reading.invoices
        if each.amount > 0 and each.paid_at is not None and each.status == "paid"
        and each.paid_at > ended.get(each.subscription, each.paid_at)
    ]  # fmt: skip
