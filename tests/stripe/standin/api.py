"""The paths under /v1 that the engine does not have, beside those that it has."""

import re
from collections.abc import Callable
from functools import partial

from seahaven.http import HttpRequest, HttpResponse
from seahaven_stripe_world.dispatch.response import ApiResponse
from seahaven_stripe_world.http_api import wire
from seahaven_stripe_world.http_api.handler import handle
from seahaven_stripe_world.middleware.idempotency import replay_or_run
from seahaven_stripe_world.middleware.stripe_envelope import mint_request, response_headers
from seahaven_stripe_world.stripe_errors import StripeApiError, cannot_expand

from tests.stripe.standin import (
    cards,
    checkout,
    customers,
    document,
    endpoints,
    invoices,
    payment_pages,
    portal,
)
from tests.stripe.standin.account import Account
from tests.stripe.standin.engine import Context, Given, Object, ask

SESSIONS = "/v1/checkout/sessions"
HOOKS = "/v1/webhook_endpoints"
CONFIGURATIONS = "/v1/billing_portal/configurations"
EXPANDED = {
    "customer": "/v1/customers",
    "subscription": "/v1/subscriptions",
    "invoice": "/v1/invoices",
}

Work = Callable[[Account, Context, str, Given], Object | list[Object] | ApiResponse]
# Paths as Stripe's document writes them; what the braces hold is the work's `identity`.
ROUTES: tuple[tuple[str, str, Work], ...] = (
    ("POST", SESSIONS, checkout.create),
    ("GET", SESSIONS, checkout.listed),
    ("GET", SESSIONS + "/{session}", checkout.retrieve),
    ("POST", SESSIONS + "/{session}/expire", checkout.expire),
    ("GET", SESSIONS + "/{session}/line_items", checkout.lines),
    ("POST", "/v1/billing_portal/sessions", portal.create),
    ("POST", CONFIGURATIONS, portal.configure),
    ("GET", CONFIGURATIONS, portal.configurations),
    ("GET", CONFIGURATIONS + "/{configuration}", portal.configured),
    ("POST", CONFIGURATIONS + "/{configuration}", portal.reconfigure),
    ("POST", HOOKS, endpoints.create),
    ("GET", HOOKS, endpoints.listed),
    ("GET", HOOKS + "/{webhook_endpoint}", endpoints.retrieve),
    ("POST", HOOKS + "/{webhook_endpoint}", endpoints.update),
    ("DELETE", HOOKS + "/{webhook_endpoint}", endpoints.delete),
    ("POST", "/v1/customers", customers.create),
    ("DELETE", "/v1/customers/{customer}", customers.delete),
    ("POST", "/v1/invoices/{invoice}/pay", invoices.pay),
    ("GET", "/v1/payment_pages/{session}", payment_pages.show),
    ("POST", "/v1/payment_pages/{session}/confirm", payment_pages.confirm),
)


def answer(account: Account, request: HttpRequest) -> HttpResponse:
    """Whatever is asked under /v1, of the engine or of us; its effects are there afterwards."""
    request = cards.named(account, request)
    for method, path, work in ROUTES:
        if method == request.method and (found := _matched(path, request.path)) is not None:
            ours = partial(_ours, account, path, work, found)
            return account.engine.answer(request, ours)
    return account.engine.answer(request, handle)


def _matched(path: str, asked: str) -> str | None:
    """What stands in the place of the braces, '' where there are none; None for another path."""
    pattern = re.sub(r"{\w+}", "([^/]+)", path)
    found = re.fullmatch(pattern, asked)
    return None if found is None else "".join(found.groups())


def _ours(
    account: Account, path: str, work: Work, identity: str, ctx: Context, request: HttpRequest
) -> HttpResponse:
    """As the engine does it: a refusal undoes everything, a key is answered once."""
    key = request.header("idempotency-key")
    mint_request(ctx, key)
    replayed = False
    try:
        given = wire.decode(request).raw()

        def run() -> ApiResponse:
            with ctx.db.transaction():
                return _done(account, ctx, request, path, work, identity, given)

        if key and request.method == "POST":
            done, replayed = replay_or_run(
                ctx, method="POST", path=request.path, params=given, key=key, run=run
            )
        else:
            done = run()
    except StripeApiError as error:
        done = ApiResponse(error.status, error.envelope())
    headers = tuple(response_headers(ctx).items())
    if replayed:
        headers = (*headers, ("Idempotent-Replayed", "true"))
    return HttpResponse.json(done.body, status=done.status, headers=headers)


def _done(
    account: Account,
    ctx: Context,
    request: HttpRequest,
    path: str,
    work: Work,
    identity: str,
    raw: Given,
) -> ApiResponse:
    hidden = path.startswith("/v1/payment_pages")  # not in the document
    given = raw if hidden else document.taken(request.method, path, raw)
    found = work(account, ctx, identity, given)
    if isinstance(found, ApiResponse):
        return found
    paths = given.get("expand", [])
    if isinstance(found, list):
        page = _page(found, given) | {"object": "list", "url": request.path}
        inner = [entry.removeprefix("data.") for entry in paths]
        page["data"] = [_expanded(account, ctx, one, inner) for one in page["data"]]
        return ApiResponse.ok(page)
    return ApiResponse.ok(_expanded(account, ctx, found, paths))


def _page(found: list[Object], given: Given) -> Object:
    """Newest first, from behind `starting_after`."""
    after, limit = given.get("starting_after"), given.get("limit", 10)
    if after is not None:
        place = next((n for n, one in enumerate(found) if one["id"] == after), len(found))
        found = found[place + 1 :]
    return {"data": found[:limit], "has_more": len(found) > limit}


def _expanded(account: Account, ctx: Context, found: Object, paths: list[str]) -> Object:
    """`found` with whole objects where ids were; what lies deeper is the engine's to expand."""
    inner: dict[str, list[str]] = {}
    for path in paths:
        name, _, rest = path.partition(".")
        inner.setdefault(name, []).extend([rest] if rest else [])
    whole = dict(found)
    for name, deeper in inner.items():
        if name == "line_items" and found["object"] == checkout.KIND:
            lines = account.lines[found["id"]]
            url = f"{SESSIONS}/{found['id']}/line_items"
            whole[name] = {"object": "list", "data": lines, "has_more": False, "url": url}
        elif name not in EXPANDED or name not in found:
            raise cannot_expand(name, exists=False)
        elif found[name]:
            whole[name] = ask(ctx, "GET", f"{EXPANDED[name]}/{found[name]}", expand=deeper)
    return whole
