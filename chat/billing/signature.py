"""Which bodies are Stripe's: signed with one of our secrets, a moment ago, about this mode."""

import json
import re
from collections.abc import Iterable

import stripe

from chat.billing import stripe_objects
from chat.billing.stripe_objects import Event

TOLERANCE = 300  # seconds, either way: the SDK takes stamps of any future
_STAMP = re.compile(r"(?:^|,)t=([0-9]{1,12})(?:,|$)")


class Forged(Exception):
    """Not an event of Stripe's for us; the reason is nobody's business."""


def verified(body: bytes, header: str, secrets: Iterable[str], now: int, *, live: bool) -> Event:
    """The event in `body`; `now` in milliseconds. Errors: Forged, whatever was sent."""
    try:
        stamp = _STAMP.search(header)
        if not stamp or abs(now // 1_000 - int(stamp[1])) > TOLERANCE:
            raise Forged
        if not any(_signed(body, header, secret) for secret in secrets):
            raise Forged
        found = json.loads(body)
        if found.get("livemode", live) is not live:
            raise Forged
        return stripe_objects.event(found)
    except Forged:
        raise
    except Exception as error:  # the sender decides which: each would be a 500
        raise Forged from error


def _signed(body: bytes, header: str, secret: str) -> bool:
    try:
        return bool(stripe.WebhookSignature.verify_header(body, header, secret))
    except stripe.SignatureVerificationError:
        return False
