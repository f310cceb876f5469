"""Whether Stripe knows what this installation sells: asked in the background, said in words."""

import logging
from dataclasses import dataclass, field

from chat.billing.gateway import Barred, Gateway, Missing, Refused
from chat.billing.plans import Plan, Plans
from chat.billing.stripe_objects import Price
from chat.web.i18n import N_

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Configuration:
    """`checked`: whether Stripe has answered yet; `problems`: price id to an English sentence."""

    checked: bool = False
    problems: dict[str, str] = field(default_factory=dict)
    prices: dict[str, Price] = field(default_factory=dict)

    def sells(self, plan: Plan) -> bool:
        return bool(plan.price) and plan.price not in self.problems

    def price(self, plan: Plan) -> Price | None:
        return self.prices.get(plan.price)

    async def check(self, gateway: Gateway, plans: Plans) -> None:
        """Errors: Unavailable; what was known stays then."""
        found: dict[str, Price] = {}
        problems: dict[str, str] = {}
        for price_id in plans.by_price:
            try:
                found[price_id] = price = await gateway.price(price_id)
                if wrong := _wrong(price, gateway.live):
                    problems[price_id] = wrong
            except Missing:
                problems[price_id] = UNKNOWN
            except Barred:
                problems[price_id] = REFUSED
            except Refused as error:  # nothing is known, also nothing bad: a checkout would say so
                log.warning("Stripe does not tell about %s: %s", price_id, error.reason)
        self.prices, self.problems, self.checked = found, problems, True


UNKNOWN = N_(
    "Stripe does not know this price under this key. Is it of another Stripe account, or one of"
    " the key and the price a test's and the other live?"
)
REFUSED = N_("Stripe refuses this key. Copy the secret key again, and look at what it may do.")


def _wrong(price: Price, live: bool) -> str:
    if price.live is not live:
        return N_("This price is of Stripe's other mode: test and live do not mix.")
    if not price.active:
        return N_("This price is archived at Stripe: nobody can buy it.")
    if not price.recurring:
        return N_("This price is paid once: a plan needs one that recurs.")
    return ""
