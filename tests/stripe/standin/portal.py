"""The billing portal: its sessions, its configurations, and what its page can do."""

import secrets
from collections.abc import Mapping

from seahaven_stripe_world.billing import invoicing
from seahaven_stripe_world.resources import _lookup
from seahaven_stripe_world.stripe_errors import invalid_request

from tests.stripe.standin import document, switching
from tests.stripe.standin.account import Account, now
from tests.stripe.standin.engine import Context, Given, Object, ask

SESSION, CONFIGURATION = "billing_portal.session", "billing_portal.configuration"
OVER = ("canceled", "incomplete_expired")


def create(account: Account, ctx: Context, identity: str, given: Given) -> Object:
    customer = given.get("customer")
    if not customer:
        raise invalid_request(
            "Missing required param: customer.", code="parameter_missing", param="customer"
        )
    _lookup.require_live_row(ctx, "customers", "customer", customer, param="customer")
    configuration = given.get("configuration") or _default(account, ctx)["id"]
    features = configured(account, ctx, configuration, {})["features"]
    wanted = (given.get("flow_data") or {}).get("type")
    if wanted == "subscription_update" and not features[wanted]["enabled"]:
        raise invalid_request(
            "This subscription cannot be updated because the subscription update feature in the"
            " portal configuration is disabled."
        )
    token = secrets.token_hex(20)
    session = document.blank(
        SESSION,
        id=f"bps_{secrets.token_hex(12)}",
        object=SESSION,
        configuration=configuration,
        created=now(),
        customer=customer,
        flow=_flow(given.get("flow_data")),
        livemode=False,
        locale=given.get("locale"),
        return_url=given.get("return_url"),
        url=f"{account.base}/p/session/test_{token}",
    )
    account.kept[SESSION][f"test_{token}"] = session
    return session


def configure(account: Account, _: Context, identity: str, given: Given) -> Object:
    made, identity = now(), f"bpc_{secrets.token_hex(12)}"
    configuration = document.blank(
        CONFIGURATION,
        id=identity,
        object=CONFIGURATION,
        active=True,
        business_profile=document.blank("portal_business_profile"),
        created=made,
        features=_features({}),
        is_default=False,
        livemode=False,
        login_page={"enabled": False, "url": None},
        metadata={},
        updated=made,
    )
    account.kept[CONFIGURATION][identity] = configuration
    return _changed(configuration, given)


def configured(account: Account, _: Context, identity: str, given: Given) -> Object:
    try:
        return account.kept[CONFIGURATION][identity]
    except KeyError:
        raise invalid_request(
            f"No such configuration: '{identity}'",
            status=404,
            code="resource_missing",
            param="configuration",
        ) from None


def reconfigure(account: Account, ctx: Context, identity: str, given: Given) -> Object:
    return _changed(configured(account, ctx, identity, {}), given)


def configurations(account: Account, ctx: Context, identity: str, given: Given) -> list[Object]:
    found = list(account.kept[CONFIGURATION].values())[::-1]
    for name in ("active", "is_default"):
        if name in given:
            found = [configuration for configuration in found if configuration[name] == given[name]]
    return found


def act(ctx: Context, customer: str, action: str, form: Mapping[str, str]) -> str:
    """A button of the page: why a payment was declined, or ''; StripeApiError for a bad request."""
    subscription, path = (
        form.get("subscription", ""),
        f"/v1/subscriptions/{form.get('subscription')}",
    )
    if subscription:
        owner = ask(ctx, "GET", path)["customer"]
        if owner != customer:
            raise invalid_request(f"No such subscription: '{subscription}'", status=404)
    if action == "cancel_now":
        ask(ctx, "DELETE", path)
    elif action == "cancel_at_period_end":
        ask(ctx, "POST", path, cancel_at_period_end=True)
    elif action == "cancel_at":
        ask(ctx, "POST", path, cancel_at=period_end(ask(ctx, "GET", path)))
    elif action == "renew":
        by_flag = ask(ctx, "GET", path)["cancel_at_period_end"]
        ask(
            ctx, "POST", path, **({"cancel_at_period_end": False} if by_flag else {"cancel_at": ""})
        )
    elif action == "price":
        switching.switch(ctx, subscription, form["price"])
    elif action == "upgrade":
        if switching.upgrade(ctx, subscription, form["price"]):
            return "Your card was declined: nothing has changed."
    elif action == "email":
        ask(ctx, "POST", f"/v1/customers/{customer}", email=form["email"])
    elif action == "card":
        use_card(ctx, customer, form["card"])
    elif action == "pay":
        return pay(ctx, form["invoice"])
    else:
        raise invalid_request(f"The page has no button {action}.")
    return ""


