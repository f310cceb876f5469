"""The way to Stripe's pages: one customer and one open checkout, never a second plan."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Container
from contextlib import asynccontextmanager
from typing import Any

from chat.billing.access import OVER
from chat.billing.gateway import TIMEOUT, Gateway, Missing, Refused, away
from chat.billing.plans import Plan
from chat.billing.repository import Account, Attempt, BillingRepository
from chat.errors import Conflict, Unavailable

log = logging.getLogger(__name__)
TURNS = 3


class Checkout:
    """`base` is PUBLIC_URL: every way back is built from it."""

    def __init__(self, rows: BillingRepository, gateway: Gateway, base: str) -> None:
        self._rows = rows
        self._gateway = gateway
        self._base = base

    async def begin(self, account_id: str, plan: Plan, now: int) -> str:
        """The address of the checkout. Errors: Conflict, Unavailable; clicking again is safe."""
        async with _bounded():
            account = await self._customer(account_id, now)
            for _ in range(TURNS):
                days = 0 if account.trial_used else plan.trial_days
                attempt = await self._rows.begin(account_id, plan, days, now)
                if url := await self._address(account_id, account, attempt, plan, now):
                    return url
        raise away()

    async def portal(self, customer: str, flow: dict[str, Any] | None) -> str:
        """The address of the portal. Errors: Unavailable."""
        wanted: dict[str, Any] = {
            "customer": customer,
            "return_url": f"{self._base}/billing/return",
        }
        async with _bounded():
            if flow:
                try:
                    return await self._gateway.portal({**wanted, "flow_data": flow})
                except Refused as error:  # the portal's own settings say what it can do
                    log.warning("the portal has no %s: %s", flow["type"], error.reason)
            return await self._gateway.portal(wanted)

    async def _customer(self, account_id: str, now: int) -> Account:
        """The account with its customer, made and bound before anything can be paid."""
        account = await self._rows.enrolled(account_id, now)
        if account.customer:
            return account
        digest = hashlib.sha256(account.email.encode()).hexdigest()[:16]
        key = f"customer-{account.create_key}-{digest}"  # the same key must ask for the same
        try:
            customer = await self._gateway.create_customer(account_id, account.email, key)
        except Refused:
            await self._rows.renew_key(account_id, account.create_key)
            raise
        await self._rows.bind_customer(account_id, customer, account.email)
        return await self._rows.enrolled(account_id, now)

    async def _address(
        self, account_id: str, account: Account, attempt: Attempt, plan: Plan, now: int
    ) -> str:
        """Where this attempt is paid; '' when it was not to be used any more, and another can."""
        same = (attempt.plan, attempt.price) == (plan.key, plan.price)
        if attempt.session:
            usable = same and attempt.lasts(now)
            return await self._again(account_id, account.customer, attempt, usable, now)
        if not same or not attempt.lasts(now):
            await self._rows.end(account_id, attempt.id, "abandoned")
            return ""
        await self._refuse_second(account_id, account.customer, OVER)
        return await self._open(account_id, account.customer, attempt, plan)

    async def _again(
        self, account_id: str, customer: str, attempt: Attempt, usable: bool, now: int
    ) -> str:
        """The session that is there, as long as it can be paid and is the one that is wanted."""
        try:
            found = await self._gateway.checkout(attempt.session)
            if found.status == "open" and usable and found.url:
                await self._refuse_second(account_id, customer, (*OVER, "incomplete"))
                return found.url
            if found.status == "open":
                await self._gateway.expire_checkout(attempt.session)
            elif found.status == "complete":  # paid, and nobody has told us
                await self._rows.returned(account_id, attempt.session, now)
                return f"{self._base}/billing/return?session_id={attempt.session}"
        except Missing:
            log.warning("a checkout is gone at Stripe")
        await self._rows.end(account_id, attempt.id, "expired")
        return ""

    async def _refuse_second(
        self, account_id: str, customer: str, harmless: Container[str]
    ) -> None:
        """Our rows may be behind: whoever has a subscription at Stripe is not sold another.

        `harmless`: states that do not matter; an incomplete one may be that of the open session.
        """
        for each in await self._gateway.subscriptions(customer):
            if each.status not in harmless:
                await self._rows.touch(account_id)
                raise Conflict(
                    "You have a subscription already: look after it at the payment service.",
                    code="already_subscribed",
                )

    async def _open(self, account_id: str, customer: str, attempt: Attempt, plan: Plan) -> str:
        wanted = self._session(account_id, customer, attempt, plan)
        try:
            made = await self._gateway.open_checkout(wanted, f"checkout-{attempt.id}")
        except Refused:
            await self._rows.end(account_id, attempt.id, "abandoned")
            raise
        if not await self._rows.set_session(account_id, attempt.id, made.id, made.url):
            await self._gateway.expire_checkout(made.id)  # nobody is there to pay for
            return ""
        return made.url

    def _session(
        self, account_id: str, customer: str, attempt: Attempt, plan: Plan
    ) -> dict[str, Any]:
        subscription: dict[str, Any] = {"metadata": {"account_id": account_id}}
        if attempt.trial_days:
            subscription["trial_period_days"] = attempt.trial_days
        wanted = {
            "mode": "subscription",
            "customer": customer,
            "client_reference_id": account_id,
            "line_items": [{"price": attempt.price, "quantity": 1}],
            "success_url": f"{self._base}/billing/return?session_id={{CHECKOUT_SESSION_ID}}",
            "cancel_url": f"{self._base}/billing",
            "expires_at": attempt.expires_at // 1_000,
            "subscription_data": subscription,
        }
        return {**wanted, "allow_promotion_codes": True} if plan.promotion_codes else wanted


@asynccontextmanager
async def _bounded() -> AsyncIterator[None]:
    """What a person waits for: ten seconds at most, and a refusal in words."""
    try:
        async with asyncio.timeout(TIMEOUT):
            yield
    except TimeoutError as error:
        raise away() from error
    except Refused as error:
        log.error("Stripe refused a way to its pages: %s", error.reason)
        raise Unavailable(
            "The payment service does not accept this at the moment. Nothing was paid. Whoever"
            " runs this installation can read why.",
            code="busy",
            retry_after=60,
        ) from error
