"""Whether one more reply may begin: asked in the transaction that stores it."""

from collections.abc import Sequence
from dataclasses import dataclass

from chat.accounts.throttle import MINUTE, Throttle
from chat.billing import allowance
from chat.billing.access import access
from chat.billing.allowance import Reservation
from chat.billing.plans import Plans
from chat.conversations.domain import Message
from chat.db.database import Row, Transaction
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
    *,
    column: Message | None = None,
) -> Reservation:
    """Reserves a reply by each of `models`, all or nothing, in the transaction that stores them.

    `column`: the reply whose place another one takes, or which goes on: those beside it may be
    running. Errors: Conflict, OverLimit (QuotaExceeded when it is the plan that ends there),
    ModelNotInPlan.
    """
    ids = {"conversation_id": conversation_id, "account_id": account_id}
    here = await tx.all(SQL["running_in"], **ids) if conversation_id else ()
    if not all(_beside(row, column) for row in here):
        raise Conflict("The model is still answering here. Stop it, or wait until it is done.")
    running = await tx.value(SQL["running"], account_id=account_id)
    found = await access(tx, account_id, now, limits.plans)
    allowance.check_models(limits.plans, found, models)
    allowance.check_parallel(found, running, len(models), now)
    if found.plan.parallel is None and running + len(models) > limits.at_once:
        raise _too_many(len(models), limits)
    for _ in models:
        await Throttle(tx, now).count(
            f"send {account_id}",
            limits.a_minute,
            MINUTE,
            "That was a lot of messages in a minute. Wait a little, then send again.",
        )
    return await allowance.reserve(tx, account_id, found, models, now)


def _beside(row: Row, column: Message | None) -> bool:
    """Whether a running reply stands in another column of the same question."""
    if column is None or not column.side:
        return False
    return bool(row["parent_id"] == column.parent_id and row["side"] != column.side)


def _too_many(count: int, limits: Limits) -> OverLimit:
    if limits.at_once == 1:
        return OverLimit(
            "Only one answer at a time is allowed here. Compare fewer models."
            if count > 1
            else "Only one answer at a time is allowed here. Wait for it to end.",
            code="too_many",
            retry_after=5,
        )
    if count > max(limits.at_once, 1):  # there is nothing to wait for
        return OverLimit(
            "Only %(limit)s answers at once are allowed here. Compare fewer models.",
            code="too_many",
            retry_after=5,
            limit=limits.at_once,
        )
    return OverLimit(
        "The limit of answers at once is %(limit)s. Wait for one to end.",
        code="too_many",
        retry_after=5,
        limit=limits.at_once,
    )
