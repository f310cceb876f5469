"""A Stripe that is out of reach, in each of its ways, and what the journal keeps of it."""

import asyncio

import pytest
import stripe

from tests.stripe.world import StripeAccount


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("error", stripe.APIError),
        ("limit", stripe.RateLimitError),
        ("cut", stripe.APIConnectionError),
    ],
)
async def test_nothing_is_done_while_it_is_away(
    stripe_account: StripeAccount, how: str, error: type[Exception]
) -> None:
    customers = stripe_account.v1.customers
    await stripe_account.away(how)
    with pytest.raises(error):
        await customers.create_async({"email": "ada@example.com"})
    await stripe_account.back()

    assert not (await customers.list_async()).data
    assert len(await stripe_account.calls("POST /v1/customers")) == 1


async def test_an_answer_that_is_lost_is_found_under_its_key(stripe_account: StripeAccount) -> None:
    customers, key = stripe_account.v1.customers, {"idempotency_key": "one"}
    await stripe_account.away("lost", only="POST /v1/customers", times=1)
    with pytest.raises(stripe.APIConnectionError):
        await customers.create_async({"email": "ada@example.com"}, key)

    again = await customers.create_async({"email": "ada@example.com"}, key)

    assert [found.id for found in (await customers.list_async()).data] == [again.id]


async def test_an_answer_that_is_held_comes_when_it_may(stripe_account: StripeAccount) -> None:
    customers = stripe_account.v1.customers
    await stripe_account.away("held", only="GET /v1/customers")
    waiting = asyncio.create_task(customers.list_async())
    while not await stripe_account.calls("GET /v1/customers"):  # noqa: ASYNC110 (nobody tells us)
        await asyncio.sleep(0.01)
    made = await customers.create_async({"email": "ada@example.com"})
    assert not waiting.done()
    await stripe_account.back()

    assert [found.id for found in (await waiting).data] == [made.id]


async def test_a_silence_ends_the_patience_of_whoever_waits(stripe_account: StripeAccount) -> None:
    await stripe_account.away("silent")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await stripe_account.v1.customers.create_async()
    await stripe_account.back()

    assert not (await stripe_account.v1.customers.list_async()).data


async def test_a_key_that_is_none_is_refused(stripe_account: StripeAccount) -> None:
    stripe_account.key = "sk_live_1234567890"
    with pytest.raises(stripe.AuthenticationError):
        await stripe_account.v1.customers.list_async()
    stripe_account.key = "sk_test_other"
