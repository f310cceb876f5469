"""Passwords: which are accepted, and bcrypt in threads so that nobody else waits for it."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import bcrypt

from chat.errors import Invalid, Unavailable

COST = 12
AT_ONCE = 4
WAITING = 40
SHORTEST, LONGEST = 10, 256  # characters
_LABEL = b"prosa password v1"
_PREFIX = "v1$"
# Compared with when an account is unknown: it takes as long, and is never stored.
_NOBODY = "$2b$12$zw7RFlflD7.qMKzNbrsYeeXptFhrWuksIy6KJhcaqvRPomZhhG5SS"

T = TypeVar("T")
_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="bcrypt")
_waiting = 0


def clean_password(value: str, email: str) -> str:
    """A new password, unchanged; Invalid when too short, too long, too common or the address."""
    if len(value) < SHORTEST:
        raise Invalid("A password needs at least %(least)s characters.", least=SHORTEST)
    if len(value) > LONGEST:
        raise Invalid("A password has at most %(most)s characters.", most=LONGEST)
    folded = value.casefold()
    if folded in (email.casefold(), email.partition("@")[0].casefold()) or folded in _common():
        raise Invalid("Too many people would guess this password. Choose another one.")
    return value


async def hashed(password: str) -> str:
    """`password` as it is stored: "v1$" and bcrypt over a fixed-length digest."""
    salt = bcrypt.gensalt(COST)
    made = await _in_a_thread(bcrypt.hashpw, _digest(password), salt)
    return _PREFIX + made.decode("ascii")


async def matches(password: str, stored: str | None) -> bool:
    """Whether `password` is the stored one. Without one it takes as long and is never true."""
    known = stored is not None and stored.startswith(_PREFIX)
    against = stored.removeprefix(_PREFIX) if stored is not None and known else _NOBODY
    try:
        same = await _in_a_thread(bcrypt.checkpw, _digest(password), against.encode("ascii"))
    except ValueError:  # a stored hash that is damaged opens nothing
        return False
    return same and known


def _digest(password: str) -> bytes:
    """44 bytes whatever the length: bcrypt refuses more than 72."""
    data = password.encode("utf-8", "surrogatepass")
    return base64.b64encode(hmac.digest(_LABEL, data, hashlib.sha256))


async def _in_a_thread(work: Callable[[bytes, bytes], T], first: bytes, second: bytes) -> T:
    global _waiting
    if _waiting >= WAITING:
        raise Unavailable(
            "Too many people are signing in at this moment. Try again in a few seconds.",
            code="busy",
            retry_after=5,
        )
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_threads, work, first, second)
    finally:
        _waiting -= 1


@cache
def _common() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # large, and only needed at sign-up

    return frozenset(word for word in FREQUENCY_LISTS["passwords"] if len(word) >= SHORTEST) | {
        "prosaprosa",
        "prosa12345",
        "1234567890",
    }
