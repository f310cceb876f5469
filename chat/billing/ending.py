"""Before an account is deleted: nothing of it may be charged any more."""

import asyncio
from typing import TYPE_CHECKING

from chat.billing.access import OVER
from chat.billing.parts import current_selling
from chat.billing.repository import BillingRepository
from chat.errors import Unavailable
from chat.web.current import current_db

if TYPE_CHECKING:
    from chat.billing.gateway import Gateway

LONGEST = 20.0  # seconds


async def end_payments(account_id: str) -> None:
    """Ends what the account pays for at Stripe. Unavailable, and then nothing may be deleted."""
    rows = BillingRepository(current_db())
    account = await rows.account(account_id)
    if account is None or not account.customer:
        return
    sold = current_selling()
    if sold is None:
        if await rows.living(account_id):
            raise _failed()
        return
    from chat.billing.gateway import Missing, Refused  # brings the SDK

    attempt = await rows.attempt(account_id)
    try:
        async with asyncio.timeout(LONGEST):
            if attempt and attempt.session:
                await _close(sold.gateway, attempt.session)
            await _cancel_all(sold.gateway, account.customer)
    except Missing:  # nobody is there to be charged
        return
    except (Refused, TimeoutError, Unavailable) as error:
        raise _failed() from error


async def _close(gateway: "Gateway", session: str) -> None:
    """A checkout that is left open could still be paid."""
    if (await gateway.checkout(session)).status == "open":
        await gateway.expire_checkout(session)


async def _cancel_all(gateway: "Gateway", customer: str) -> None:
    for each in await gateway.subscriptions(customer):
        if each.status not in OVER:
            await gateway.cancel(each.id)


def _failed() -> Unavailable:
    return Unavailable(
        "Your subscription could not be ended at the payment service, so nothing was deleted."
        " Try again in a few minutes.",
        code="busy",
        retry_after=60,
    )
