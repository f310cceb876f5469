"""Reserved before, settled after: never above the limit, and every sum is right at any time."""

import asyncio
import secrets
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat.billing import allowance
from chat.billing.access import Access
from chat.billing.allowance import LEFT_OVER, reserve, settle, sweep
from chat.billing.plans import Plan
from chat.billing.refusals import Meter, QuotaExceeded
from chat.db.database import Transaction
from chat.providers.domain import Model
from tests.allowance.conftest import Books
from tests.allowance.test_windows import at
from tests.conftest import ON_SQLITE

TINY = Model("m/tiny", "m", "tiny", max_output=1_000)
HUGE = Model("m/huge", "m", "huge", max_output=128_000)
DAY = 86_400_000


def access(period: tuple[int, int] | None = None, **limits: object) -> Access:
    return Access(Plan("p", "P", **limits), "active", period)  # type: ignore[arg-type] # fields of Plan


async def asked(
    books: Books, account: str, found: Access, now: int, models: Sequence[Model] = (TINY,)
) -> list[str]:
    """Ids of replies that were reserved for, all or none."""
    ids = [secrets.token_hex(16) for _ in models]

    async def ask(tx: Transaction) -> None:
        await tx.lock(f"begin {account}")
        reserved = await reserve(tx, account, found, models, now)
        for reply, model in zip(ids, models, strict=True):
            await reserved.hold(tx, reply, 1, model)

    await books.db.transaction(ask)
    return ids


async def ended(books: Books, reply: str, *, counted: bool, tokens: int | None = 10) -> None:
    await books.db.transaction(lambda tx: settle(tx, reply, counted=counted, tokens=tokens))


async def refused(
    books: Books, account: str, found: Access, now: int, models: Sequence[Model] = (TINY,)
) -> QuotaExceeded:
    before = await books.used(account), await books.events(account)
    with pytest.raises(QuotaExceeded) as caught:
        await asked(books, account, found, now, models)
    assert (await books.used(account), await books.events(account)) == before
    return caught.value


async def test_of_two_hundred_at_once_twenty_are_granted(books: Books) -> None:
    account, found = await books.account(), access(messages=20)

    tries = [asked(books, account, found, at("2026-01-01")) for _ in range(200)]
    results = await asyncio.gather(*tries, return_exceptions=True)

    assert [type(result) for result in results].count(list) == 20
    assert [type(result) for result in results].count(QuotaExceeded) == 180
    assert await books.used(account) == {"messages": 20}
    assert len(await books.events(account)) == 20


async def test_the_first_of_a_window_is_refused_too_when_it_is_too_large(books: Books) -> None:
    account, now = await books.account(), at("2026-01-01")

    none = await refused(books, account, access(messages=0), now)
    many = await refused(books, account, access(messages=2), now, [TINY] * 3)
    large = await refused(books, account, access(output_tokens=999), now)

    assert none.meter == Meter("messages", 0, 0, at("2026-01-02"))
    assert (many.code, many.meter.used, many.meter.limit) == ("quota_exceeded", 0, 2)
    assert (large.meter.key, large.meter.left) == ("output_tokens", 999)
    assert await books.used(account) == {}


async def test_three_side_by_side_with_two_left_are_refused_as_a_whole(books: Books) -> None:
    account, found, now = await books.account(), access(messages=5), at("2026-01-01T12:00")
    await asked(books, account, found, now, [TINY] * 3)

    error = await refused(books, account, found, now, [TINY, HUGE, TINY])
    await asked(books, account, found, now, [TINY] * 2)

    assert (error.meter.used, error.meter.limit) == (3, 5)
    assert str(error).startswith("That takes 3 messages, and your plan has 2 left.")
    assert error.retry_after == 12 * 60 * 60
    assert await books.used(account) == {"messages": 5}


