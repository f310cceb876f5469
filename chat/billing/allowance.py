"""What a plan allows: reserved before a model is asked, settled by what came of it.

Windows are part of a counter's key, so nothing is ever reset; the limit comes with each
reservation, so another plan counts from the next message on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chat.accounts.domain import DAY
from chat.billing.access import Access
from chat.billing.plans import Plans
from chat.billing.refusals import Meter, ModelNotInPlan, QuotaExceeded
from chat.billing.windows import window
from chat.db.database import Database, Statements, Transaction
from chat.db.queries import load_queries
from chat.providers.domain import Model

SQL = load_queries("allowance")
MESSAGES, TOKENS, PARALLEL = "messages", "output_tokens", "parallel"
STORED = "stored_bytes"
USUAL = 4_096  # tokens that are reserved for an answer; a longer one is counted when it ends
NO_LIMIT = 2**62
LEFT_OVER = 15 * 60 * 1_000  # ms after which a reservation without a reply is settled
KEPT = 40 * DAY  # events that are settled
KEPT_COUNTERS = 800 * DAY  # longer than two of the longest windows
AT_ONCE = 500  # reservations that are swept in a transaction


@dataclass(frozen=True, slots=True)
class Reservation:
    """Taken from the counters; each of its replies holds a part of it until it ends."""

    account_id: str
    window_start: int
    meters: Sequence[str]
    now: int

    async def hold(self, tx: Statements, reply_id: str, epoch: int, model: Model) -> None:
        """One reply's part, in the transaction that stores the reply."""
        parts = [
            {
                "reply_id": reply_id,
                "epoch": epoch,
                "meter": meter,
                "account_id": self.account_id,
                "window_start": self.window_start,
                "reserved": _amount(meter, model),
                "now": self.now,
            }
            for meter in self.meters
        ]
        for part in parts:
            await tx.run(SQL["hold"], **part)


def check_models(plans: Plans, access: Access, models: Sequence[Model]) -> None:
    """ModelNotInPlan for the first one that the plan does not hold."""
    for model in models:
        if not plans.allows(access.plan, model):
            raise ModelNotInPlan(model, plans.holder(model))


def check_parallel(access: Access, running: int, wanted: int, now: int) -> None:
    """QuotaExceeded when the plan has a limit of replies at once and that is above it."""
    limit = access.plan.parallel
    if limit is not None and running + wanted > limit:
        raise QuotaExceeded(Meter(PARALLEL, running, limit), wanted, now)


async def reserve(
    tx: Transaction, account_id: str, access: Access, models: Sequence[Model], now: int
) -> Reservation:
    """For a reply by each of `models`, all or nothing; QuotaExceeded when the plan holds less.

    To be called in the transaction that stores the replies: when that fails, nothing is reserved.
    Messages are always counted, so that another plan finds them counted; the rest where there is a
    limit.
    """
    start, end = window(access.plan.window, now, access.period)
    limits = _limits(access)
    for meter, limit in limits.items():
        wanted = sum(_amount(meter, model) for model in models)
        granted = await tx.all(
            SQL["reserve"],
            account_id=account_id,
            meter=meter,
            window_start=start,
            amount=wanted,
            allowed=NO_LIMIT if limit is None else limit,
        )
        if not granted:
            used = await _used(tx, account_id, start)
            raise QuotaExceeded(Meter(meter, used.get(meter, 0), limit, end), wanted, now)
    return Reservation(account_id, start, tuple(limits), now)


async def settle(tx: Statements, reply_id: str, *, counted: bool, tokens: int | None) -> None:
    """What a reply reserved becomes what it used; or nothing, when it is not counted.

    `tokens`: what it answered, None for what was reserved. In the transaction that ends the reply;
    a second time changes nothing.
    """
    for row in await tx.all(SQL["settle"], reply_id=reply_id, counted=int(counted), tokens=tokens):
        if change := row["actual"] - row["reserved"]:
            await tx.run(
                SQL["adjust"],
                account_id=row["account_id"],
                meter=row["meter"],
                window_start=row["window_start"],
                change=change,
            )


async def sweep(db: Database, now: int) -> int:
    """Settles what replies reserved that were deleted as they were written; answers how many.

    Drops what nobody will look at any more, too.
    """
    swept = 0
    while rows := await db.all(SQL["left_over"], since=now - LEFT_OVER, limit=AT_ONCE):
        found = [row["reply_id"] for row in rows]

        async def settled(tx: Transaction, found: Sequence[str] = found) -> None:
            for reply_id in found:
                await settle(tx, reply_id, counted=True, tokens=None)

        await db.transaction(settled)
        swept += len(found)
    await db.run(SQL["forget_events"], since=now - KEPT)
    await db.run(SQL["forget_counters"], since=now - KEPT_COUNTERS)
    return swept


async def meters(db: Statements, account_id: str, access: Access, now: int) -> list[Meter]:
    """Messages, and whatever else the plan limits."""
    start, end = window(access.plan.window, now, access.period)
    used = await _used(db, account_id, start)
    found = [Meter(key, used.get(key, 0), limit, end) for key, limit in _limits(access).items()]
    if access.plan.parallel is not None:
        running = await db.value(SQL["running"], account_id=account_id)
        found.append(Meter(PARALLEL, int(running), access.plan.parallel))
    return found


async def stored(db: Statements, account_id: str, access: Access) -> list[Meter]:
    """Bytes of the account's files, where the plan has a limit of them."""
    if access.plan.stored_bytes is None:
        return []
    used = await db.value(SQL["stored"], account_id=account_id)
    return [Meter(STORED, int(used), access.plan.stored_bytes)]


def estimate(model: Model) -> int:
    """Tokens that are reserved for an answer."""
    return min(model.max_output or USUAL, USUAL)


def _limits(access: Access) -> dict[str, int | None]:
    limits: dict[str, int | None] = {MESSAGES: access.plan.messages}
    if access.plan.output_tokens is not None:
        limits[TOKENS] = access.plan.output_tokens
    return limits


def _amount(meter: str, model: Model) -> int:
    return estimate(model) if meter == TOKENS else 1


async def _used(db: Statements, account_id: str, window_start: int) -> dict[str, int]:
    rows = await db.all(SQL["used"], account_id=account_id, window_start=window_start)
    return {row["meter"]: row["used"] for row in rows}
