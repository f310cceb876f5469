"""Which plan an account has now."""

from dataclasses import dataclass

from chat.billing.plans import Plan, Plans
from chat.db.database import Statements


@dataclass(frozen=True, slots=True)
class Access:
    """`state`: as the contract's data-billing-state. `period`: of the subscription, in ms."""

    plan: Plan
    state: str
    period: tuple[int, int] | None = None


async def access(statements: Statements, account_id: str, now: int, plans: Plans) -> Access:
    """Derived from what is stored, never stored itself. `now` in milliseconds."""
    return Access(plans.default, "free")
