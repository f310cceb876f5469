"""Checkout sessions: made, read, expired, and paid on the hosted page."""

import secrets
from typing import Any

from seahaven_stripe_world.resources import _lookup, events
from seahaven_stripe_world.stripe_errors import invalid_request

from tests.stripe.standin import document
from tests.stripe.standin.account import Account, now
from tests.stripe.standin.engine import Context, Given, Object, ask

KIND = "checkout.session"
SHORTEST, LONGEST = 1800, 86_400  # seconds a session may stay open


def create(account: Account, ctx: Context, identity: str, given: Given) -> Object:
    _refuse(given)
    made = now()
    expires_at = given.get("expires_at", made + LONGEST)
    if not made + SHORTEST - 60 <= expires_at <= made + LONGEST + 60:
        raise invalid_request(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours in the future.",
            param="expires_at",
        )
    customer = given.get("customer")
    if customer is not None:
        _lookup.require_live_row(ctx, "customers", "customer", customer, param="customer")
    _address(ctx, given)
    items = [_line(ctx, number, item) for number, item in enumerate(given["line_items"])]
    identity = f"cs_test_{secrets.token_hex(29)}"
    session = _blank(given) | {
        "id": identity,
        "created": made,
        "expires_at": expires_at,
        "url": f"{account.base}/c/pay/{identity}",
        "currency": items[0]["currency"],
    }
    session |= _amounts(ctx, given, items)
    account.kept[KIND][identity] = session
    account.lines[identity] = items
    account.asked[identity] = given
    return session


def retrieve(account: Account, ctx: Context, identity: str, given: Given) -> Object:
    """As it is now: one whose time is over expires when somebody looks."""
    session = account.kept[KIND].get(identity)
    if session is None:
        raise invalid_request(
            f"No such checkout.session: {identity}",
            status=404,
            code="resource_missing",
            param="session",
        )
    if session["status"] == "open" and session["expires_at"] <= now():
        expire(account, ctx, identity, {})
    return session


def listed(account: Account, ctx: Context, identity: str, given: Given) -> list[Object]:
    found = [retrieve(account, ctx, identity, {}) for identity in account.kept[KIND]]
    for name in ("customer", "subscription", "status"):
        if name in given:
            found = [session for session in found if session[name] == given[name]]
    return found[::-1]


def expire(account: Account, ctx: Context, identity: str, given: Given) -> Object:
    session = account.kept[KIND][identity]
    if session["status"] != "open":
        raise invalid_request(
            f'Only Checkout Sessions with a status in ["open"] can be expired.'
            f" This Checkout Session has a status of `{session['status']}`."
        )
    session |= {"status": "expired", "url": None}
    events.emit_event(ctx, type="checkout.session.expired", obj=dict(session))
    return session


def lines(account: Account, ctx: Context, identity: str, given: Given) -> list[Object]:
    retrieve(account, ctx, identity, {})
    return account.lines[identity]


def pay(
    account: Account, ctx: Context, session: Object, method: str, email: str = "", code: str = ""
) -> None:
    """Everything that follows when a person presses the button; StripeApiError when declined."""
    given = account.asked[session["id"]]
    customer = session["customer"] or ask(ctx, "POST", "/v1/customers", email=email)["id"]
    ask(ctx, "POST", f"/v1/payment_methods/{method}/attach", customer=customer)
    subscription = ask(
        ctx, "POST", "/v1/subscriptions", **_subscription(ctx, given, customer, method, code)
    )
    person = ask(ctx, "GET", f"/v1/customers/{customer}")
    session |= reduced(account, ctx, session, code) if code else {}
    session |= {
        "status": "complete",
        "payment_status": "paid" if session["amount_total"] else "no_payment_required",
        "url": None,
        "customer": customer,
        "customer_details": document.blank(
            "payment_pages_checkout_session_customer_details",
            email=person["email"],
            name=person["name"],
            tax_exempt="none",
            tax_ids=[],
        ),
        "subscription": subscription["id"],
        "invoice": subscription["latest_invoice"],
    }
    events.emit_event(ctx, type="checkout.session.completed", obj=dict(session))


def reduced(account: Account, ctx: Context, session: Object, code: str) -> Object:
    """The session's amounts with this promotion code; StripeApiError for one that is none."""
    discounts = [{"promotion_code": promotion(ctx, code)["id"]}]
    given = account.asked[session["id"]] | {"discounts": discounts}
    return _amounts(ctx, given, account.lines[session["id"]])


def promotion(ctx: Context, code: str) -> Object:
    """The active promotion code that people know by this name; StripeApiError if there is none."""
    found = ask(ctx, "GET", "/v1/promotion_codes", code=code, active=True)["data"]
    if not found:
        raise invalid_request("This code is invalid.", param="promotion_code")
    first: Object = found[0]
    return first


def _subscription(
    ctx: Context, given: Given, customer: str, method: str, code: str
) -> dict[str, Any]:
    asked = {
        "customer": customer,
        "items": [
            {"price": item["price"], "quantity": item.get("quantity", 1)}
            for item in given["line_items"]
        ],
        "default_payment_method": method,
        "payment_behavior": "error_if_incomplete",
    }
    for name, value in given.get("subscription_data", {}).items():
        asked[name] = value
    discounts = given.get("discounts", [])
    if code:
        discounts = [{"promotion_code": promotion(ctx, code)["id"]}]
    # The engine takes the coupon behind a promotion code, not the code.
    coupons = [{"coupon": _coupon(ctx, entry)} for entry in discounts]
    return asked | ({"discounts": coupons} if coupons else {})


