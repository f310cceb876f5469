"""One task per process that keeps our rows as Stripe has it: woken, and now and then by itself."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from chat.billing.configuration import Configuration
from chat.billing.events import WANTED, find
from chat.billing.gateway import Gateway, Refused
from chat.billing.looking_up import look_up
from chat.billing.plans import Plans
from chat.billing.syncing import Syncing
from chat.db.database import Database
from chat.db.queries import load_queries
from chat.errors import Unavailable
from chat.web.current import Clock

SQL = load_queries("billing")
LOOK_EVERY = 2.0  # seconds; what another process was told and could not do is found so
AT_ONCE = 4
MINUTE = 60_000
RECONCILE_EVERY = 10 * MINUTE
GLANCE_EVERY = 20_000  # milliseconds; what was not delivered while Stripe was away is found so
AGAIN = 10_000  # milliseconds, while Stripe is away
OVERLAP = 15 * MINUTE  # events come to Stripe's list late
GLANCE = MINUTE  # the overlap in between
FIRST = 24 * 60 * MINUTE  # how far back the first reading goes
REACH = 30 * 24 * 60 * MINUTE  # how far back Stripe's list goes
KEEP_EVENTS = 90 * 24 * 60 * MINUTE

log = logging.getLogger(__name__)


class Worker:
    """`configuration` is what it found out about the prices."""

    def __init__(self, db: Database, gateway: Gateway, plans: Plans, clock: Clock) -> None:
        self.configuration = Configuration()
        self._db = db
        self._gateway = gateway
        self._plans = plans
        self._clock = clock
        self._syncing = Syncing(db, gateway, plans, clock)
        self._bells = asyncio.Event(), asyncio.Event()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._started = False
        self._check_at = self._reconcile_at = 0

    def start(self) -> None:
        """Two loops: what has to be asked of Stripe may hang, and accounts do not wait for it."""
        loops = (self._forever(self._accounts, self._bells[0]),
                 self._forever(self._chores, self._bells[1]))  # fmt: skip
        self._tasks = [asyncio.create_task(loop) for loop in loops]

    def wake(self) -> None:
        """There is something to read; returns at once."""
        for bell in self._bells:
            bell.set()

    async def close(self) -> None:
        """Leaves what it does to whoever comes next: rows say what is still to be read."""
        tasks = [*self._tasks, *self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _forever(self, turn: Callable[[], Awaitable[None]], bell: asyncio.Event) -> None:
        trouble = ""  # said once: an outage is long
        while True:
            bell.clear()
            try:
                await turn()
                trouble = ""
            except Unavailable:
                if trouble != "away":
                    log.warning("Stripe or the database is away: payments are looked at later")
                trouble = "away"
            except Refused as error:
                if trouble != error.reason:
                    log.error("Stripe refuses what this installation asks: %s", error.reason)
                trouble = error.reason
            except Exception:
                log.exception("looking after payments failed")
            try:
                await asyncio.wait_for(bell.wait(), LOOK_EVERY)
            except TimeoutError:
                continue

    async def _accounts(self) -> None:
        limit = AT_ONCE + len(self._running)  # those that run are among them for a moment
        for row in await self._db.all(SQL["due"], now=self._clock(), limit=limit):
            account_id = row["account_id"]
            if account_id not in self._running and len(self._running) < AT_ONCE:
                self._running[account_id] = asyncio.create_task(self._sync(account_id))

    async def _chores(self) -> None:
        if not self._started:
            await self._db.run(SQL["ensure_cursor"], now=self._clock() - FIRST)
            await self._db.run(SQL["touch_living"])
            await self._db.run(SQL["retry_cursor"], next_at=0)
            self._started = True
            self._bells[0].set()
        await self._check()
        await self._reconcile()
        if await look_up(self._db, self._gateway, self._clock()):
            self._bells[0].set()

    async def _sync(self, account_id: str) -> None:
        try:
            await self._syncing.sync(account_id)
        except Unavailable:
            log.warning("the reading of an account cannot be stored yet")
        except Exception:
            log.exception("an account could not be read from Stripe")
        finally:
            del self._running[account_id]
            self._bells[0].set()  # there is room for the next one

    async def _reconcile(self) -> None:
        """What happened at Stripe and nobody was told of."""
        now = self._clock()
        taken = await self._db.all(SQL["take_cursor"], due=now, next_at=now + GLANCE_EVERY)
        if not taken:
            return
        whole = now >= self._reconcile_at
        try:
            overlap = OVERLAP if whole else GLANCE
            since = max(taken[0]["events_until"] - overlap, now - REACH) // 1_000
            events = await self._gateway.events(since, sorted(WANTED))
        except BaseException:
            await self._db.run(SQL["retry_cursor"], next_at=now + AGAIN)
            raise
        events.sort(key=lambda event: event.created_at)
        if await find(self._db, events, now):
            self._bells[0].set()
        newest = min(max((event.created_at for event in events), default=0), now)
        await self._db.run(SQL["move_cursor"], events_until=newest)
        if not whole:
            return
        self._reconcile_at = now + RECONCILE_EVERY
        await self._db.run(SQL["forget_events"], since=now - KEEP_EVENTS)
        times = {"now": now, "recently": now - RECONCILE_EVERY, "yesterday": now - 1_200 * MINUTE}
        await self._db.run(SQL["touch_overdue"], **times, an_hour_ago=now - 60 * MINUTE)

    async def _check(self) -> None:
        now = self._clock()
        if now < self._check_at:
            return
        before = dict(self.configuration.problems)
        self._check_at = now + AGAIN
        await self.configuration.check(self._gateway, self._plans)
        if self.configuration.problems:
            self._check_at = now + MINUTE
        else:
            self._check_at = now + RECONCILE_EVERY
        for price, problem in self.configuration.problems.items():
            if before.get(price) != problem:
                log.error("%s cannot be sold: %s", price, problem)
