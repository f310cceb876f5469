"""Whatever is posted to the webhook: what is not Stripe's changes nothing."""

import asyncio
import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stripe import WebhookSignature

from tests.billing.conftest import Shop, becomes, selling
from tests.conftest import ON_SQLITE
from tests.databases import Installer
from tests.people import Person
from tests.raw import ask
from tests.rows import change, rows
from tests.site import Site

PATH = "/api/stripe/webhook"


def event(number: str = "evt_1", **more: Any) -> dict[str, Any]:
    about = {"id": "sub_1", "object": "subscription", "customer": "cus_nobody"}
    return {
        "id": number,
        "object": "event",
        "type": "customer.subscription.updated",
        "created": int(time.time()),
        "livemode": False,
        "data": {"object": about},
        **more,
    }


def signed(shop: Shop, body: str, secret: str = "", age: int = 0) -> dict[str, str]:
    stamp = int(time.time()) - age
    made = WebhookSignature.generate_signature_header(body, secret or shop.stripe.secret, stamp)
    return {"Stripe-Signature": made}


async def post(shop: Shop, person: Person, body: str | bytes, headers: dict[str, str]) -> int:
    sent = io.BytesIO(body.encode() if isinstance(body, str) else body)
    given = {"Origin": "https://api.stripe.com", **headers}
    answer = await ask(person, "POST", PATH, given, data=sent)
    assert "Traceback" not in answer.text
    return answer.status


async def events(shop: Shop) -> list[dict[str, Any]]:
    """Those that were posted here; the ids of Stripe's own, which a look may find, are longer."""
    sql = """SELECT event_id, outcome, deliveries FROM stripe_events
              WHERE length(event_id) < 20 ORDER BY event_id"""
    return await rows(shop.site, sql)


@pytest.fixture(autouse=True)
async def _nothing_yet(shop: Shop) -> None:
    await shop.stripe.settled()
    await change(shop.site, "DELETE FROM stripe_events")


async def test_what_is_forged_or_malformed_is_refused(shop: Shop, ada: Person) -> None:
    """Case 21, S120."""
    good = json.dumps(event())
    header = signed(shop, good)["Stripe-Signature"]
    stamp = header.partition(",")[0]
    for given in (
        {},
        {"Stripe-Signature": ""},
        {"Stripe-Signature": "t=1"},
        {"Stripe-Signature": stamp},
        {"Stripe-Signature": header.replace("v1=", "v0=")},
        {"Stripe-Signature": f"{stamp},v1=Ünsinn".encode().decode("latin-1")},
        {"Stripe-Signature": f"t=99999999999999999999,{header}"},
        {"Stripe-Signature": f"t=x,{header}"},
        signed(shop, good, "whsec_of_somebody_else"),
        signed(shop, good + " "),
    ):
        assert await post(shop, ada, good, given) == 400, given
    odd = ["", "[]", "{}", "null", "1", "nonsense", '{"id": "evt_1"}']
    odd += ["[" * 100_000, '{"id": ' + "1" * 5_000 + "}"]
    damaged = [event(id=odd_id) for odd_id in ({"a": 1}, "x" * 300, "evt\x00", "evt_\ud800", None)]
    damaged += [event(type=None), event(type=["a"]), event(data=None), event(data={})]
    damaged += [event(data={"object": []}), event(livemode="no"), event(livemode=True)]
    for body in odd + [json.dumps(each) for each in damaged]:
        assert await post(shop, ada, body, signed(shop, body)) == 400, body[:80]
    assert await post(shop, ada, b"\xff\xfe{}", {"Stripe-Signature": header}) == 400

    assert await events(shop) == []


async def test_a_stamp_of_long_ago_or_of_the_future_is_refused(shop: Shop, ada: Person) -> None:
    """Case 22."""
    body = json.dumps(event())

    for age in (600, 310, -310, -86_400):
        assert await post(shop, ada, body, signed(shop, body, age=age)) == 400
    assert await events(shop) == []
    for age in (290, -290, 0):
        assert await post(shop, ada, body, signed(shop, body, age=age)) == 200
    assert (await events(shop))[0]["deliveries"] == 3, "a replay counts, and does nothing"


async def test_two_secrets_are_taken_while_they_are_exchanged(
    shop: Shop, database: Installer, tmp_path: Path
) -> None:
    """Case 22: S120."""
    old, new = "whsec_old_old_old", "whsec_new_new_new"
    env = {"price": shop.price, "STRIPE_WEBHOOK_SECRET": f"{old}, {new}"}
    async with selling(database, shop.stripe, tmp_path, **env) as second:
        person = Person(second.site.base)
        for number, secret in enumerate((old, new, shop.stripe.secret)):
            body = json.dumps(event(f"evt_{number}"))
            expected = 400 if secret == shop.stripe.secret else 200
            assert await post(second, person, body, signed(shop, body, secret)) == expected
        await person.close()
        assert len(await events(second)) == 2


