"""Webhook endpoints: where events are delivered, and the secret that signs them."""

import secrets

from seahaven_stripe_world.spec import EVENT_TYPES
from seahaven_stripe_world.stripe_errors import invalid_request

from tests.stripe.standin import document
from tests.stripe.standin.account import Account, now
from tests.stripe.standin.engine import Context, Given, Object


def create(account: Account, _: Context, identity: str, given: Given) -> Object:
    """The only answer that tells the secret."""
    _known(given)
    identity, secret = f"we_{secrets.token_hex(12)}", f"whsec_{secrets.token_hex(16)}"
    endpoint = document.blank(
        "webhook_endpoint",
        id=identity,
        object="webhook_endpoint",
        api_version=given.get("api_version"),
        created=now(),
        description=given.get("description"),
        enabled_events=given["enabled_events"],
        livemode=False,
        metadata=given.get("metadata") or {},
        status="enabled",
        url=given["url"],
    )
    account.courier.endpoints[identity] = endpoint
    account.courier.secrets[identity] = [secret]
    return endpoint | {"secret": secret}


def retrieve(account: Account, _: Context, identity: str, given: Given) -> Object:
    try:
        return account.courier.endpoints[identity]
    except KeyError:
        raise invalid_request(
            f"No such webhook endpoint: '{identity}'", status=404, code="resource_missing"
        ) from None


def listed(account: Account, _: Context, identity: str, given: Given) -> list[Object]:
    return list(account.courier.endpoints.values())[::-1]


def update(account: Account, ctx: Context, identity: str, given: Given) -> Object:
    endpoint = retrieve(account, ctx, identity, {})
    _known(given)
    if "disabled" in given:
        endpoint["status"] = "disabled" if given["disabled"] else "enabled"
    for name in ("url", "enabled_events", "description", "metadata"):
        if name in given:
            endpoint[name] = given[name]
    return endpoint


def delete(account: Account, ctx: Context, identity: str, given: Given) -> Object:
    retrieve(account, ctx, identity, {})
    del account.courier.endpoints[identity]
    return {"id": identity, "object": "webhook_endpoint", "deleted": True}


def roll(account: Account, identity: str) -> str:
    """A new secret; the old one signs beside it, as for the hours that Stripe leaves."""
    secret = f"whsec_{secrets.token_hex(16)}"
    account.courier.secrets[identity].insert(0, secret)
    return secret


def _known(given: Given) -> None:
    for event in given.get("enabled_events", ()):
        if event != "*" and event not in EVENT_TYPES:
            raise invalid_request(
                f"Invalid enabled_events: {event} is no type of event.", param="enabled_events"
            )
