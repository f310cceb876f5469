"""An account's billing rows, for its pages. Every query is scoped by account_id."""

import secrets
from dataclasses import dataclass

from chat.billing.plans import Plan
from chat.db.database import Database, Row, Transaction
from chat.db.queries import load_queries

SQL = load_queries("billing")
INVOICES = 24
HOUR = 60 * 60 * 1000
LASTS = 23 * HOUR  # Stripe lets a session live for 24
SPARE = HOUR  # what must be left of one that is shown again
UNBORN = 10 * 60 * 1000  # an attempt that Stripe has not answered is not tried longer than this


@dataclass(frozen=True, slots=True)
class Account:
    """`syncing`: Stripe may say something else by now, and will be asked."""

    customer: str
    create_key: str
    email: str
    syncing: bool
    trial_used: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """A way to Stripe's checkout; `session` is '' until Stripe has answered."""

    id: str
    plan: str
    price: str
    trial_days: int
    session: str
    url: str
    expires_at: int
    created_at: int

    def lasts(self, now: int) -> bool:
        if self.session:
            return now < self.expires_at - SPARE
        return now < self.created_at + UNBORN


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """`amount` in the currency's smallest unit."""

    invoice_id: str
    created_at: int
    amount: int
    currency: str
    status: str
    url: str


class BillingRepository:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def account(self, account_id: str) -> Account | None:
        """None for somebody who never touched billing."""
        rows = await self._db.all(SQL["account"], account_id=account_id)
        return _account(rows[0]) if rows else None

    async def enrolled(self, account_id: str, now: int) -> Account:
        key = secrets.token_hex(16)
        await self._db.run(SQL["enrol"], account_id=account_id, create_key=key, now=now)
        return _account(await self._db.one(SQL["account"], account_id=account_id))

    async def bind_customer(self, account_id: str, customer: str, email: str) -> None:
        await self._db.run(
            SQL["bind_customer"], account_id=account_id, customer_id=customer, email=email
        )

    async def renew_key(self, account_id: str, key: str) -> None:
        fresh = secrets.token_hex(16)
        await self._db.run(SQL["renew_key"], account_id=account_id, create_key=key, fresh=fresh)

    async def touch(self, account_id: str) -> None:
        await self._db.run(SQL["touch"], account_id=account_id)

    async def invoices(self, account_id: str) -> list[InvoiceLine]:
        """The newest first."""
        rows = await self._db.all(SQL["invoices"], account_id=account_id, limit=INVOICES)
        return [InvoiceLine(**row) for row in rows]

    async def amount(self, subscription_id: str, account_id: str) -> Row | None:
        """What a period costs: amount, currency, interval_unit."""
        rows = await self._db.all(
            SQL["subscription"], subscription_id=subscription_id, account_id=account_id
        )
        return rows[0] if rows else None

    async def living(self, account_id: str) -> bool:
        """Whether something of theirs may still be charged, by what we know."""
        return bool(await self._db.value(SQL["living"], account_id=account_id))

    async def attempt(self, account_id: str) -> Attempt | None:
        return await _attempt(self._db, account_id)

    async def begin(self, account_id: str, plan: Plan, trial_days: int, now: int) -> Attempt:
        """The one open attempt: the one that is there, or a new one. One of several clicks wins."""

        async def write(tx: Transaction) -> Attempt:
            await tx.lock(f"checkout {account_id}")
            if found := await _attempt(tx, account_id):
                return found
            attempt_id = secrets.token_hex(16)
            await tx.run(
                SQL["begin_checkout"], attempt_id=attempt_id, account_id=account_id,
                plan_key=plan.key, price_id=plan.price, trial_days=trial_days,
                expires_at=now + LASTS, now=now,
            )  # fmt: skip
            return Attempt(attempt_id, plan.key, plan.price, trial_days, "", "", now + LASTS, now)

        return await self._db.transaction(write)

    async def set_session(self, account_id: str, attempt: str, session: str, url: str) -> bool:
        """False when the attempt is over, or the account gone."""
        changed = await self._db.run(
            SQL["set_session"], account_id=account_id, attempt_id=attempt,
            session_id=session, url=url,
        )  # fmt: skip
        return changed == 1

    async def end(self, account_id: str, attempt: str, status: str) -> None:
        await self._db.run(
            SQL["end_checkout"], account_id=account_id, attempt_id=attempt, status=status
        )

    async def returned(self, account_id: str, session: str, now: int) -> bool:
        """Whether this session is an open one of this account's: then it is read soon."""

        async def write(tx: Transaction) -> bool:
            found = await tx.run(
                SQL["return_from_checkout"], account_id=account_id, session_id=session, now=now
            )
            if found:
                await tx.run(SQL["touch"], account_id=account_id)
            return found == 1

        return await self._db.transaction(write)


async def _attempt(db: Database | Transaction, account_id: str) -> Attempt | None:
    rows = await db.all(SQL["open_checkout"], account_id=account_id)
    if not rows:
        return None
    row = rows[0]
    return Attempt(
        row["attempt_id"], row["plan_key"], row["price_id"], row["trial_days"],
        row["session_id"] or "", row["url"], row["expires_at"], row["created_at"],
    )  # fmt: skip


def _account(row: Row) -> Account:
    return Account(
        customer=row["customer_id"] or "",
        create_key=row["create_key"],
        email=row["wanted_email"],
        syncing=row["dirty_gen"] > row["synced_gen"],
        trial_used=row["trial_used_at"] is not None,
    )
