"""How events reach an endpoint: signed, again when refused, and in every disorder."""

from collections import Counter

import pytest
import stripe

from tests.stripe.conftest import Subscriber
from tests.stripe.listener import Listener
from tests.stripe.world import StripeAccount


async def test_events_arrive_signed_and_in_order(
    stripe_account: StripeAccount, listener: Listener, subscriber: Subscriber
) -> None:
    await stripe_account.settled()

    told = await stripe_account.v1.events.list_async({"limit": 100})
    assert [event.id for event in listener.heard] == [event.id for event in told.data][::-1]
    assert "customer.subscription.created" in listener.types
    assert "invoice.paid" in listener.types
    assert not any(event.livemode for event in listener.heard)
    assert listener.forged == 0


async def test_a_refused_event_comes_again_until_it_is_taken(
    stripe_account: StripeAccount, listener: Listener
) -> None:
    listener.answers = [500, 404]
    await stripe_account.v1.customers.create_async({"email": "ada@example.com"})
    await stripe_account.settled()

    assert listener.types == ["customer.created"] * 3
    assert len({event.id for event in listener.heard}) == 1
    (delivery,) = await stripe_account.deliveries()
    assert (delivery["state"], delivery["answers"]) == ("delivered", [500, 404, 200])


async def test_every_disorder_delivers_what_it_promises(
    stripe_account: StripeAccount, listener: Listener
) -> None:
    for mode, times in {"duplicate": 2, "reverse": 1, "shuffle": 1, "parallel": 1}.items():
        listener.heard.clear()
        await stripe_account.deliver(mode)
        price = await stripe_account.price()
        customer = await stripe_account.v1.customers.create_async()
        await stripe_account.subscribe(customer.id, price)
        await stripe_account.settled()

        assert len(listener.heard) > 6
        assert set(Counter(event.id for event in listener.heard).values()) == {times}
        if mode == "reverse":
            told = (await stripe_account.v1.events.list_async({"limit": 100})).data
            newest = [event.id for event in told if event.request.id == told[0].request.id]
            assert len(newest) > 4
            assert [event.id for event in listener.heard[-len(newest) :]] == newest


async def test_what_is_held_comes_on_demand_and_what_is_dropped_can_be_sent_again(
    stripe_account: StripeAccount, listener: Listener
) -> None:
    await stripe_account.deliver("hold")
    await stripe_account.v1.customers.create_async()
    await stripe_account.deliver("drop")
    await stripe_account.v1.products.create_async({"name": "Lost"})
    await stripe_account.settled()
    assert listener.types == []

    assert await stripe_account.release() == 1
    await stripe_account.settled()
    assert listener.types == ["customer.created"]

    (lost,) = (await stripe_account.v1.events.list_async({"type": "product.created"})).data
    assert await stripe_account.resend(lost.id) == 1
    await stripe_account.settled()
    assert listener.types == ["customer.created", "product.created"]


async def test_an_endpoint_gets_the_types_it_wants_under_old_and_new_secret(
    stripe_account: StripeAccount, listener: Listener
) -> None:
    hooks = stripe_account.v1.webhook_endpoints
    (endpoint,) = (await hooks.list_async()).data
    await hooks.update_async(endpoint.id, {"enabled_events": ["customer.deleted"]})
    fresh = await stripe_account.roll(endpoint.id)
    for key in (fresh, stripe_account.secret):
        listener.keys = [key]
        customer = await stripe_account.v1.customers.create_async()
        await stripe_account.delete_customer(customer.id)
        await stripe_account.settled()

    assert listener.types == ["customer.deleted"] * 2
    assert listener.forged == 0
    await hooks.delete_async(endpoint.id)
    await stripe_account.v1.customers.create_async()
    assert len(await stripe_account.deliveries()) == 2


async def test_events_can_be_listed_by_time_and_type(
    stripe_account: StripeAccount, subscriber: Subscriber
) -> None:
    wanted = {"types": ["invoice.paid", "customer.subscription.created"]}
    events = stripe_account.v1.events
    found = (await events.list_async(wanted)).data

    assert {event.type for event in found} == set(wanted["types"])
    assert not (await events.list_async({"created": {"gt": found[0].created + 60}})).data
    assert (await events.list_async({"created": {"gte": found[-1].created}})).data


@pytest.mark.parametrize("events", [["customer.made"], ["customer.created", "*x"]])
async def test_an_unknown_type_is_refused(stripe_account: StripeAccount, events: list[str]) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="enabled_events"):
        await stripe_account.listen("http://127.0.0.1:9/hook", *events)
