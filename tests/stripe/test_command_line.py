"""Stripe's own command line drives the stand-in, and what it triggers arrives signed."""

import asyncio
from pathlib import Path

import pytest

from tests.stripe import installed
from tests.stripe.listener import Listener
from tests.stripe.world import StripeAccount

SUBSCRIBING = (
    "--override=checkout_session:mode=subscription",
    "--override=price:recurring[interval]=month",
    "--remove=checkout_session:payment_intent_data",
)


async def trigger(account: StripeAccount, home: Path, event: str, *more: str) -> None:
    """The base must be a bare host and port: it drops paths."""
    command = (str(installed.require_command()), "trigger", event, *more)
    process = await asyncio.create_subprocess_exec(
        *command,
        *("--api-key", account.key, "--api-base", account.base),
        env={"HOME": str(home), "XDG_CONFIG_HOME": str(home)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, said.decode()
    assert b"Trigger succeeded" in said, said.decode()


@pytest.mark.parametrize(
    "event",
    [
        "customer.subscription.deleted",
        "invoice.payment_failed",
        "charge.refunded",
        "charge.dispute.closed",
    ],
)
async def test_what_it_triggers_is_heard(
    stripe_account: StripeAccount, listener: Listener, tmp_path: Path, event: str
) -> None:
    await trigger(stripe_account, tmp_path, event)
    await stripe_account.settled()

    assert event in listener.types
    assert listener.forged == 0


async def test_it_pays_a_checkout_for_a_subscription(
    stripe_account: StripeAccount, listener: Listener, tmp_path: Path
) -> None:
    await trigger(stripe_account, tmp_path, "checkout.session.completed", *SUBSCRIBING)
    await stripe_account.settled()

    assert {"checkout.session.completed", "customer.subscription.created"} <= set(listener.types)
    (session,) = (await stripe_account.v1.checkout.sessions.list_async()).data
    assert (session.status, session.payment_status) == ("complete", "paid")
