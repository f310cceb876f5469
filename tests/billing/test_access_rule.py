"""Which plan the rows give: every state, as a pure function of them."""

import pytest

from chat.billing.access import DAY, STALE, Access, Standing, Subscription, decide
from chat.billing.plans import Plan, Plans

FREE, PRO, TEAM = Plan("free", "Free"), Plan("pro", "Pro", "price_1"), Plan("team", "T", "price_2")
PLANS = Plans(FREE, 7, {p.key: p for p in (FREE, PRO, TEAM)}, {p.price: p for p in (PRO, TEAM)})
NOW = 1_000 * DAY
CUSTOMER = Standing(customer=True, synced_at=NOW)


def sub(status: str, price: str = "price_1", **more: int | None) -> Subscription:
    times = {"period_start": NOW - 10 * DAY, "period_end": NOW + 20 * DAY, **more}
    return Subscription("sub_1", price, status, **times)


def given(*found: Subscription, standing: Standing = CUSTOMER, now: int = NOW) -> Access:
    return decide(found, standing, now, PLANS)


@pytest.mark.parametrize(
    ("found", "state", "plan", "may_buy"),
    [
        ([], "free", "free", True),
        ([sub("active")], "active", "pro", False),
        ([sub("trialing", trial_end=NOW + DAY)], "trialing", "pro", False),
        ([sub("active", cancel_at=NOW + DAY)], "ending", "pro", False),
        ([sub("trialing", cancel_at=NOW + DAY)], "ending", "pro", False),
        ([sub("past_due", past_due_since=NOW)], "past_due", "pro", False),
        ([sub("past_due", past_due_since=NOW - 7 * DAY + 1)], "past_due", "pro", False),
        ([sub("past_due", past_due_since=NOW - 7 * DAY)], "grace_over", "free", False),
        ([sub("incomplete")], "incomplete", "free", False),
        ([sub("canceled")], "ended", "free", True),
        ([sub("incomplete_expired")], "ended", "free", True),
        ([sub("unpaid")], "ended", "free", False),
        ([sub("paused")], "ended", "free", False),
        ([sub("frozen_by_a_later_version")], "ended", "free", False),
        ([sub("")], "ended", "free", False),
        ([sub("active", "price_unknown")], "hold", "free", False),
        ([sub("canceled", "price_unknown")], "free", "free", True),
        ([sub("canceled"), sub("unpaid")], "ended", "free", False),
        ([sub("canceled"), sub("active")], "active", "pro", False),
        ([sub("active"), sub("active", "price_2")], "active", "team", False),
        ([sub("past_due", past_due_since=NOW), sub("active")], "active", "pro", False),
        ([sub("active", cancel_at=NOW + DAY), sub("active")], "active", "pro", False),
        ([sub("active", "price_unknown"), sub("active")], "active", "pro", False),
        ([sub("incomplete"), sub("past_due", past_due_since=0)], "grace_over", "free", False),
    ],
)
def test_each_state_gives_its_plan(
    found: list[Subscription], state: str, plan: str, may_buy: bool
) -> None:
    for order in (found, found[::-1]):
        access = given(*order)
        assert (access.state, access.plan.key, access.may_buy) == (state, plan, may_buy)
        assert (access.period is not None) == (plan != "free")


def test_a_period_is_that_of_the_subscription_that_gives_the_plan() -> None:
    access = given(sub("canceled", period_start=1, period_end=2), sub("active"))

    assert access.period == (NOW - 10 * DAY, NOW + 20 * DAY)
    assert access.renews_at == NOW + 20 * DAY


def test_a_period_that_nobody_can_ask_about_counts_three_days_more() -> None:
    end = NOW - STALE + 1
    unasked = Standing(customer=True, synced_at=NOW - 2 * DAY)

    assert given(sub("active", period_end=end), standing=unasked).state == "active"
    late = given(sub("active", period_end=end), standing=unasked, now=NOW + 1)
    assert (late.state, late.plan.key, late.may_buy) == ("stale", "free", False)
    assert given(sub("active", period_end=end), now=NOW + 1).state == "active", "it was asked"


def test_who_came_back_from_checkout_is_told_to_wait_and_cannot_buy_again() -> None:
    returned = Standing(customer=True, returned=True, synced_at=NOW)

    for found in ([], [sub("canceled")]):
        access = given(*found, standing=returned)
        assert (access.state, access.plan.key, access.may_buy) == ("confirming", "free", False)
    assert given(sub("active"), standing=returned).state == "active"
    assert given(sub("unpaid"), standing=returned).state == "ended"


def test_a_hold_takes_everything() -> None:
    held = Standing(customer=True, held=True, granted_plan="team", synced_at=NOW)
    access = given(sub("active"), standing=held)

    assert (access.state, access.plan.key, access.may_buy) == ("hold", "free", False)


@pytest.mark.parametrize(
    ("plan", "until", "found", "expected"),
    [
        ("pro", None, [], ("active", "pro")),
        ("pro", NOW + 1, [sub("canceled")], ("active", "pro")),
        ("pro", NOW, [], ("free", "free")),
        ("gone", None, [], ("free", "free")),
        ("free", None, [], ("free", "free")),
        ("pro", None, [sub("active", "price_2")], ("active", "team")),
        ("team", None, [sub("active")], ("active", "team")),
        ("pro", None, [sub("past_due", past_due_since=0)], ("grace_over", "pro")),
    ],
)
def test_a_grant_counts_where_it_is_more(
    plan: str, until: int | None, found: list[Subscription], expected: tuple[str, str]
) -> None:
    standing = Standing(granted_plan=plan, granted_until=until, synced_at=NOW)
    access = given(*found, standing=standing)

    assert (access.state, access.plan.key) == expected


def test_no_grace_is_no_grace() -> None:
    strict = Plans(FREE, 0, PLANS.by_key, PLANS.by_price)

    assert (
        decide([sub("past_due", past_due_since=NOW)], CUSTOMER, NOW, strict).state == "grace_over"
    )
