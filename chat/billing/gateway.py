"""Stripe through its own SDK: the one place that imports it, and only where plans are sold."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import stripe

from chat.billing import stripe_objects
from chat.billing.stripe_objects import Event, Invoice, Mirror, Price, Session
from chat.errors import Unavailable
from chat.settings import Settings

TIMEOUT = 10.0  # seconds for one request
STRIPE = "https://api.stripe.com"
LONGEST_LIST = 200  # subscriptions of one customer that are looked at
INVOICES = 24

_AWAY = (stripe.APIConnectionError, stripe.RateLimitError, stripe.APIError)
_BARRED = (stripe.AuthenticationError, stripe.PermissionError)
_MISSING = "resource_missing"


class Refused(Exception):
    """Stripe understood, and does not want it: configuration, or a state that we did not know.

    `reason` is a code without anything secret or private.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Missing(Refused):
    """What was asked for is not there (any more)."""


class Barred(Refused):
    """The key is none, or may not ask for this."""


class Gateway:
    """To be made inside the event loop that uses it; errors: Unavailable, Refused, Missing."""

    def __init__(self, settings: Settings) -> None:
        stripe.enable_telemetry = False  # it would also leave an id in the home folder
        limit: Any = aiohttp.ClientTimeout(total=TIMEOUT)  # the SDK's own type of it is narrower
        self._http: Any = stripe.AIOHTTPClient(timeout=limit)  # its closing is untyped
        self.live = "_live_" in settings.stripe_secret_key[:8]
        self._stripe = stripe.StripeClient(
            settings.stripe_secret_key,
            http_client=self._http,
            max_network_retries=2,
            base_addresses={"api": settings.stripe_api_base or STRIPE},
        ).v1

    async def close(self) -> None:
        await self._http.close_async()

    async def create_customer(self, account_id: str, email: str, key: str) -> str:
        async with _said():
            made = await self._stripe.customers.create_async(
                {"email": email, "metadata": {"account_id": account_id}}, {"idempotency_key": key}
            )
            return made.id

    async def set_email(self, customer: str, email: str) -> None:
        async with _said():
            await self._stripe.customers.update_async(customer, {"email": email})

    async def open_checkout(self, wanted: Mapping[str, Any], key: str) -> Session:
        """`wanted`: the parameters of a session; the same `key` is the same session."""
        async with _said():
            params: Any = wanted
            made = await self._stripe.checkout.sessions.create_async(
                params, {"idempotency_key": key}
            )
            return stripe_objects.session(made.to_dict())

    async def checkout(self, session_id: str) -> Session:
        async with _said():
            found = await self._stripe.checkout.sessions.retrieve_async(session_id)
            return stripe_objects.session(found.to_dict())

    async def expire_checkout(self, session_id: str) -> None:
        async with _said():
            await self._stripe.checkout.sessions.expire_async(session_id)

    async def portal(self, wanted: Mapping[str, Any]) -> str:
        """The address of a portal session: whoever has it is in, so it is never kept."""
        async with _said():
            params: Any = wanted
            made = await self._stripe.billing_portal.sessions.create_async(params)
            return made.url

    async def email(self, customer: str) -> str:
        """Missing when the customer was deleted."""
        async with _said():
            found = await self._stripe.customers.retrieve_async(customer)
            if getattr(found, "deleted", False):
                raise Missing("deleted")
            return found.email or ""

    async def subscriptions(self, customer: str) -> list[Mirror]:
        """All of them, over or not."""
        made = []
        async with _said():
            pages = await self._stripe.subscriptions.list_async(
                {"customer": customer, "status": "all", "limit": 100,
                 "expand": ["data.latest_invoice"]}
            )  # fmt: skip
            async for each in pages.auto_paging_iter():
                made.append(stripe_objects.subscription(each.to_dict()))
                if len(made) == LONGEST_LIST:
                    break
        return made

    async def cancel(self, subscription_id: str) -> None:
        async with _said():
            await self._stripe.subscriptions.cancel_async(subscription_id)

    async def invoices(self, customer: str) -> list[Invoice]:
        """The newest ones."""
        made = []
        async with _said():
            pages = await self._stripe.invoices.list_async(
                {"customer": customer, "limit": INVOICES}
            )
            async for each in pages.auto_paging_iter():
                made.append(stripe_objects.invoice(each.to_dict()))
                if len(made) == INVOICES:
                    break
        return made

    async def events(self, since: int, types: list[str]) -> list[Event]:
        """What happened since then (seconds), the newest first."""
        made = []
        async with _said():
            pages = await self._stripe.events.list_async(
                {"created": {"gte": since}, "types": types, "limit": 100}
            )
            async for each in pages.auto_paging_iter():
                made.append(stripe_objects.event(each.to_dict()))
        return made

    async def dispute(self, dispute_id: str) -> tuple[str, str]:
        """(its status, the customer or '')."""
        async with _said():
            found = await self._stripe.disputes.retrieve_async(dispute_id, {"expand": ["charge"]})
            return found.status, stripe_objects.customer_of(found.to_dict().get("charge"))

    async def charge(self, charge_id: str) -> tuple[bool, str]:
        """(whether all of it was refunded, the customer or '')."""
        async with _said():
            found = await self._stripe.charges.retrieve_async(charge_id)
            charge = found.to_dict()
            return bool(charge.get("refunded")), stripe_objects.customer_of(charge)

    async def price(self, price_id: str) -> Price:
        async with _said():
            found = await self._stripe.prices.retrieve_async(price_id)
            return stripe_objects.price(found.to_dict(), self.live)


@asynccontextmanager
async def _said() -> AsyncIterator[None]:
    """The SDK's exceptions in our words; its messages may name what is nobody's business."""
    try:
        async with asyncio.timeout(3 * TIMEOUT):
            yield
    except _AWAY as error:
        raise away() from error
    except stripe.StripeError as error:
        code = str(error.code or type(error).__name__)
        if isinstance(error, _BARRED):
            raise Barred(code) from error
        raise (Missing if code == _MISSING else Refused)(code) from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise away() from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Refused(f"unexpected {type(error).__name__}") from error


def away() -> Unavailable:
    return Unavailable(
        "The payment service cannot be reached at the moment. Nothing was changed; try again soon.",
        code="busy",
        retry_after=10,
    )
