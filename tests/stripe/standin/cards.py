"""Stripe's test cards by name (`pm_card_visa`): each use of one is a new payment method."""

import re
from dataclasses import replace

from seahaven.http import HttpRequest
from seahaven_stripe_world.stripe_errors import StripeApiError

from tests.stripe.standin.account import Account
from tests.stripe.standin.engine import ask

NAMED = re.compile(r"pm_card_\w+")
ATTACHABLE_DECLINE = {"number": "4000000000000341", "exp_month": 12, "exp_year": 2040}
# Where the engine's token has not the same name behind `tok_`.
OTHERS = {
    "pm_card_chargeCustomerFail": ATTACHABLE_DECLINE,
    "pm_card_createDisputeInquiry": {"token": "tok_visa_createDisputeInquiry"},
}


def named(account: Account, request: HttpRequest) -> HttpRequest:
    """The request with ids in the place of names; the same idempotency key keeps its ids."""
    body = request.body.decode(errors="replace")
    found: dict[str, str] = {}
    for name in NAMED.findall(request.path + body):
        found[name] = _method(account, name, request.header("idempotency-key") or "")
    if not found:
        return request
    return replace(
        request,
        path=NAMED.sub(lambda match: found[match[0]], request.path),
        body=NAMED.sub(lambda match: found[match[0]], body).encode(),
    )


def _method(account: Account, name: str, key: str) -> str:
    if key and (key, name) in account.named_cards:
        return account.named_cards[key, name]
    card = OTHERS.get(name, {"token": name.replace("pm_card_", "tok_")})
    try:
        with account.engine.transaction() as ctx:
            made: str = ask(ctx, "POST", "/v1/payment_methods", type="card", card=card)["id"]
    except StripeApiError:
        return name  # no card that it knows: it says so itself
    account.named_cards[key, name] = made
    return made
