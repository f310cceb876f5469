"""An account at the stand-in: the engine's objects, those that we add, and what happens to it."""

import time
from collections import defaultdict
from typing import Any

from tests.stripe.standin.away import Away
from tests.stripe.standin.courier import Courier
from tests.stripe.standin.engine import Engine, Object
from tests.stripe.standin.journal import Journal


class Account:
    """`key` is its secret key, `base` the stand-in's own address. Whoever asks first makes it."""

    def __init__(self, key: str, base: str) -> None:
        self.key = key
        self.base = base
        self.engine = Engine()
        self.away = Away()
        self.journal = Journal()
        self.courier = Courier(self.engine, base)
        self.named_cards: dict[tuple[str, str], str] = {}  # by idempotency key and name
        # What the engine does not have, newest last: checkout sessions, portal sessions, …
        self.kept: dict[str, dict[str, Object]] = defaultdict(dict)
        self.lines: dict[str, list[Object]] = {}  # a checkout session's line items, by its id
        self.asked: dict[str, dict[str, Any]] = {}  # a checkout session's own parameters, by its id

    async def close(self) -> None:
        self.away.end()
        await self.courier.close()
        self.engine.close()


def now() -> int:
    """Seconds since 1970 UTC."""
    return int(time.time())
