"""Paying an invoice with a card that the call names, which the engine does not take."""

from seahaven_stripe_world.billing import invoicing
from seahaven_stripe_world.dispatch.response import ApiResponse
from seahaven_stripe_world.resources import _lookup

from tests.stripe.standin.account import Account
from tests.stripe.standin.engine import Context, Given, Object, ask


def pay(account: Account, ctx: Context, identity: str, given: Given) -> Object | ApiResponse:
    """A decline is an answer, not a refusal: the attempt stays, and so do its events."""
    path, method = f"/v1/invoices/{identity}", given.pop("payment_method", None)
    expand = given.pop("expand", [])
    status = ask(ctx, "GET", path)["status"]
    if method is None or status not in ("draft", "open"):
        return ask(ctx, "POST", f"{path}/pay", **given, expand=expand)
    row = _lookup.require_live_row(
        ctx, "payment_methods", "PaymentMethod", method, param="payment_method"
    )
    if status == "draft":
        ask(ctx, "POST", f"{path}/finalize")
    done = invoicing.pay_invoice(ctx, identity, pm_row=row)
    if done["outcome"] == "failed":
        return ApiResponse(402, done["error"])
    return ask(ctx, "GET", path, expand=expand)