async def test_type_and_size_of_the_body(shop: Shop, ada: Person) -> None:
    """Case 23, S129."""
    kinds = ["text/plain", "application/x-www-form-urlencoded", "application/json"]
    for number, kind in enumerate([*kinds, "multipart/form-data; boundary=x"]):
        body = json.dumps(event(f"evt_{number}"))
        given = {**signed(shop, body), "Content-Type": kind}
        assert await post(shop, ada, body, given) == 200
    full = json.dumps(event("evt_big", note="x" * 500_000))
    assert await post(shop, ada, full, signed(shop, full)) == 200
    for size in (524_289 - len(full), *[300_000] * 6, 1_500_000):
        body = full + " " * size
        assert await post(shop, ada, body, signed(shop, body)) == 413, "and it can be read"
    for method in ("GET", "PUT", "DELETE"):
        assert (await ask(ada, method, PATH)).status == 405
    assert len(await events(shop)) == 5


async def test_strangers_and_unwanted_events_are_noted_and_change_nobody(
    shop: Shop, ada: Person
) -> None:
    """Case 24."""
    for made in (
        event("evt_stranger"),
        event("evt_other", type="product.created"),
        event("evt_nobody", data={"object": {"customer": None}}),
        event("evt_odd", data={"object": {"customer": {"id": ["x"]}}}, created="soon"),
    ):
        body = json.dumps(made)
        assert await post(shop, ada, body, signed(shop, body)) == 200

    found = {row["event_id"]: row["outcome"] for row in await events(shop)}
    assert found == {
        "evt_stranger": "unknown_customer", "evt_other": "ignored",
        "evt_nobody": "unknown_customer", "evt_odd": "unknown_customer",
    }  # fmt: skip
    assert await shop.rows(ada, "billing_subscriptions") == []


async def test_an_event_grants_nothing_by_what_it_says(shop: Shop, ada: Person) -> None:
    """A signed event of a subscription that Stripe does not have."""
    await ada.post("/billing/checkout", {"plan": "pro"}, allow_redirects=False)
    about = {"id": "sub_9", "object": "subscription", "customer": await shop.customer(ada),
             "status": "active", "items": {"data": [{"price": {"id": shop.price}}]}}  # fmt: skip
    body = json.dumps(event("evt_9", data={"object": about}))

    sent = [post(shop, ada, body, signed(shop, body)) for _ in range(5)]
    assert await asyncio.gather(*sent) == [200] * 5

    known = {row["event_id"]: (row["outcome"], row["deliveries"]) for row in await events(shop)}
    assert known["evt_9"] == ("queued", 5)
    await becomes(ada, "free", "free")
    assert await shop.rows(ada, "billing_subscriptions") == []


@ON_SQLITE
async def test_what_cannot_be_stored_is_sent_again(shop: Shop, ada: Person) -> None:
    """S129."""
    body = json.dumps(event())
    await change(shop.site, "ALTER TABLE stripe_events RENAME TO hidden")
    assert await post(shop, ada, body, signed(shop, body)) == 500
    await change(shop.site, "ALTER TABLE hidden RENAME TO stripe_events")

    assert await post(shop, ada, body, signed(shop, body)) == 200
    assert (await events(shop))[0]["deliveries"] == 1


async def test_without_stripe_there_is_nothing(site: Site, people: Callable[..., Person]) -> None:
    person = people(site)
    await person.register()
    page = await person.get("/billing")

    assert (await ask(person, "POST", PATH, data="{}")).status == 404
    assert page.one("[data-billing-state=free]")["data-plan"] == "free"
    assert not page.html.select("form[action^='/billing']")
    assert (await person.post("/billing/checkout", {"plan": "pro"})).status == 409
    assert (await person.post("/billing/portal")).status == 409
    assert (await person.get("/billing/return?session_id=cs_1")).status == 200
    await change(site, "UPDATE accounts SET role = 'admin' WHERE email = :e", e=person.email)
    page = await person.get("/admin/billing")
    assert not page.html.select("form[action='/admin/billing/grants']"), "it would change nothing"
    given = {"email": person.email, "plan": "free"}
    assert (await person.post("/admin/billing/grants", given)).status == 409
