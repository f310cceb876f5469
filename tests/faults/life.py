"""Everything that may happen to somebody who buys, one step at a time."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from chat.billing.events import WANTED
from tests.billing.conftest import offers, shown
from tests.faults.payments import (
    OVER,
    RUNNING,
    Town,
    Truth,
    compare,
    expected,
    subscriptions,
    truth,
)
from tests.people import Answer, Person
from tests.rows import rows, until
from tests.stripe.world import DECLINED, GOOD

WITHIN = 20.0  # seconds, and Stripe is not away any more
MODES = ("normal", "duplicate", "reverse", "shuffle", "parallel", "hold", "drop")
AWAY = ("error", "limit", "cut", "lost")
PAUSE = 0.03  # seconds
PORTAL = ("cancel_now", "cancel_at_period_end", "cancel_at", "renew")
ENDS = ("cancel", "mark_unpaid", "leave_past_due")


class Life:
    """`do(step, number)`: what cannot happen now does not; the number chooses among ways."""

    def __init__(self, town: Town, person: Person, root: Person) -> None:
        self.town = town
        self.person = person
        self.root = root
        self.began = int(time.time())
        self.customer = ""
        self.account_id = ""
        self.granted = ""
        self.disputes: list[str] = []
        self.urls: list[str] = []  # of checkouts, open or not
        self.backs: list[str] = []  # ways back that were not taken yet
        self.deleted: list[str] = []  # customers that were theirs
        self.away = ""
        self.possible = {"free"}  # plans that were paid for since the rows were right last

    async def begin(self) -> None:
        await self.person.register()
        sql = "SELECT id FROM accounts WHERE email = :email"
        (row,) = await rows(self.town.shop.site, sql, email=self.person.email)
        self.account_id = str(row["id"])

    async def do(self, step: str, number: int) -> None:
        work: Callable[[int], Any] = getattr(self, step)
        await work(number)
        found = await self._subscriptions()
        self.possible.add(self._paid_for(found))
        page = await self.person.get("/billing")
        assert page.status == 200, page.text
        state, plan = shown(page)
        allowed = {"free", self.granted, *self.possible}
        assert plan in allowed, f"{state} {plan} was never paid for"
        ours = [each for each in found if each.status not in OVER]
        assert len([each for each in ours if each.metadata.to_dict()]) <= 1, "sold twice"

    # What a person does.

    async def upgrade(self, number: int) -> None:
        before = await self._subscriptions()
        form = {"plan": ("pro", "max")[number % 2]}
        clicks = [self._click(form) for _ in range(1 + number // 2 % 3)]
        answers = await asyncio.gather(*clicks)
        found = {each.headers["Location"] for each in answers if each.status == 303}
        assert {each.status for each in answers} <= {303, 409, 429, 503}
        for url in found:
            if url.startswith(self.town.stripe.base):
                assert not any(each.status in RUNNING for each in before), "sold beside another"
                self.urls = [*(each for each in self.urls if each != url), url]
            else:
                self.backs.append(url)
        assert self.away or len(found) <= 1
        (row,) = await self._rows("billing_accounts")
        bound = row["customer_id"] or ""
        self.customer = "" if bound in self.deleted else bound

    async def pay(self, number: int) -> None:
        """The newest checkout mostly, and sometimes one that should be over."""
        if self.urls:
            seen = await self.town.stripe.pay(self.urls[-1 - (number // 3) % len(self.urls)])
            assert seen.status in (303, 400, 402, 404, 410), seen.html
            self.backs += [seen.to] if seen.status == 303 else []

    async def decline(self, number: int) -> None:
        if self.urls:
            before = await self._subscriptions()
            seen = await self.town.stripe.pay(self.urls[-1], DECLINED)
            assert seen.status in (400, 402, 404, 410), seen.html
            assert len(await self._subscriptions()) == len(before)

    async def buy(self, number: int) -> None:
        """All the way; the tab is closed at the end, or not."""
        await self.upgrade(number)
        await self.pay(0)
        if number % 3:
            await self.come_back(0)

    async def come_back(self, number: int) -> None:
        if self.backs:
            assert (await self.person.get(self.backs.pop())).status == 200

    async def cancel(self, number: int) -> None:
        if chosen := await self._one(number // 4):
            await self._ask("page", action=PORTAL[number % 4], customer=self.customer,
                            subscription=chosen)  # fmt: skip

    async def fix_card(self, number: int) -> None:
        if self.customer:
            await self._ask("page", action="card", customer=self.customer, card=GOOD)

    async def switch(self, number: int) -> None:
        if chosen := await self._one(number // 3):
            price = self.town.price[("pro", "max", "other")[number % 3]]
            await self._ask("page", action="price", customer=self.customer,
                            subscription=chosen, price=price)  # fmt: skip

    # What time, banks and the dashboard do.

    async def renew(self, number: int) -> None:
        await self._travel("renew", number)

    async def fail(self, number: int) -> None:
        await self._travel("fail_renewal", number)

    async def retry(self, number: int) -> None:
        await self._travel("retry", number)

    async def give_up(self, number: int) -> None:
        await self._travel("dunning_end", number // 3, then=ENDS[number % 3])

    async def subscribe(self, number: int) -> None:
        """In the dashboard, beside whatever there is."""
        if self.customer:
            price = self.town.price[("pro", "max", "other")[number % 3]]
            await self._ask("subscribe", customer=self.customer, price=price)

    async def refund(self, number: int) -> None:
        if self.customer:
            await self._ask("refund", customer=self.customer)

    async def dispute(self, number: int) -> None:
        if self.customer:
            made = await self._ask("dispute", customer=self.customer)
            self.disputes += [made["id"]] if made else []

    async def win(self, number: int) -> None:
        if self.disputes:
            await self._ask("dispute_won", dispute=self.disputes[number % len(self.disputes)])

    async def delete(self, number: int) -> None:
        if self.disputes:  # whose it was can only be asked as long as there is a customer
            await self.settle(0)
        if self.customer:
            async with self._there():
                await self.town.stripe.delete_customer(self.customer)
            self.deleted.append(self.customer)
            self.customer = ""

    # What whoever runs the installation does.

    async def grant(self, number: int) -> None:
        self.granted = ("", "pro", "max")[number % 3]
        form = {"email": self.person.email, "plan": self.granted}
        assert (await self.root.post("/admin/billing/grants", form)).status == 200

    async def restart(self, number: int) -> None:
        await self.town.restart()

    # Events on their way, and trouble.

    async def deliver(self, number: int) -> None:
        await self.town.stripe.deliver(MODES[number % len(MODES)])

    async def release(self, number: int) -> None:
        await self.town.stripe.release(MODES[number % 5])

    async def leave(self, number: int) -> None:
        self.away = AWAY[number % len(AWAY)]
        await self.town.stripe.away(self.away)

    async def back(self, number: int) -> None:
        self.away = ""
        await self.town.stripe.back()

    async def settle(self, number: int) -> None:
        """Everything is delivered but what is lost, and one reconcile: now all is right."""
        await self.back(0)
        await self.town.stripe.deliver("normal")
        await self.town.stripe.release("shuffle")
        await self.town.stripe.settled()
        await self.town.reconcile()
        await until(self._quiet, within=WITHIN)
        found = await self._truth()
        await compare(self.town.shop, self.account_id, found)
        self._shows(await self.person.get("/billing"), found)
        self.possible = {self._paid_for(found.subscriptions)}

    def _shows(self, page: Answer, found: Truth) -> None:
        state, plan = expected(found, self.town.price, self.granted)
        either = {(state, plan)}
        if found.former and state == "free":  # what ended with a customer may be remembered
            either.add(("ended", plan))
        assert shown(page) in either
        ways = {"portal"} if self.customer else set()
        given = self.granted and plan == self.granted and state == "active"
        if found.buyable and not given:
            ways.add("checkout")
        assert offers(page) == ways

    async def _quiet(self) -> bool:
        """Whether every event is stored, by whatever way it came, and nothing is left to read."""
        await asyncio.sleep(PAUSE)
        if await self._busy():
            await self.town.hurry()
            return False
        return await self._heard() and not await self._busy()

    async def _busy(self) -> bool:
        sql = """SELECT account_id FROM billing_accounts
                  WHERE dirty_gen > synced_gen OR lease_until > 0
                 UNION ALL SELECT event_id FROM stripe_events WHERE outcome = 'lookup'"""
        return bool(await self._all(sql))

    async def _heard(self) -> bool:
        listed = await self.town.stripe.v1.events.list_async(
            {"types": sorted(WANTED), "created": {"gte": self.began}, "limit": 100}
        )
        happened = {each.id async for each in listed.auto_paging_iter()}
        known = {row["event_id"] for row in await self._all("SELECT event_id FROM stripe_events")}
        return happened <= known

    async def _truth(self) -> Truth:
        async with self._there():
            found = await truth(self.town.stripe, self.customer, self.disputes)
        return replace(found, former=bool(self.deleted))

    async def _subscriptions(self) -> Sequence[Any]:
        async with self._there():
            return await subscriptions(self.town.stripe, self.customer)

    def _paid_for(self, found: Sequence[Any]) -> str:
        """The plan; that a dispute takes it away is not known at once."""
        return expected(Truth(self.customer, found), self.town.price)[1]

    @asynccontextmanager
    async def _there(self) -> AsyncIterator[None]:
        """For what the test itself asks Stripe."""
        if self.away:
            await self.town.stripe.back()
        yield
        if self.away:
            await self.town.stripe.away(self.away)

    async def _one(self, number: int) -> str:
        """A subscription that is not over, or one that is when there is no other; or ''."""
        found = await self._subscriptions()
        some = [each.id for each in found if each.status not in OVER] or [e.id for e in found]
        return str(some[number % len(some)]) if some else ""

    async def _travel(self, order: str, number: int, **given: str) -> None:
        if chosen := await self._one(number):
            await self._ask(order, subscription=chosen, **given)

    async def _ask(self, order: str, **given: str) -> Any:
        """None when Stripe says that it cannot be."""
        try:
            return await self.town.stripe.order(order, **given)
        except AssertionError as error:
            if str(error).startswith(f"{order}: 4"):
                return None
            raise

    async def _click(self, form: dict[str, str]) -> Answer:
        return await self.person.post("/billing/checkout", form, allow_redirects=False)

    async def _rows(self, table: str) -> list[dict[str, Any]]:
        return await self.town.shop.rows(self.person, table)

    async def _all(self, sql: str) -> list[dict[str, Any]]:
        return await rows(self.town.shop.site, sql)
