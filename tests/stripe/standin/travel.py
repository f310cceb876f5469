"""What time, banks and the dashboard do to a subscription, at once and with all its events."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from seahaven_stripe_world import _time
from seahaven_stripe_world.billing import dunning, invoicing
from seahaven_stripe_world.billing import subscription_lifecycle as lifecycle
from seahaven_stripe_world.resources import disputes, events
from seahaven_stripe_world.stripe_errors import StripeApiError, invalid_request

from tests.stripe.standin import checkout, portal
from tests.stripe.standin.account import Account
from tests.stripe.standin.engine import Context, Given, Object, ask

DECLINING = "4000000000000341"


def renew(account: Account, ctx: Context, given: Given) -> Object:
    """The period ends: the next one is charged, a trial becomes paid, a cancellation comes true."""
    identity = given["subscription"]
    with _told(ctx, identity) as before:
        if before["cancel_at"] and not before["cancel_at_period_end"]:
            return _ended(ctx, identity, before["cancel_at"])
        lifecycle.advance_cycle(ctx, identity)
    return ask(ctx, "GET", f"/v1/subscriptions/{identity}")


def fail_renewal(account: Account, ctx: Context, given: Given) -> Object:
    """The same with a card that has begun to decline."""
    found = ask(ctx, "GET", f"/v1/subscriptions/{given['subscription']}")
    portal.use_card(ctx, found["customer"], DECLINING)
    return renew(account, ctx, given)


def retry(account: Account, ctx: Context, given: Given) -> Object:
    """Stripe tries the open invoice once more, with the card that there is now."""
    identity = given["subscription"]
    with _told(ctx, identity) as before:
        invoice = before["latest_invoice"]
        ctx.db.execute(
            "UPDATE invoices SET attempt_count = attempt_count + 1 WHERE id = ?", invoice
        )
        row = ctx.db.one("SELECT * FROM subscriptions WHERE id = ?", identity)
        invoicing.pay_invoice(ctx, invoice, sub_row=row)
    return ask(ctx, "GET", f"/v1/subscriptions/{identity}")


def dunning_end(account: Account, ctx: Context, given: Given) -> Object:
    """Stripe gives up; `then` is cancel (by itself), mark_unpaid or leave_past_due."""
    identity = given["subscription"]
    ctx.state["account"]["dunning"] = {"end_behavior": given.get("then", "cancel")}
    with _told(ctx, identity):
        dunning.apply_end_of_schedule(ctx, identity)
    return ask(ctx, "GET", f"/v1/subscriptions/{identity}")


def cancel(account: Account, ctx: Context, given: Given) -> Object:
    """At once, in the dashboard."""
    return ask(ctx, "DELETE", f"/v1/subscriptions/{given['subscription']}")


def trial_ends_soon(account: Account, ctx: Context, given: Given) -> Object:
    found = ask(ctx, "GET", f"/v1/subscriptions/{given['subscription']}")
    events.emit_event(ctx, type="customer.subscription.trial_will_end", obj=found)
    return found


def expire_incomplete(account: Account, ctx: Context, given: Given) -> Object:
    """23 hours after a first payment that never came."""
    with _told(ctx, given["subscription"]):
        lifecycle.expire_incomplete(ctx, given["subscription"])
    return ask(ctx, "GET", f"/v1/subscriptions/{given['subscription']}")


def expire_checkout(account: Account, ctx: Context, given: Given) -> Object:
    return checkout.expire(account, ctx, given["session"], {})


def refund(account: Account, ctx: Context, given: Given) -> Object:
    """The customer's last payment, or `amount` of it."""
    more = {"amount": given["amount"]} if "amount" in given else {}
    return ask(ctx, "POST", "/v1/refunds", charge=_charge(ctx, given["customer"])["id"], **more)


def dispute(account: Account, ctx: Context, given: Given) -> Object:
    """The customer's bank takes the last payment back."""
    charge = _charge(ctx, given["customer"])["id"]
    row = ctx.db.one("SELECT * FROM charges WHERE id = ?", charge)
    disputes.maybe_create_dispute(ctx, row, {"x_behavior": "dispute=fraudulent"})
    found: Object = ask(ctx, "GET", "/v1/disputes", charge=charge)["data"][0]
    return found


def dispute_won(account: Account, ctx: Context, given: Given) -> Object:
    return ask(
        ctx,
        "POST",
        f"/v1/disputes/{given['dispute']}",
        evidence={"uncategorized_text": "winning_evidence"},
    )


def subscribe(account: Account, ctx: Context, given: Given) -> Object:
    """Made in the dashboard, past every checkout; `card` pays, the rest is as the API takes it."""
    method = portal.new_card(ctx, given.get("card", "4242424242424242"))
    ask(ctx, "POST", f"/v1/payment_methods/{method}/attach", customer=given["customer"])
    more: dict[str, Any] = given.get("more", {})
    return ask(
        ctx,
        "POST",
        "/v1/subscriptions",
        customer=given["customer"],
        items=[{"price": given["price"]}],
        default_payment_method=method,
        **more,
    )


def page(account: Account, ctx: Context, given: Given) -> Object:
    """A button of the portal's page, for whoever has no browser; `error` says of a decline."""
    form = {name: str(value) for name, value in given.items()}
    try:
        return {"error": portal.act(ctx, form["customer"], form["action"], form)}
    except StripeApiError as error:
        if error.status != 402:
            raise
        return {"error": error.message}


ORDERS: dict[str, Callable[[Account, Context, Given], Object]] = {
    work.__name__: work
    for work in (
        renew,
        fail_renewal,
        retry,
        dunning_end,
        cancel,
        trial_ends_soon,
        expire_incomplete,
        expire_checkout,
        refund,
        dispute,
        dispute_won,
        subscribe,
        page,
    )
}


@contextmanager
def _told(ctx: Context, identity: str) -> Iterator[Object]:
    """The engine changes a subscription at a boundary in silence; Stripe says `updated` for it."""
    before = ask(ctx, "GET", f"/v1/subscriptions/{identity}")
    newest = _newest(ctx, identity)
    yield before
    after = ask(ctx, "GET", f"/v1/subscriptions/{identity}")
    last = _newest(ctx, identity)
    said = last["data"]["object"] if last is not None and last != newest else before
    if after != said:
        changed = {name: value for name, value in said.items() if after[name] != value}
        events.emit_event(ctx, type="customer.subscription.updated", obj=after, previous=changed)


def _newest(ctx: Context, identity: str) -> Object | None:
    """The last event about it that said what it is."""
    rows = ctx.db.rows(
        "SELECT * FROM events WHERE type LIKE 'customer.subscription.%' ORDER BY x_seq DESC"
    )
    found = (events.serialize(ctx, row) for row in rows)
    return next((event for event in found if event["data"]["object"]["id"] == identity), None)


def _ended(ctx: Context, identity: str, at: int) -> Object:
    """A scheduled `cancel_at` without the flag, which the engine does not walk."""
    ctx.db.execute(
        "UPDATE subscriptions SET status = 'canceled', ended_at = ? WHERE id = ?",
        _time.from_unix(at),
        identity,
    )
    found = ask(ctx, "GET", f"/v1/subscriptions/{identity}")
    events.emit_event(ctx, type="customer.subscription.deleted", obj=found)
    return found


def _charge(ctx: Context, customer: str) -> Object:
    for charge in ask(ctx, "GET", "/v1/charges", customer=customer, limit=100)["data"]:
        if charge["paid"] and not charge["refunded"]:
            found: Object = charge
            return found
    raise invalid_request(f"{customer} has paid nothing that is left.")
