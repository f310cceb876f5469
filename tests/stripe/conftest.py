"""What the tests of the stand-in share: somebody who listens, and a subscriber."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from tests.stripe.listener import Listener, listening
from tests.stripe.world import StripeAccount


@dataclass
class Subscriber:
    customer: str
    price: str
    subscription: str


@pytest.fixture
async def listener(stripe_account: StripeAccount) -> AsyncIterator[Listener]:
    """Is told every event of the account."""
    async with listening(stripe_account.secret) as found:
        await stripe_account.listen(found.url)
        yield found


@pytest.fixture
async def subscriber(stripe_account: StripeAccount) -> Subscriber:
    """Somebody who pays 19 dollars a month, and has done so once."""
    price = await stripe_account.price(1900)
    customer = await stripe_account.v1.customers.create_async({"email": "ada@example.com"})
    made = await stripe_account.subscribe(customer.id, price)
    return Subscriber(customer.id, price, made["id"])