def use_card(ctx: Context, customer: str, number: str) -> str:
    """The customer's card from now on, for every subscription that is not over; its id."""
    method: str = new_card(ctx, number)
    ask(ctx, "POST", f"/v1/payment_methods/{method}/attach", customer=customer)
    ask(
        ctx,
        "POST",
        f"/v1/customers/{customer}",
        invoice_settings={"default_payment_method": method},
    )
    for found in subscriptions(ctx, customer):
        if found["status"] not in OVER:
            path = f"/v1/subscriptions/{found['id']}"
            ask(ctx, "POST", path, default_payment_method=method)
    return method


def pay(ctx: Context, invoice: str) -> str:
    """With the customer's card, whatever card the subscription had; why it was declined, or ''."""
    customer = ask(ctx, "GET", f"/v1/invoices/{invoice}")["customer"]
    settings = ask(ctx, "GET", f"/v1/customers/{customer}")["invoice_settings"]
    method = settings["default_payment_method"]
    row = ctx.db.one("SELECT * FROM payment_methods WHERE id = ?", method) if method else None
    done = invoicing.pay_invoice(ctx, invoice, pm_row=row)
    if done["outcome"] == "failed":
        return str(done["error"]["error"]["message"])
    if done["outcome"] != "paid":
        return "There is no card that pays without asking you."
    switching.paid(ctx, invoice)
    return ""


def new_card(ctx: Context, number: str) -> str:
    """The id of a payment method; StripeApiError for a number that is none."""
    card = {"number": "".join(number.split()), "exp_month": 12, "exp_year": 2040, "cvc": "123"}
    made: str = ask(ctx, "POST", "/v1/payment_methods", type="card", card=card)["id"]
    return made


def subscriptions(ctx: Context, customer: str) -> list[Object]:
    found: list[Object] = ask(
        ctx, "GET", "/v1/subscriptions", customer=customer, status="all", limit=100
    )["data"]
    return found


def period_end(subscription: Object) -> int:
    """Seconds since 1970 UTC: of its first item, where the API has it since 2025."""
    end: int = subscription["items"]["data"][0]["current_period_end"]
    return end


def _default(account: Account, ctx: Context) -> Object:
    for configuration in account.kept[CONFIGURATION].values():
        if configuration["is_default"]:
            return configuration
    made = configure(account, ctx, "", {"features": {"invoice_history": {"enabled": True}}})
    made["is_default"] = True
    return made


def _changed(configuration: Object, given: Given) -> Object:
    for name, value in given.items():
        if name == "features":
            configuration["features"] = _features(value, configuration["features"])
        elif name == "login_page":
            configuration["login_page"]["enabled"] = value["enabled"]
        elif name == "business_profile":
            configuration["business_profile"] |= value
        else:
            configuration[name] = value
    configuration["updated"] = now()
    return configuration


def _features(given: Given, before: Object | None = None) -> Object:
    """Each with what is given over what was, and Stripe's defaults under it."""
    usual: Object = before or {
        "customer_update": {"allowed_updates": [], "enabled": False},
        "invoice_history": {"enabled": False},
        "payment_method_update": {"enabled": False, "payment_method_configuration": None},
        "subscription_cancel": {
            "cancellation_reason": {"enabled": False, "feedback_options": None, "options": []},
            "enabled": False,
            "mode": "at_period_end",
            "proration_behavior": "none",
        },
        "subscription_update": {
            "billing_cycle_anchor": None,
            "default_allowed_updates": [],
            "enabled": False,
            "products": None,
            "proration_behavior": "none",
            "schedule_at_period_end": {"conditions": []},
            "trial_update_behavior": "end_trial",
        },
    }
    return {name: value | given.get(name, {}) for name, value in usual.items()}


def _flow(given: Given | None) -> Object | None:
    if given is None:
        return None
    after = given.get("after_completion", {})
    return document.blank(
        "portal_flows_flow",
        type=given["type"],
        after_completion={
            "hosted_confirmation": after.get("hosted_confirmation"),
            "redirect": after.get("redirect"),
            "type": after.get("type", "portal_homepage"),
        },
        **{
            name: document.blank(f"portal_flows_flow_{name}", **given[name])
            for name in ("subscription_cancel", "subscription_update")
            if name in given
        },
    )
