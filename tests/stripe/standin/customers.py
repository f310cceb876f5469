"""What the engine leaves out when a customer is deleted."""

from tests.stripe.standin import portal
from tests.stripe.standin.account import Account
from tests.stripe.standin.engine import Context, Given, Object, ask


def delete(account: Account, ctx: Context, identity: str, given: Given) -> Object:
    """Their subscriptions end at once. https://docs.stripe.com/api/customers/delete"""
    for subscription in portal.subscriptions(ctx, identity):
        if subscription["status"] not in portal.OVER:
            ask(ctx, "DELETE", f"/v1/subscriptions/{subscription['id']}")
    return ask(ctx, "DELETE", f"/v1/customers/{identity}")
