"""An endpoint for events, as the app has one: checks signatures with the official SDK."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import stripe
from aiohttp import web


class Listener:
    """`heard`: the events whose signature is right, in the order of arrival."""

    def __init__(self, *keys: str) -> None:
        self.url = ""
        self.keys = list(keys)
        self.heard: list[Any] = []
        self.forged = 0
        self.answers: list[int] = []  # the next deliveries get these statuses, then 200

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.heard]

    async def hear(self, request: web.Request) -> web.Response:
        body, header = await request.read(), request.headers["Stripe-Signature"]
        for key in self.keys:
            try:
                self.heard.append(stripe.Webhook.construct_event(body, header, key))
                break
            except stripe.SignatureVerificationError:
                self.forged += 1
        return web.Response(status=self.answers.pop(0) if self.answers else 200)


@asynccontextmanager
async def listening(*keys: str) -> AsyncIterator[Listener]:
    listener = Listener(*keys)
    app = web.Application()
    app.router.add_post("/hook", listener.hear)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        listener.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        yield listener
    finally:
        await runner.cleanup()
