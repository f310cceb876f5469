"""One Stripe account's objects: the engine, and the one way in which we ask it."""

import json
import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from seahaven.http import HttpRequest, HttpResponse
from seahaven.http.runtime import dispatch as answered
from seahaven_stripe_world import world
from seahaven_stripe_world.dispatch import dispatch
from seahaven_stripe_world.middleware.stripe_envelope import mint_request
from seahaven_stripe_world.resources import events
from seahaven_stripe_world.stripe_errors import StripeApiError

Context = Any  # the engine's, in one of its transactions
Object = dict[str, Any]
PAY_HOST = "https://pay.stripe.com"  # the engine's addresses of invoices: here they lead to us
# Null where Stripe's document knows an object or nothing: the engine's one departure that we met.
NULLS = re.compile(r'"radar_options":\s*null,\s*|,\s*"radar_options":\s*null')
Given = dict[str, Any]  # a request's parameters, in the types that the document declares


class Engine:
    """Never used by two threads; nothing in it waits."""

    def __init__(self) -> None:
        self._instance = world.instance(
            seed=random.randrange(2**31), clock_mode="wall", startup={"livemode": False}
        )

    def answer(
        self, request: HttpRequest, handler: Callable[[Context, HttpRequest], HttpResponse]
    ) -> HttpResponse:
        """One transaction, kept unless the handler raises; then 500."""
        return answered(self._instance, handler, request)

    @contextmanager
    def transaction(self) -> Iterator[Context]:
        """What no request asked for: a click on a hosted page, or time that passes."""
        with self._instance.bulk() as ctx:
            mint_request(ctx, None)
            yield ctx

    def events_after(self, number: int) -> tuple[list[Object], int]:
        """Those that came behind the event with this number, and the number of the last."""
        with self._instance.bulk() as ctx:
            rows = ctx.db.rows("SELECT * FROM events WHERE x_seq > ? ORDER BY x_seq", number)
            found = [events.serialize(ctx, row) for row in rows]
            return found, max((row["x_seq"] for row in rows), default=number)

    def event(self, identity: str) -> Object:
        with self._instance.bulk() as ctx:
            return ask(ctx, "GET", f"/v1/events/{identity}")

    def close(self) -> None:
        self._instance.destroy()


def outward(text: str, base: str) -> str:
    """JSON of the engine's as it leaves a stand-in that is at `base`."""
    return NULLS.sub("", text).replace(PAY_HOST, base)


def ask(ctx: Context, method: str, path: str, **parameters: Any) -> Object:
    """What the API would answer, in the same transaction. StripeApiError for a refusal."""
    done = dispatch(ctx, method, path, parameters, idempotency_key=None)
    if done.status >= 400:
        error = done.body["error"]
        raise StripeApiError(
            done.status,
            error["type"],
            error["message"],
            code=error.get("code"),
            decline_code=error.get("decline_code"),
        )
    body: Object = json.loads(json.dumps(done.body))
    return body