@ON_SQLITE
@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (0, "Your plan holds no messages."),
        (1, "You have used the one message of your plan. It renews on"),
        (2, "You have used the 2 messages of your plan. They renew on"),
    ],
)
async def test_what_ran_out_is_said_in_the_right_number(
    books: Books, limit: int, said: str
) -> None:
    account, found, now = await books.account(), access(messages=limit), at("2026-01-01T12:00")
    await asked(books, account, found, now, [TINY] * limit)

    assert str(await refused(books, account, found, now, [TINY])).startswith(said)


@pytest.mark.parametrize(
    ("limit", "running", "wanted", "said"),
    [
        (1, 1, 1, "Your plan writes one answer at a time. Wait for it to end."),
        (4, 3, 2, "Your plan writes 4 answers at once. Wait for one to end."),
        (2, 0, 3, "Your plan writes 2 answers at once, and that takes 3."),
        (1, 0, 2, "Your plan writes one answer at a time, and that takes 2."),
        (2, 0, 2, ""),
        (None, 99, 3, ""),
    ],
)
def test_a_plan_says_how_many_are_written_at_once(
    limit: int | None, running: int, wanted: int, said: str
) -> None:
    try:
        allowance.check_parallel(access(parallel=limit), running, wanted, 0)
    except QuotaExceeded as error:
        assert str(error) == said
    else:
        assert not said


async def test_a_day_ends_at_midnight_utc(books: Books) -> None:
    account, found = await books.account(), access(messages=1)
    last = at("2026-03-31T23:59:59.999")
    (late,) = await asked(books, account, found, last)

    error = await refused(books, account, found, last)
    await asked(books, account, found, last + 1)
    await ended(books, late, counted=False)

    assert error.retry_after == 1
    assert (await refused(books, account, found, last + 1)).meter.used == 1
    await asked(books, account, found, last)  # what was given back is of the day it was taken from


async def test_a_period_rolls_when_it_is_renewed(books: Books) -> None:
    account = await books.account()
    old = access((at("2026-01-31"), at("2026-02-28")), messages=1, window="period")
    new = access((at("2026-02-28"), at("2026-03-31")), messages=1, window="period")
    last = at("2026-02-28") - 1

    await asked(books, account, old, last)
    assert (await refused(books, account, old, last)).meter.resets_at == last + 1
    await asked(books, account, new, last + 1)
    await refused(books, account, new, last + 1)


async def test_another_plan_counts_from_the_next_message_on(books: Books) -> None:
    account, now = await books.account(), at("2026-01-01")
    free, pro = access(messages=1), access(messages=3)
    await asked(books, account, free, now)
    await refused(books, account, free, now)

    await asked(books, account, pro, now)
    await asked(books, account, pro, now)

    await refused(books, account, pro, now)
    back = await refused(books, account, free, now)
    assert (back.meter.used, back.meter.limit, back.meter.left) == (3, 1, 0)


async def test_messages_are_counted_without_a_limit_too(books: Books) -> None:
    account, now = await books.account(), at("2026-01-01")
    await asked(books, account, access(), now)

    assert await books.used(account) == {"messages": 1}
    assert await allowance.meters(books.db, account, access(), now) == [
        Meter("messages", 1, None, at("2026-01-02"))
    ]
    await refused(books, account, access(messages=1), now)


async def test_tokens_are_reserved_as_an_answer_usually_has_and_settled_as_it_had(
    books: Books,
) -> None:
    account, found, now = await books.account(), access(output_tokens=6_000), at("2026-01-01")
    (huge,) = await asked(books, account, found, now, [HUGE])
    (tiny,) = await asked(books, account, found, now, [TINY])
    reserved = await books.used(account)
    short = await refused(books, account, found, now)

    await ended(books, huge, counted=True, tokens=500)
    await ended(books, tiny, counted=True, tokens=1_200)  # more than it was known to write
    await ended(books, tiny, counted=True, tokens=9_999)  # a second time changes nothing

    assert reserved == {"messages": 2, "output_tokens": 4_096 + 1_000}
    assert short.meter.left == 904
    assert await books.used(account) == {"messages": 2, "output_tokens": 1_700}
    states = {(each["meter"], each["state"]) for each in await books.events(account)}
    assert states == {("messages", "settled"), ("output_tokens", "settled")}


