"""The plans that an installation offers."""

from collections.abc import Mapping
from dataclasses import dataclass

from chat.settings import Settings


@dataclass(frozen=True, slots=True)
class Plan:
    """`price`: Stripe's id, empty where the plan is not for sale. Limits of None are none."""

    key: str
    name: str
    price: str = ""
    window: str = "day"
    models: tuple[str, ...] = ("*",)
    messages: int | None = None
    trial_days: int = 0
    promotion_codes: bool = False


@dataclass(frozen=True, slots=True)
class Plans:
    """`by_key` from the lowest to the highest; `by_price` is empty where nothing is sold."""

    default: Plan
    grace_days: int
    by_key: Mapping[str, Plan]
    by_price: Mapping[str, Plan]


def plans(settings: Settings) -> Plans:
    free = Plan("free", "Free", messages=20)
    pro = Plan("pro", "Pro", settings.stripe_price_id, "period", messages=1_500)
    by_price = {pro.price: pro} if settings.billing else {}
    return Plans(free, 7, {plan.key: plan for plan in (free, pro)}, by_price)
