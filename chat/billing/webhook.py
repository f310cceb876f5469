"""Stripe's events come in here: verified, noted down, and acted on elsewhere."""

import logging
import re

from quart import Blueprint, Response, request

from chat.billing.events import receive
from chat.billing.parts import selling
from chat.billing.signature import Forged, verified
from chat.errors import ChatError
from chat.web.current import current_db, current_settings, now

blueprint = Blueprint("webhook", __name__)
LONGEST = 512 * 1024  # bytes

log = logging.getLogger(__name__)


@blueprint.post("/api/stripe/webhook")
async def webhook() -> Response:
    """It never waits for Stripe, and what an event says of money is not believed."""
    body = await _body()
    if body is None:
        return Response("too large\n", 413, content_type="text/plain")
    settings = current_settings()
    secrets = re.split("[ ,]+", settings.stripe_webhook_secret)
    signature = request.headers.get("Stripe-Signature", "")
    sold = selling()
    try:
        event = verified(body, signature, secrets, now(), live=sold.gateway.live)
    except Forged:
        log.warning("an event was refused: it is not Stripe's, or not for this installation")
        return Response("refused\n", 400, content_type="text/plain")
    try:
        if await receive(current_db(), event, now()):
            sold.worker.wake()
    except ChatError:
        log.error("an event could not be stored: Stripe will send it again")
        return Response("not stored\n", 500, content_type="text/plain")
    return Response("ok\n", content_type="text/plain")


async def _body() -> bytes | None:
    """The raw bytes; None when there are too many."""
    if (request.content_length or 0) > LONGEST:
        return None
    body = bytearray()
    async for part in request.body:
        body += part
        if len(body) > LONGEST:
            return None
    return bytes(body)
