"""Everybody's billing, for administrators: the only statements that are not of one account."""

import secrets
from collections.abc import Sequence

from chat.accounts.repository import AccountRepository
from chat.db.database import Database, Row
from chat.db.queries import load_queries
from chat.errors import Invalid

SQL = load_queries("billing")
MOST = 200  # lines of each list


class BillingOverview:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def subscriptions(self) -> Sequence[Row]:
        """The newest first."""
        return await self._db.all(SQL["all_subscriptions"], limit=MOST)

    async def notices(self) -> Sequence[Row]:
        """The open ones first."""
        return await self._db.all(SQL["notices"], limit=MOST)

    async def grants(self) -> Sequence[Row]:
        return await self._db.all(SQL["grants"], limit=MOST)

    async def troubles(self) -> Sequence[Row]:
        """Accounts that could not be read from Stripe."""
        return await self._db.all(SQL["troubles"], limit=MOST)

    async def sync(self, email: str) -> None:
        """Reads this account again, or all of them; Invalid for a stranger's address."""
        if email:
            await self._db.run(SQL["touch"], account_id=await self._account(email))
        else:
            await self._db.run(SQL["touch_all"])

    async def mark(self, notice: str, closed_at: int | None) -> None:
        await self._db.run(SQL["mark_notice"], notice_key=notice, closed_at=closed_at)

    async def grant(self, email: str, plan: str, until: int | None, now: int) -> None:
        """An empty plan takes it back; Invalid for a stranger's address."""
        await self._db.run(
            SQL["grant_plan"], account_id=await self._account(email), plan=plan, until=until,
            create_key=secrets.token_hex(16), now=now,
        )  # fmt: skip

    async def _account(self, email: str) -> str:
        known = await AccountRepository(self._db).credentials(email)
        if known is None:
            raise Invalid("Nobody here has this address.")
        return known[0]
