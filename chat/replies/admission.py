"""Whether one more reply may begin: asked in the transaction that stores it."""

from dataclasses import dataclass

from chat.accounts.throttle import MINUTE, Throttle
from chat.conversations.domain import Message
from chat.db.database import Row, Statements
from chat.db.queries import load_queries
from chat.errors import Conflict, OverLimit

SQL = load_queries("replies")


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one account: replies that are written at once, and sends in a minute."""

    at_once: int
    a_minute: int


async def admit(
    tx: Statements,
    account_id: str,
    conversation_id: str,
    now: int,
    limits: Limits,
    *,
    count: int = 1,
    column: Message | None = None,
) -> None:
    """Raises Conflict or OverLimit when `count` replies may not begin there now: all or none.

    To be called inside the transaction that stores them. `column`: the reply whose place another
    one takes, or which goes on: those beside it may be running.
    """
    running = await tx.all(SQL["running"], account_id=account_id)
    here = [row for row in running if row["conversation_id"] == conversation_id]
    if not all(_beside(row, column) for row in here):
        raise Conflict("The model is still answering here. Stop it, or wait until it is done.")
    if len(running) + count > limits.at_once:
        raise _too_many(count, limits)
    for _ in range(count):
        await Throttle(tx, now).count(
            f"send {account_id}",
            limits.a_minute,
            MINUTE,
            "That was a lot of messages in a minute. Wait a little, then send again.",
        )


def _beside(row: Row, column: Message | None) -> bool:
    """Whether a running reply stands in another column of the same question."""
    if column is None or not column.side:
        return False
    return bool(row["parent_id"] == column.parent_id and row["side"] != column.side)


def _too_many(count: int, limits: Limits) -> OverLimit:
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
