"""Refunds and disputes: whose charge it was is asked, then an administrator is told."""

from dataclasses import dataclass

from chat.billing.gateway import Gateway, Missing
from chat.db.database import Database, Row, Transaction
from chat.db.queries import load_queries

SQL = load_queries("billing")
LIFTED = ("won", "warning_closed", "prevented")  # a dispute that is over, and not lost
MOST = 50
WAIT = 15_000  # milliseconds until it is tried again


@dataclass(frozen=True, slots=True)
class Found:
    """`key`: the notice's; `over`: it is closed and not opened."""

    customer: str
    key: str
    over: bool
    wanted: bool


async def look_up(db: Database, gateway: Gateway, now: int) -> bool:
    """All that waits for it; whether there was any.

    Errors: Unavailable, Refused; what is left is tried again later.
    """
    rows = await db.all(SQL["lookups"], now=now, limit=MOST)
    for row in rows:
        await db.run(SQL["postpone_lookup"], event_id=row["event_id"], next_try_at=now + WAIT)
        try:
            found = await _ask(gateway, row)
        except Missing:
            found = Found("", "", over=False, wanted=False)
        await _store(db, row["event_id"], found, now)
    return bool(rows)


async def _ask(gateway: Gateway, row: Row) -> Found:
    subject = row["object_id"] or ""
    if row["type"] == "charge.refunded":
        whole, customer = await gateway.charge(subject)
        return Found(customer, f"refund:{subject}", over=False, wanted=whole)
    status, customer = await gateway.dispute(subject)
    return Found(customer, f"dispute:{subject}", over=status in LIFTED, wanted=True)


async def _store(db: Database, event_id: str, found: Found, now: int) -> None:
    async def write(tx: Transaction) -> None:
        touched = await tx.all(SQL["touch_customer"], customer_id=found.customer)
        outcome = "queued" if touched else "unknown_customer"
        await tx.run(SQL["settle_event"], event_id=event_id, outcome=outcome)
        if found.over:  # also of a customer that was deleted since: nothing is held for ever
            await tx.run(SQL["lift_notice"], notice_key=found.key, now=now)
        elif touched and found.wanted:
            kind, _, subject = found.key.partition(":")
            await tx.run(
                SQL["raise_notice"], account_id=touched[0]["account_id"], notice_key=found.key,
                kind=kind, detail=subject, now=now,
            )  # fmt: skip

    await db.transaction(write)
