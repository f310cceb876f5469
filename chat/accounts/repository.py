"""Accounts and their sessions in the database."""

import hashlib
import json
import secrets
from collections.abc import Collection
from contextlib import suppress

from chat.accounts.domain import IDLE, OLDEST, SEEN_EVERY, Account, Session, email_key
from chat.db.database import Database
from chat.db.queries import load_queries
from chat.errors import NotFound, Unavailable

SQL = load_queries("accounts")


class AccountRepository:
    """Times are milliseconds since 1970, UTC."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def add(self, email: str, password: str, now: int, role: str = "user") -> Account:
        """A new account with an already hashed password; NotFound when the address is taken.

        Whoever has taken it is on disk by then and can be looked up.
        """
        added = await self._db.all(
            SQL["add"],
            id=secrets.token_hex(16),
            email=email,
            email_key=email_key(email),
            password=password,
            role=role,
            now=now,
        )
        if not added:
            raise NotFound
        return Account(**added[0])

    async def credentials(self, email: str) -> tuple[str, str] | None:
        """(account id, stored password) of an address, None when nobody has it."""
        rows = await self._db.all(SQL["by_email"], email_key=email_key(email))
        return (rows[0]["id"], rows[0]["password"]) if rows else None

    async def password(self, account_id: str) -> str:
        row = await self._db.one(SQL["password_of"], account_id=account_id)
        return str(row["password"])

    async def set_password(self, account_id: str, password: str) -> None:
        await self._db.run(SQL["set_password"], account_id=account_id, password=password)

    async def set_preferences(self, account_id: str, language: str, theme: str) -> None:
        await self._db.run(
            SQL["set_preferences"], account_id=account_id, language=language, theme=theme
        )

    async def set_model(self, account_id: str, model: str) -> None:
        await self._db.run(SQL["set_model"], account_id=account_id, model=model)

    async def delete(self, account_id: str) -> None:
        """With its sessions, its conversations and whatever else refers to it."""
        await self._db.run(SQL["delete"], account_id=account_id)

    async def promote(self, email: str) -> None:
        """Makes somebody an administrator; NotFound without such an account."""
        if not await self._db.run(SQL["set_role"], email_key=email_key(email), role="admin"):
            raise NotFound


class SessionRepository:
    """The cookie holds a random value; the table only its hash."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def begin(self, account_id: str, user_agent: str, now: int) -> str:
        """A new session; answers the value for the cookie."""
        token = secrets.token_urlsafe(32)
        await self._db.run(
            SQL["begin_session"],
            id=secrets.token_hex(16),
            hash=_hash(token),
            account_id=account_id,
            user_agent=user_agent[:200],
            now=now,
        )
        return token

    async def find(self, token: str, now: int) -> tuple[Account, str] | None:
        """(account, session id) of a cookie's value, None when that session has ended."""
        rows = await self._db.all(SQL["of_session"], hash=_hash(token))
        if not rows:
            return None
        row = dict(rows[0])
        session_id, created_at, seen_at = (
            row.pop(name) for name in ("session_id", "created_at", "seen_at")
        )
        account = Account(**row)
        if seen_at <= now - IDLE or created_at <= now - OLDEST:
            with suppress(Unavailable):
                await self.end(session_id, account.id)  # for good, wherever the clock goes
            return None
        if now - seen_at > SEEN_EVERY:
            with suppress(Unavailable):  # reading goes on where nothing can be written
                await self._db.run(
                    SQL["saw_session"], session_id=session_id, account_id=account.id, now=now
                )
        return account, session_id

    async def living(self, session_ids: Collection[str]) -> set[str]:
        """Those of these sessions that have not ended, whosever they are."""
        rows = await self._db.all(SQL["living"], ids=json.dumps(list(session_ids)))
        return {row["id"] for row in rows}

    async def all(self, account_id: str, now: int) -> list[Session]:
        rows = await self._db.all(
            SQL["sessions"], account_id=account_id, idle=now - IDLE, oldest=now - OLDEST
        )
        return [Session(**row) for row in rows]

    async def end(self, session_id: str, account_id: str) -> None:
        await self._db.run(SQL["end_session"], session_id=session_id, account_id=account_id)

    async def end_others(self, session_id: str, account_id: str) -> None:
        await self._db.run(SQL["end_other_sessions"], session_id=session_id, account_id=account_id)

    async def end_old(self, now: int) -> None:
        await self._db.run(SQL["end_old_sessions"], idle=now - IDLE, oldest=now - OLDEST)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
