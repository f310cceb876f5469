"""Whether one more reply may begin: asked in the transaction that stores it."""

from collections.abc import Sequence
from dataclasses import dataclass

from chat.accounts.throttle import MINUTE, Throttle
from chat.billing import allowance
from chat.billing.access import access
from chat.billing.allowance import Reservation
from chat.billing.plans import Plans
from chat.db.database import Transaction
from chat.db.queries import load_queries
from chat.errors import Conflict, OverLimit
from chat.providers.domain import Model

SQL = load_queries("replies")


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one account: replies that are written at once, and sends in a minute; and what plans say.

    Where its plan says how many at once, that counts in place of `at_once`.
    """

    at_once: int
    a_minute: int
    plans: Plans = Plans()  # noqa: RUF009 (frozen)


async def admit(
    tx: Transaction,
    account_id: str,
    conversation_id: str,
    now: int,
    limits: Limits,
    models: Sequence[Model],
) -> Reservation:
    """Reserves a reply by each of `models`, all or nothing, in the transaction that stores them.

    Errors: Conflict, OverLimit (QuotaExceeded when it is the plan that ends there), ModelNotInPlan.
    """
    running = await tx.all(SQL["running"], account_id=account_id)
    if any(row["conversation_id"] == conversation_id for row in running):
        raise Conflict("The model is still answering here. Stop it, or wait until it is done.")
    found = await access(tx, account_id, now, limits.plans)
    allowance.check_models(limits.plans, found, models)
    allowance.check_parallel(found, len(running), len(models), now)
    if found.plan.parallel is None and len(running) + len(models) > limits.at_once:
        raise OverLimit(
            "The limit of answers at once is %(limit)s. Wait for one to end.",
            code="too_many",
            retry_after=5,
            limit=limits.at_once,
        )
    await Throttle(tx, now).count(
        f"send {account_id}",
        limits.a_minute,
        MINUTE,
        "That was a lot of messages in a minute. Wait a little, then send again.",
    )
    return await allowance.reserve(tx, account_id, found, models, now)
