"""Whether one more reply may begin: asked in the transaction that stores it."""

from dataclasses import dataclass

from chat.accounts.throttle import MINUTE, Throttle
from chat.db.database import Statements
from chat.db.queries import load_queries
from chat.errors import Conflict, OverLimit

SQL = load_queries("replies")


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one account: replies that are written at once, and sends in a minute."""

    at_once: int
    a_minute: int


async def admit(
    tx: Statements, account_id: str, conversation_id: str, now: int, limits: Limits
) -> None:
    """Raises Conflict or OverLimit when no reply may begin there now; inside its transaction."""
    running = await tx.all(SQL["running"], account_id=account_id)
    if any(row["conversation_id"] == conversation_id for row in running):
        raise Conflict("The model is still answering here. Stop it, or wait until it is done.")
    if len(running) >= limits.at_once:
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
