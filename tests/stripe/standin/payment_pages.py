"""What Stripe's own command line does instead of a person on the hosted page."""

from seahaven_stripe_world.stripe_errors import invalid_request

from tests.stripe.standin import checkout
from tests.stripe.standin.account import Account
from tests.stripe.standin.engine import Context, Given, Object


def show(account: Account, ctx: Context, identity: str, given: Given) -> Object:
    return checkout.retrieve(account, ctx, identity, {})


def confirm(account: Account, ctx: Context, identity: str, given: Given) -> Object:
    session = checkout.retrieve(account, ctx, identity, {})
    if session["status"] != "open":
        raise invalid_request("This Checkout Session is no longer open.")
    checkout.pay(account, ctx, session, given["payment_method"], email="cli@example.com")
    return session
