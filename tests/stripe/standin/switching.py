"""Changes of price: at once and settled later, or paid first, as `pending_if_incomplete` has it.

https://docs.stripe.com/billing/subscriptions/pending-updates
"""

from seahaven_stripe_world import _json
from seahaven_stripe_world.billing import subscription_lifecycle as lifecycle
from seahaven_stripe_world.resources import events

from tests.stripe.standin.account import now
from tests.stripe.standin.engine import Context, Object, ask

WAITS = 23 * 60 * 60  # seconds until a change that nobody pays is forgotten


def switch(
    ctx: Context, subscription: str, price: str, proration: str = "create_prorations"
) -> None:
    path = f"/v1/subscriptions/{subscription}"
    item = ask(ctx, "GET", path)["items"]["data"][0]["id"]
    ask(ctx, "POST", path, items=[{"id": item, "price": price}], proration_behavior=proration)


def upgrade(ctx: Context, subscription: str, price: str) -> str:
    """What is left of the period is paid first: '', or the invoice that is open until it is.

    The engine would change the price all the same, and call what is not paid past due.
    """
    path = f"/v1/subscriptions/{subscription}"
    before = ask(ctx, "GET", path)
    rows = ctx.db.rows("SELECT * FROM subscription_items WHERE subscription = ?", subscription)
    wanted = [row | {"price": price} for row in rows]
    lifecycle.emit_proration_side_effects(
        ctx, subscription, rows, wanted, proration_behavior="always_invoice"
    )
    after = ask(ctx, "GET", path)
    invoice: str = after["latest_invoice"]
    if after["status"] != "past_due":
        switch(ctx, subscription, price, "none")
        return ""
    item = before["items"]["data"][0] | {"price": ask(ctx, "GET", f"/v1/prices/{price}")}
    waiting = {
        "billing_cycle_anchor": None,
        "expires_at": now() + WAITS,
        "subscription_items": [item],
        "trial_end": None,
        "trial_from_plan": None,
    }
    _wait(ctx, subscription, waiting)
    found = ask(ctx, "GET", path)
    changed = {name: before[name] for name in ("latest_invoice", "pending_update")}
    events.emit_event(ctx, type="customer.subscription.updated", obj=found, previous=changed)
    return invoice


def paid(ctx: Context, invoice: str) -> None:
    """What waited for this invoice comes true."""
    row = ctx.db.one("SELECT * FROM subscriptions WHERE latest_invoice = ?", invoice)
    if row is None or not row["pending_update"]:
        return
    (item,) = _json.loads(row["pending_update"])["subscription_items"]
    _wait(ctx, row["id"], None)
    switch(ctx, row["id"], item["price"]["id"], "none")
    found = ask(ctx, "GET", f"/v1/subscriptions/{row['id']}")
    events.emit_event(ctx, type="customer.subscription.pending_update_applied", obj=found)


def _wait(ctx: Context, subscription: str, waiting: Object | None) -> None:
    ctx.db.execute(
        "UPDATE subscriptions SET status = 'active', pending_update = ? WHERE id = ?",
        _json.dumps(waiting) if waiting else None,
        subscription,
    )
