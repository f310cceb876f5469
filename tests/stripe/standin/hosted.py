"""The pages that Stripe hosts: checkout, the portal, an invoice. A click does its work here."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape
from seahaven_stripe_world.stripe_errors import StripeApiError

from tests.stripe.standin import checkout, portal
from tests.stripe.standin.account import Account
from tests.stripe.standin.engine import Context, Object, ask

PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("pages")),
    autoescape=select_autoescape(),
    trim_blocks=True,
    lstrip_blocks=True,
)
Form = Mapping[str, str]


@dataclass
class Page:
    """An answer for a browser; with `to`, the way somewhere else."""

    html: str = ""
    status: int = 200
    to: str = ""


def money(amount: int, currency: str) -> str:
    return f"{amount / 100:.2f} {currency.upper()}"


PAGES.globals["money"] = money


def show_checkout(account: Account, identity: str, form: Form | None = None) -> Page:
    """The page, and with `form` what the button in it does: 303 to success_url once it is paid."""
    try:
        with account.engine.transaction() as ctx:
            session = checkout.retrieve(account, ctx, identity, {})
        if session["status"] != "open":
            return _closed(session)
        if form is not None:
            with account.engine.transaction() as ctx:
                if form.get("action") == "apply":
                    return _checkout(account, session | _reduced(account, ctx, session, form), form)
                _paid(account, ctx, session, form)
            return Page(to=returning(session), status=303)
    except StripeApiError as error:
        if error.status == 404:
            return _notice("Not found", "There is no such page.", 404)
        return _checkout(account, session, form or {}, error.message, error.status)
    return _checkout(account, session, {})


def show_portal(account: Account, token: str, form: Form | None = None) -> Page:
    """The page, and with `form` the button that was pressed in it."""
    session, error = account.kept[portal.SESSION][token], ""
    if form is not None:
        try:
            with account.engine.transaction() as ctx:
                error = portal.act(ctx, session["customer"], form.get("action", ""), form)
            if not error:
                return Page(to=session["url"], status=303)
        except StripeApiError as refusal:
            error = refusal.message
    with account.engine.transaction() as ctx:
        html = _portal(ctx, session, error)
    return Page(html, 402 if error else 200)


def show_invoice(account: Account, identity: str, form: Form | None = None) -> Page:
    """An invoice, and while it is open the card that pays it."""
    error = ""
    if form is not None:
        try:
            with account.engine.transaction() as ctx:
                invoice = ask(ctx, "GET", f"/v1/invoices/{identity}")
                portal.use_card(ctx, invoice["customer"], form.get("card", ""))
                error = portal.pay(ctx, identity)
        except StripeApiError as refusal:
            error = refusal.message
    with account.engine.transaction() as ctx:
        invoice = ask(ctx, "GET", f"/v1/invoices/{identity}")
    html = PAGES.get_template("invoice.html").render(title="Invoice", invoice=invoice, error=error)
    return Page(html, 402 if error else 200)


def returning(session: Object) -> str:
    found: str = session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])
    return found


def _paid(account: Account, ctx: Context, session: Object, form: Form) -> None:
    method = portal.new_card(ctx, form.get("card", ""))
    email = form.get("email") or session["customer_email"] or ""
    code = form.get("promotion_code", "") if session["allow_promotion_codes"] else ""
    checkout.pay(account, ctx, session, method, email, code)


def _reduced(account: Account, ctx: Context, session: Object, form: Form) -> Object:
    return checkout.reduced(account, ctx, session, form.get("promotion_code", ""))


def _checkout(
    account: Account, session: Object, form: Form, error: str = "", status: int = 200
) -> Page:
    html = PAGES.get_template("checkout.html").render(
        title="Subscribe",
        session=session,
        lines=account.lines[session["id"]],
        form=form,
        error=error,
    )
    return Page(html, status)


def _portal(ctx: Context, session: Object, error: str) -> str:
    customer = session["customer"]
    invoices = ask(ctx, "GET", "/v1/invoices", customer=customer, limit=100)["data"]
    return PAGES.get_template("portal.html").render(
        title="Billing",
        session=session,
        customer=ask(ctx, "GET", f"/v1/customers/{customer}"),
        subscriptions=portal.subscriptions(ctx, customer),
        prices=ask(ctx, "GET", "/v1/prices", active=True, limit=100, expand=["data.product"])[
            "data"
        ],
        invoices=invoices,
        over=portal.OVER,
        period_end=portal.period_end,
        error=error,
    )


def _closed(session: Object) -> Page:
    said = "It is paid already." if session["status"] == "complete" else "Its time is over."
    return _notice("This checkout is no longer open", said, 410, session["cancel_url"] or "")


def _notice(title: str, said: str, status: int, back: str = "") -> Page:
    values: dict[str, Any] = {"title": title, "said": said, "back": back}
    return Page(PAGES.get_template("notice.html").render(values), status)
