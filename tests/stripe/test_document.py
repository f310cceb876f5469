"""Every object that the stand-in gives is what Stripe's own document says it is."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from tests.stripe import installed
from tests.stripe.conftest import Subscriber
from tests.stripe.listener import Listener
from tests.stripe.world import StripeAccount


@cache
def document() -> Any:
    """The OpenAPI document, from the engine's wheel, as JSON Schema knows nulls."""
    (path,) = Path(installed.interpreter()).parent.parent.glob(
        "lib/python3.*/site-packages/seahaven_stripe_world/spec/spec3.json"
    )
    return _nulls(json.loads(path.read_text()))


def _nulls(node: Any) -> Any:
    if isinstance(node, list):
        return [_nulls(one) for one in node]
    if not isinstance(node, dict):
        return node
    found = {name: _nulls(value) for name, value in node.items() if name != "nullable"}
    if node.get("nullable") is True:
        return {"anyOf": [found, {"type": "null"}]}
    return found


def errors(found: Any) -> list[str]:
    """What is wrong with an object, by the schema that it names itself after."""
    found = json.loads(json.dumps(found, default=str))  # the SDK makes decimals of strings
    name = f"deleted_{found['object']}" if found.get("deleted") else found["object"]
    schema = {"$ref": f"#/components/schemas/{name}"}
    whole = schema | {"components": document()["components"]}
    return [
        f"{name} {'.'.join(map(str, deepest.absolute_path))}: {deepest.message[-200:]}"
        for error in Draft202012Validator(whole).iter_errors(found)
        if (deepest := best_match([error]))
    ]


async def test_every_object_is_as_documented(
    stripe_account: StripeAccount, listener: Listener, subscriber: Subscriber
) -> None:
    v1 = stripe_account.v1
    session = await v1.checkout.sessions.create_async(
        {
            "mode": "subscription",
            "customer": subscriber.customer,
            "line_items": [{"price": subscriber.price, "quantity": 1}],
            "success_url": "http://localhost/",
        }
    )
    await stripe_account.pay(session.url)
    flow = {"type": "payment_method_update"}
    paths = {"expand": ["line_items", "subscription.default_payment_method", "invoice", "customer"]}
    made = [
        session,
        await v1.checkout.sessions.retrieve_async(session.id, paths),
        *(await v1.checkout.sessions.line_items.list_async(session.id)).data,
        await v1.billing_portal.sessions.create_async(
            {"customer": subscriber.customer, "flow_data": flow}
        ),
        *(await v1.billing_portal.configurations.list_async()).data,
        *(await v1.webhook_endpoints.list_async()).data,
        await v1.webhook_endpoints.create_async(
            {"url": "http://127.0.0.1:9/", "enabled_events": ["invoice.paid"]}
        ),
        await v1.prices.retrieve_async(subscriber.price, {"expand": ["product"]}),
    ]
    wrong = [line for found in made for line in errors(found.to_dict())]
    assert wrong == [], "\n".join(wrong)


async def test_every_event_is_as_documented(
    stripe_account: StripeAccount, listener: Listener, subscriber: Subscriber
) -> None:
    await stripe_account.fail_renewal(subscriber.subscription)
    await stripe_account.refund(subscriber.customer)
    await stripe_account.dunning_end(subscriber.subscription)
    await stripe_account.delete_customer(subscriber.customer)
    await stripe_account.settled()

    assert len(set(listener.types)) > 15
    wrong = [
        line
        for event in listener.heard
        for line in errors(event.to_dict()) + errors(event.to_dict()["data"]["object"])
    ]
    assert wrong == [], "\n".join(wrong)


def test_a_wrong_object_is_noticed() -> None:
    assert errors({"object": "event", "id": 3}) != []


@pytest.mark.parametrize("field", ["livemode", "status"])
async def test_a_missing_field_is_noticed(stripe_account: StripeAccount, field: str) -> None:
    made = await stripe_account.v1.webhook_endpoints.create_async(
        {"url": "http://127.0.0.1:9/", "enabled_events": ["*"]}
    )
    broken = {name: value for name, value in made.to_dict().items() if name != field}
    assert any(field in line for line in errors(broken))
