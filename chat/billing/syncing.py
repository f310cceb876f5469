"""One function reads an account's things back from Stripe; whatever happened, it ends up right."""

import asyncio
import logging
import random
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from chat.billing.access import LIVE
from chat.billing.gateway import Gateway, Missing, Refused
from chat.billing.mirroring import Lease, Mirroring, Reading, TakenOver
from chat.billing.plans import Plans
from chat.db.database import Database, Row
from chat.db.queries import load_queries
from chat.errors import ChatError, NotFound, Unavailable
from chat.web.current import Clock

SQL = load_queries("billing")
LEASE = 15_000  # milliseconds
KEEP_EVERY = 4.0  # seconds; a reading may take longer than the lease
READING = 40.0  # seconds
SETTLE = 0.3  # seconds, in which a burst of events comes to its end
TURNS = 5
SOON, LATE = 15_000, 600_000  # milliseconds: the longest wait while Stripe is away, and otherwise

log = logging.getLogger(__name__)


class Syncing:
    """Any number of processes may sync one account: one of them reads, and it reads last."""

    def __init__(self, db: Database, gateway: Gateway, plans: Plans, clock: Clock) -> None:
        self._db = db
        self._gateway = gateway
        self._plans = plans
        self._mirroring = Mirroring(db, plans)
        self._clock = clock

    async def sync(self, account_id: str) -> None:
        """Returns when the rows are as new as what was asked for, or when another one reads."""
        lease = Lease(account_id, secrets.token_hex(16))
        try:
            if await self._take(lease):
                await self._hold_and_read(lease)
        except (TakenOver, NotFound):  # another one is at it, or the account was deleted
            return
        except (Unavailable, Refused) as error:
            await self._failed(lease, error)
        finally:  # also when it is cancelled while it takes it: whoever stays goes on at once
            await self._release(lease)

    async def _hold_and_read(self, lease: Lease) -> None:
        keeper = asyncio.create_task(self._keep(lease))
        try:
            await asyncio.sleep(SETTLE)
            await self._read_until_clean(lease)
        finally:
            keeper.cancel()

    async def _keep(self, lease: Lease) -> None:
        """A short lease that lasts: what a process held that was killed is soon free."""
        while True:
            await asyncio.sleep(KEEP_EVERY)
            with suppress(Unavailable):  # then it ends, and nothing of this reading is stored
                await self._extend(lease)

    async def _take(self, lease: Lease) -> bool:
        now = self._clock()
        taken = await self._db.run(
            SQL["lease"], account_id=lease.account_id, token=lease.token, now=now, until=now + LEASE
        )
        return taken == 1

    async def _read_until_clean(self, lease: Lease) -> None:
        for _ in range(TURNS):
            row = await self._db.one(SQL["account"], account_id=lease.account_id)
            if row["dirty_gen"] <= row["synced_gen"]:
                return
            if not await self._extend(lease):
                raise TakenOver
            await self._read(lease, row)

    async def _extend(self, lease: Lease) -> bool:
        until = self._clock() + LEASE
        held = await self._db.run(
            SQL["extend"], account_id=lease.account_id, token=lease.token, until=until
        )
        return held == 1

    async def _read(self, lease: Lease, row: Row) -> None:
        gen, customer = row["dirty_gen"], row["customer_id"]
        if customer is None:
            await self._mirroring.lose_customer(lease, gen, self._clock())
            return
        try:
            async with asyncio.timeout(READING):
                reading = await self._reading(lease.account_id, customer)
                if reading.subscriptions:  # none may also mean a key of another Stripe account
                    await self._mirroring.store(lease, reading, self._clock())
                await self._tell_email(lease, row)
                invoices = await self._gateway.invoices(customer)
        except Missing:
            await self._same_account()
            log.warning("a customer is gone at Stripe: the account can buy again")
            await self._mirroring.lose_customer(lease, gen, self._clock())
            return
        except TimeoutError as error:
            raise Unavailable("Stripe is too slow.") from error
        whole = replace(reading, gen=gen, invoices=invoices)
        await self._mirroring.store(lease, whole, self._clock())

    async def _same_account(self) -> None:
        """Another Stripe account's key finds nobody: that must not end what people pay for."""
        try:
            await self._gateway.price(next(iter(self._plans.by_price)))
        except Missing as error:
            raise Refused("the key is of another Stripe account") from error

    async def _tell_email(self, lease: Lease, row: Row) -> None:
        """One way, and best effort: what is edited at Stripe never becomes a log-in."""
        await self._gateway.email(row["customer_id"])  # Missing, where the customer was deleted
        if row["email"] == row["wanted_email"]:
            return
        try:
            await self._gateway.set_email(row["customer_id"], row["wanted_email"])
        except Missing:
            raise
        except Refused as error:
            log.warning("Stripe does not take an account's e-mail address: %s", error.reason)
        await self._db.run(
            SQL["set_email"], account_id=lease.account_id, token=lease.token,
            email=row["wanted_email"],
        )  # fmt: skip

    async def _reading(self, account_id: str, customer: str) -> Reading:
        """What the plan hangs on; the rest may fail or be slow.

        Checkouts come first: what one that is complete has made is then in the list.
        """
        rows = await self._db.all(SQL["open_checkout"], account_id=account_id)
        checkouts = {row["attempt_id"]: await self._checkout(row) for row in rows}
        found = await self._gateway.subscriptions(customer)
        if any(each.status in LIVE for each in found):
            checkouts |= await self._close(rows, checkouts)
        return Reading(None, customer, found, (), checkouts)

    async def _close(self, rows: Sequence[Row], checkouts: dict[str, str]) -> dict[str, str]:
        """A tab that was left open must not sell a second subscription beside one from elsewhere.

        What is paid at this moment is no longer open: an event says so.
        """
        closed = {}
        for row in rows:
            if row["session_id"] is not None and checkouts[row["attempt_id"]] == "open":
                with suppress(Refused):
                    await self._gateway.expire_checkout(row["session_id"])
                    closed[row["attempt_id"]] = "expired"
        return closed

    async def _checkout(self, row: Row) -> str:
        if row["session_id"] is None:
            return "open" if row["expires_at"] > self._clock() else "abandoned"
        try:
            return (await self._gateway.checkout(row["session_id"])).status
        except Missing:
            return "abandoned"

    async def _release(self, lease: Lease) -> None:
        await self._db.run(SQL["release"], account_id=lease.account_id, token=lease.token)

    async def _failed(self, lease: Lease, error: ChatError | Refused) -> None:
        """The rows stay as they are, and it is tried again: soon while Stripe is away."""
        mine = {"account_id": lease.account_id}
        count = await self._db.value(SQL["failures"], **mine) or 0
        longest = SOON if isinstance(error, Unavailable) else LATE
        wait = min(1_000 * 2 ** min(count, 20), longest)
        reason = error.reason if isinstance(error, Refused) else "unreachable"
        next_try = self._clock() + int(wait * random.uniform(0.7, 1))  # noqa: S311 (spreads, hides nothing)
        await self._db.run(
            SQL["fail"], **mine, token=lease.token, reason=reason, next_try_at=next_try
        )
        if count in (0, 5):  # not once a try: an outage is long
            log.warning("an account could not be read from Stripe: %s", reason)