async def test_what_is_not_counted_gives_everything_back(books: Books) -> None:
    account, now = await books.account(), at("2026-01-01")
    found = access(messages=1, output_tokens=1_000)
    (reply,) = await asked(books, account, found, now)

    await ended(books, reply, counted=False)

    assert await books.used(account) == {"messages": 0, "output_tokens": 0}
    await asked(books, account, found, now)


async def test_a_reservation_without_a_reply_is_settled_after_a_quarter_of_an_hour(
    books: Books,
) -> None:
    account, now = await books.account(), at("2026-01-01")
    (reply,) = await asked(books, account, access(output_tokens=5_000), now)

    await sweep(books.db, now + LEFT_OVER - 1)
    early = {each["state"] for each in await books.events(account)}
    await sweep(books.db, now + LEFT_OVER)
    late = {each["state"] for each in await books.events(account)}
    await ended(books, reply, counted=True, tokens=1)

    assert (early, late) == ({"reserved"}, {"settled"})
    assert await books.used(account) == {"messages": 1, "output_tokens": 1_000}


async def test_what_nobody_looks_at_any_more_is_dropped(books: Books) -> None:
    account, now = await books.account(), at("2026-01-01")
    (reply,) = await asked(books, account, access(), now)
    await ended(books, reply, counted=True)

    await sweep(books.db, now + 39 * DAY)
    assert len(await books.events(account)) == 1
    await sweep(books.db, now + 41 * DAY)
    assert (await books.events(account), await books.used(account)) == ([], {"messages": 1})
    await sweep(books.db, now + 801 * DAY)
    assert await books.used(account) == {}


# What an account and the world do: ask for so many, end one well or badly, sweep, a day passes.
STEPS = st.one_of(
    st.tuples(st.just("ask"), st.integers(1, 3)),
    st.tuples(st.just("settle"), st.integers(0, 6_000)),
    st.tuples(st.just("release"), st.just(0)),
    st.tuples(st.just("sweep"), st.just(0)),
    st.tuples(st.just("wait"), st.sampled_from([1, LEFT_OVER, DAY // 3])),
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(STEPS, max_size=25), messages=st.integers(0, 6))
async def test_whatever_happens_the_limit_holds_and_the_sums_are_right(
    books: Books, steps: list[tuple[str, int]], messages: int
) -> None:
    account = await books.account()
    found = access(messages=messages, output_tokens=9_000)
    now, running = at("2030-01-01"), list[str]()
    for step, number in steps:
        if step == "ask":
            granted = await _asked(books, account, found, now, number)
            running += granted
            used = await allowance.meters(books.db, account, found, now)
            assert not granted or all(each.used <= (each.limit or 0) for each in used)
        elif step in ("settle", "release") and running:
            reply = running.pop(0)
            await ended(books, reply, counted=step == "settle", tokens=number)
        elif step == "sweep":
            await sweep(books.db, now)
        elif step == "wait":
            now += number
        await _check(books, account)


async def _asked(books: Books, account: str, found: Access, now: int, number: int) -> list[str]:
    """A refusal is right only where something is too little."""
    before = {each.key: each for each in await allowance.meters(books.db, account, found, now)}
    fits = before["messages"].left >= number and before["output_tokens"].left >= 1_000 * number
    try:
        granted = await asked(books, account, found, now, [TINY] * number)
    except QuotaExceeded:
        assert not fits
        return []
    assert fits
    return granted


async def _check(books: Books, account: str) -> None:
    """A counter is the sum of what its events reserve or used."""
    sums: dict[tuple[str, int], int] = {}
    for each in await books.events(account):
        assert (each["state"] == "reserved") == (each["actual"] is None)
        amount = each["reserved"] if each["actual"] is None else each["actual"]
        key = each["meter"], each["window_start"]
        sums[key] = sums.get(key, 0) + amount
    for (meter, start), amount in sums.items():
        row = await books.db.one(
            allowance.SQL["reserve"],
            account_id=account, meter=meter, window_start=start, amount=0, allowed=2**62,
        )  # fmt: skip
        assert row["used"] == amount
