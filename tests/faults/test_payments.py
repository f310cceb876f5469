"""Whatever happens at Stripe and however it is told: in the end our rows are what Stripe has."""

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from chat.billing import syncing
from tests.conftest import ON_SQLITE
from tests.databases import Installer
from tests.faults.life import Life
from tests.faults.payments import Town
from tests.people import Person
from tests.rows import change
from tests.stripe.world import StripeAccount

LONG = bool(os.environ.get("CHAOS"))
ROUNDS = 6 if LONG else 1  # each with an installation and a Stripe account of its own
LIVES = 25 if LONG else 5
STEPS = 25 if LONG else 10
COMMON = ["buy", "upgrade", "pay", "decline", "come_back", "cancel", "deliver", "renew", "fail"]
SOME = ["retry", "fix_card", "give_up", "switch", "subscribe", "release", "grant", "settle"]
RARE = ["refund", "dispute", "win", "delete", "restart", "leave", "back"]
STEP = st.tuples(st.sampled_from([*COMMON * 3, *SOME * 2, *RARE]), st.integers(0, 11))


@pytest.fixture
async def town(
    database: Installer, stripe_account: StripeAccount, tmp_path: Path
) -> AsyncIterator[Town]:
    made = Town(database, stripe_account, tmp_path)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def root(town: Town, people: Callable[..., Person]) -> Person:
    person = people(town.shop.site)
    await person.register()
    sql = "UPDATE accounts SET role = 'admin' WHERE email = :email"
    await change(town.shop.site, sql, email=person.email)
    return person


@pytest.fixture(autouse=True)
def _quick_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for more of a burst is no rule."""
    monkeypatch.setattr(syncing, "SETTLE", 0.02)


@(lambda test: test if LONG else ON_SQLITE(test))
@pytest.mark.parametrize("turn", range(ROUNDS))
@settings(
    max_examples=LIVES,
    derandomize=not LONG,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
@given(steps=st.lists(STEP, min_size=3, max_size=STEPS))
async def test_in_the_end_our_rows_are_what_stripe_has(
    town: Town, root: Person, turn: int, steps: list[tuple[str, int]]
) -> None:
    """Cases 1 to 20 in any order; nothing is sold twice, and no plan is given that was not paid."""
    person = Person(town.shop.site.base)
    try:
        life = Life(town, person, root)
        await life.begin()
        for step, number in [("buy", 0), *steps, ("settle", 0)]:
            note(f"{step} {number}")
            await life.do(step, number)
    finally:
        await town.stripe.back()
        await town.stripe.deliver("normal")
        await town.stripe.release()
        await person.close()
