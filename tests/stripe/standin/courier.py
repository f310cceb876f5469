"""Delivers events to the account's endpoints: signed, tried again, and in whatever disorder."""

import asyncio
import hashlib
import hmac
import json
import random
import secrets
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.stripe.standin.engine import Engine, Object, outward

MODES = ("normal", "duplicate", "reverse", "shuffle", "parallel", "hold", "drop")
PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6)  # seconds before each further try; Stripe takes three days
PATIENCE = 10  # seconds an endpoint has to answer


@dataclass
class Delivery:
    """`state`: held, dropped, waiting, delivered or failed; `answers`: statuses, 0 for none."""

    event: Object
    endpoint: Object
    state: str = "waiting"
    answers: list[int] = field(default_factory=list)
    id: str = field(default_factory=lambda: secrets.token_hex(8))

    def told(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "event": self.event["id"],
            "type": self.event["type"],
            "object": self.event["data"]["object"].get("id", ""),
            "endpoint": self.endpoint["id"],
            "state": self.state,
            "answers": self.answers,
        }


class Courier:
    def __init__(self, engine: Engine, base: str) -> None:
        self.mode = "normal"
        self.deliveries: list[Delivery] = []
        self.endpoints: dict[str, Object] = {}
        self.secrets: dict[str, list[str]] = {}  # of each endpoint, newest first
        self._engine = engine
        self._base = base
        self._seen = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_order = asyncio.Lock()
        self._dice = random.Random(0)
        self._client: aiohttp.ClientSession | None = None

    def collect(self) -> None:
        """Whatever happened since: on its way, in the order of the mode."""
        events, self._seen = self._engine.events_after(self._seen)
        batch = [
            Delivery(event, endpoint)
            for event in events
            for endpoint in self.endpoints.values()
            if endpoint["status"] == "enabled" and _wanted(endpoint, event["type"])
        ]
        self.deliveries += batch
        self._begin(batch, self.mode)

    def release(self, mode: str) -> int:
        """Sends what was held, as one batch in this mode; how many."""
        held = [delivery for delivery in self.deliveries if delivery.state == "held"]
        self._begin(held, mode)
        return len(held)

    def resend(self, event: str) -> int:
        """The event once more, to every endpoint that is there now; how many."""
        found = self._engine.event(event)
        batch = [Delivery(found, endpoint) for endpoint in self.endpoints.values()]
        self.deliveries += batch
        self._begin(batch, "normal")
        return len(batch)

    async def settled(self) -> None:
        """Returns when nothing is on its way any more."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.close()

    def _begin(self, batch: list[Delivery], mode: str) -> None:
        if mode in ("hold", "drop"):
            for delivery in batch:
                delivery.state = "held" if mode == "hold" else "dropped"
            return
        for delivery in batch:
            delivery.state = "waiting"
        if mode == "reverse":
            batch = batch[::-1]
        elif mode == "shuffle":
            batch = self._dice.sample(batch, len(batch))
        if mode == "parallel":
            for delivery in batch:
                self._start(self._all([delivery], 1))
        elif batch:
            self._start(self._next(batch, 2 if mode == "duplicate" else 1))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _next(self, batch: list[Delivery], copies: int) -> None:
        async with self._in_order:
            await self._all(batch, copies)

    async def _all(self, batch: list[Delivery], copies: int) -> None:
        for delivery in batch:
            await asyncio.gather(*(self._try(delivery) for _ in range(copies)))
            if delivery.state != "delivered":
                self._start(self._again(delivery))

    async def _again(self, delivery: Delivery) -> None:
        for pause in PAUSES:
            await asyncio.sleep(pause)
            await self._try(delivery)
            if delivery.state == "delivered":
                return
        delivery.state = "failed"

    async def _try(self, delivery: Delivery) -> None:
        """One POST, as Stripe makes it: any answer but 2xx is a failure, and none is followed."""
        if self._client is None:
            timeout = aiohttp.ClientTimeout(total=PATIENCE)
            self._client = aiohttp.ClientSession(
                timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
            )
        body = outward(json.dumps(delivery.event, indent=2), self._base)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": signature(body, self.secrets[delivery.endpoint["id"]]),
        }
        url = delivery.endpoint["url"]
        try:
            async with self._client.post(
                url, data=body.encode(), headers=headers, allow_redirects=False
            ) as answer:
                await answer.read()
                status = answer.status
        except (TimeoutError, aiohttp.ClientError):
            status = 0
        delivery.answers.append(status)
        if 200 <= status < 300:
            delivery.state = "delivered"


def signature(body: str, keys: list[str], at: int = 0) -> str:
    """The header: a time and one `v1` for each secret. https://docs.stripe.com/webhooks/signature"""
    at = at or int(time.time())
    signed = f"{at}.{body}".encode()
    sums = (hmac.new(key.encode(), signed, hashlib.sha256).hexdigest() for key in keys)
    return ",".join([f"t={at}", *(f"v1={found}" for found in sums)])


def _wanted(endpoint: Object, event: str) -> bool:
    return "*" in endpoint["enabled_events"] or event in endpoint["enabled_events"]
