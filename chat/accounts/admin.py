"""The first administrator, made from the command line and never by being first to sign up."""

import time
from collections.abc import Callable

from chat.accounts.domain import clean_email
from chat.accounts.passwords import clean_password, hashed
from chat.accounts.repository import AccountRepository
from chat.db.connect import connect
from chat.settings import Settings


async def make_admin(settings: Settings, email: str, password: Callable[[], str]) -> bool:
    """Promotes the account of this address, or makes one with the password asked for.

    True when it is new. Errors: Invalid for the address or the password.
    """
    email = clean_email(email)
    db = await connect(settings)
    try:
        accounts = AccountRepository(db)
        if await accounts.credentials(email):
            await accounts.promote(email)
            return False
        secret = await hashed(clean_password(password(), email))
        await accounts.add(email, secret, time.time_ns() // 1_000_000, role="admin")
        return True
    finally:
        await db.close()
