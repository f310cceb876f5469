"""What the engine leaves out when a customer is made or deleted."""

from tests.stripe.standin import portal
from tests.stripe.standin.account import Account
from tests.stripe.standin.engine import Context, Given, Object, ask


def create(account: Account, ctx: Context, identity: str, given: Given) -> Object:
    """With a card, if the call names one."""
    method = given.pop("payment_method", None)
    made = ask(ctx, "POST", "/v1/customers", **given)
    if method is not None:
        ask(ctx, "POST", f"/v1/payment_methods/{method}/attach", customer=made["id"])
    given.pop("expand", None)
    return made


def delete(account: Account, ctx: Context, identity: str, given: Given) -> Object:
    """Their subscriptions end at once. https://docs.stripe.com/api/customers/delete"""
    for subscription in portal.subscriptions(ctx, identity):
        if subscription["status"] not in portal.OVER:
            ask(ctx, "DELETE", f"/v1/subscriptions/{subscription['id']}")
    return ask(ctx, "DELETE", f"/v1/customers/{identity}")
