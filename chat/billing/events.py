"""What Stripe tells: an event only says whose things to read again."""

from collections.abc import Sequence

from chat.billing.stripe_objects import Event
from chat.db.database import Database, Transaction
from chat.db.queries import load_queries

SQL = load_queries("billing")
WANTED = frozenset(
    """checkout.session.completed checkout.session.expired
checkout.session.async_payment_succeeded checkout.session.async_payment_failed
customer.subscription.created customer.subscription.updated customer.subscription.deleted
customer.subscription.paused customer.subscription.resumed customer.subscription.trial_will_end
invoice.paid invoice.payment_failed invoice.payment_action_required
customer.updated customer.deleted
charge.refunded charge.dispute.created charge.dispute.closed""".split()
)  # at most 20: Stripe's list of events takes no longer filter


async def receive(db: Database, event: Event, now: int) -> bool:
    """Stores an event that was delivered; whether there is something to read now."""

    async def store(tx: Transaction) -> bool:
        seen = await tx.value(SQL["receive_event"], **_row(event, now))
        return seen == 1 and await _mark(tx, event)

    return await db.transaction(store)


async def find(db: Database, events: Sequence[Event], now: int) -> bool:
    """Stores what was never delivered; whether there is something to read now."""

    async def store(tx: Transaction) -> bool:
        marked = False
        for event in events:
            if await tx.all(SQL["find_event"], **_row(event, now)):
                marked |= await _mark(tx, event)
        return marked

    return await db.transaction(store) if events else False


async def _mark(tx: Transaction, event: Event) -> bool:
    outcome = _outcome(event)
    if outcome != "queued":
        return outcome == "lookup"
    if event.customer and await tx.all(SQL["touch_customer"], customer_id=event.customer):
        return True
    await tx.run(SQL["settle_event"], event_id=event.id, outcome="unknown_customer")
    return False


def _outcome(event: Event) -> str:
    """Refunds and disputes are about a charge: whose it is has to be asked."""
    if event.type not in WANTED:
        return "ignored"
    return "lookup" if event.type.startswith("charge.") else "queued"


def _row(event: Event, now: int) -> dict[str, object]:
    return {
        "event_id": event.id,
        "type": event.type,
        "created_at": event.created_at,
        "customer_id": event.customer or None,
        "object_id": event.object_id or None,
        "outcome": _outcome(event),
        "now": now,
    }
