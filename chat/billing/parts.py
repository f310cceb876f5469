"""The parts of billing in the running app."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quart import current_app

from chat.billing.access import Access, access
from chat.billing.plans import Plan, Plans
from chat.errors import Conflict
from chat.web.current import current_db, now

if TYPE_CHECKING:  # the SDK is only imported where plans are sold
    from chat.billing.gateway import Gateway
    from chat.billing.worker import Worker


@dataclass(slots=True)
class Selling:
    """There only where all of STRIPE_… is set."""

    gateway: "Gateway"
    worker: "Worker"


def current_plans() -> Plans:
    found: Plans = current_app.extensions["plans"]
    return found


def current_selling() -> Selling | None:
    found: Selling | None = current_app.extensions.get("selling")
    return found


def selling() -> Selling:
    """Conflict where nothing is sold."""
    if found := current_selling():
        return found
    raise Conflict("Plans are not sold here.")


async def access_of(account_id: str) -> Access:
    return await access(current_db(), account_id, now(), current_plans())


def better(plans: Plans, than: Plan) -> list[Plan]:
    """The plans for sale above this one, the lowest first."""
    order = list(plans.by_key)
    height = order.index(than.key) if than.key in order else -1
    return [plans.by_key[key] for key in order[height + 1 :] if plans.by_key[key].price]