def _refuse(given: Given) -> None:
    """What Stripe refuses although each parameter alone is right."""
    if given.get("mode") != "subscription":
        raise invalid_request("The stand-in knows no other mode than subscription.", param="mode")
    for name in ("line_items", "success_url"):
        if not given.get(name):
            raise invalid_request(
                f"Missing required param: {name}.", code="parameter_missing", param=name
            )
    for one, other in (("customer", "customer_email"), ("discounts", "allow_promotion_codes")):
        if given.get(one) and given.get(other):
            raise invalid_request(f"You may only specify one of these parameters: {one}, {other}.")
    if "customer_update" in given and "customer" not in given:
        raise invalid_request("`customer_update` can only be used with `customer`.")


def _address(ctx: Context, given: Given) -> None:
    """Tax needs to know where the customer is, or leave to find out."""
    if not given.get("automatic_tax", {}).get("enabled") or "customer" not in given:
        return
    customer = ask(ctx, "GET", f"/v1/customers/{given['customer']}")
    if not customer["address"] and given.get("customer_update", {}).get("address") != "auto":
        raise invalid_request(
            "Automatic tax calculation in Checkout requires a valid address on the Customer. Add a"
            " valid address to the Customer or set either `customer_update[address]` to 'auto'"
            " or `customer_update[shipping]` to 'auto'.",
            code="customer_tax_location_invalid",
        )


def _line(ctx: Context, number: int, item: dict[str, Any]) -> Object:
    where = f"line_items[{number}][price]"
    if "price" not in item:
        raise invalid_request("The stand-in knows line items by their price only.", param=where)
    _lookup.require_live_row(ctx, "prices", "price", item["price"], param=where)
    price = ask(ctx, "GET", f"/v1/prices/{item['price']}")
    if not price["active"]:
        raise invalid_request(
            "The price specified is inactive. This field only accepts active prices.", param=where
        )
    if not price["recurring"]:
        raise invalid_request(
            "You must provide at least one recurring price in `subscription` mode"
            " when using prices."
        )
    product = ask(ctx, "GET", f"/v1/products/{price['product']}")
    quantity = item.get("quantity", 1)
    amount = price["unit_amount"] * quantity
    return document.blank(
        "item",
        id=f"li_{secrets.token_hex(12)}",
        object="item",
        amount_discount=0,
        amount_subtotal=amount,
        amount_tax=0,
        amount_total=amount,
        currency=price["currency"],
        description=product["name"],
        price=price,
        quantity=quantity,
    )


def _amounts(ctx: Context, given: Given, lines: list[Object]) -> Object:
    """What is due today: nothing while a trial lasts."""
    data = given.get("subscription_data", {})
    trial = "trial_period_days" in data or "trial_end" in data
    whole = sum(line["amount_subtotal"] for line in lines)
    discount = min(whole, sum(_off(ctx, entry, whole) for entry in given.get("discounts", [])))
    return {
        "amount_subtotal": 0 if trial else whole,
        "amount_total": 0 if trial else whole - discount,
        "discounts": [_discount(entry) for entry in given.get("discounts", [])],
        "total_details": {
            "amount_discount": 0 if trial else discount,
            "amount_shipping": 0,
            "amount_tax": 0,
        },
    }


def _off(ctx: Context, entry: dict[str, str], whole: int) -> int:
    terms = ask(ctx, "GET", f"/v1/coupons/{_coupon(ctx, entry)}")
    percent = terms["percent_off"]
    return round(whole * percent / 100) if percent else int(terms["amount_off"])


def _coupon(ctx: Context, entry: dict[str, str]) -> str:
    if "promotion_code" not in entry:
        return entry["coupon"]
    found = ask(ctx, "GET", f"/v1/promotion_codes/{entry['promotion_code']}")
    coupon: str = found["promotion"]["coupon"]
    return coupon


def _discount(entry: dict[str, str]) -> Object:
    return {"coupon": entry.get("coupon"), "promotion_code": entry.get("promotion_code")}


SAME = (
    "allow_promotion_codes",
    "billing_address_collection",
    "cancel_url",
    "client_reference_id",
    "customer",
    "customer_email",
    "locale",
    "submit_type",
    "success_url",
)


def _blank(given: Given) -> Object:
    """An open session with what was asked for, and Stripe's defaults."""
    automatic = bool(given.get("automatic_tax", {}).get("enabled"))
    return document.blank(
        KIND,
        object=KIND,
        livemode=False,
        mode="subscription",
        status="open",
        ui_mode="hosted_page",
        payment_status="unpaid",
        payment_method_types=["card"],
        payment_method_collection=given.get("payment_method_collection", "always"),
        metadata=given.get("metadata") or {},
        custom_fields=[],
        custom_text=document.blank("payment_pages_checkout_session_custom_text"),
        shipping_options=[],
        automatic_tax={
            "enabled": automatic,
            "liability": None,
            "provider": None,
            "status": "requires_location_inputs" if automatic else None,
        },
        tax_id_collection={
            "enabled": bool(given.get("tax_id_collection", {}).get("enabled")),
            "required": "never",
        },
        phone_number_collection={"enabled": False},
        **{name: given[name] for name in SAME if name in given},
    )
