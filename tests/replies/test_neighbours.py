"""Processes on one machine tell each other how many pages read along: the cores are shared."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager

import pytest

from chat.db.postgres import Postgres
from chat.providers.pace import Pace
from chat.replies.neighbours import GONE, Neighbours
from tests.databases import Server
from tests.rows import until


class Process:
    """What of a process has to do with its pace, on a connection of its own."""

    def __init__(self, db: Postgres, machine: str, cores: int) -> None:
        self.pace = Pace(cores)
        self.neighbours = Neighbours(db, self.pace, machine)
        db.hear(lambda note: self.neighbours.hear(note) if note[:1] == "r" else None)

    @contextmanager
    def reading(self, count: int) -> Iterator[None]:
        with ExitStack() as reading:
            for _ in range(count):
                reading.enter_context(self.pace.reader())
            yield

    async def comes_to(self, tick: float) -> None:
        async def there() -> bool:
            return self.pace.tick == tick

        await until(there, within=10)


Starter = Callable[..., Awaitable[Process]]


@pytest.fixture
async def start(postgres: Server) -> AsyncIterator[Starter]:
    """`await start("machine", cores=1)`: one more process on the same database."""
    url = await postgres.create()
    async with AsyncExitStack() as opened:

        async def one(machine: str, cores: int = 1) -> Process:
            db = await Postgres.open(url)
            opened.push_async_callback(db.close)
            await db.join()
            return Process(db, machine, cores)

        yield one


async def test_two_on_one_core_share_the_events_of_one(start: Starter) -> None:
    one, two = await start("here"), await start("here")
    with one.reading(150), two.reading(90):
        assert (one.pace.tick, two.pace.tick) == (0.3, 0.18)
        await one.neighbours.beat()
        await two.comes_to(0.48)
        await two.neighbours.beat()
        await one.comes_to(0.48)


async def test_each_has_a_core_where_there_are_enough(start: Starter) -> None:
    one, two = await start("here", cores=4), await start("here", cores=4)
    with one.reading(150), two.reading(90):
        await one.neighbours.beat()
        await two.comes_to(0.24)  # as one of two that have the same to do, on a core each


async def test_another_machine_has_its_own_cores(start: Starter) -> None:
    one, two, far = await start("here"), await start("here"), await start("there")
    with one.reading(60), two.reading(90), far.reading(300):
        await far.neighbours.beat()
        await one.neighbours.beat()
        await two.comes_to(0.3)
        assert far.pace.tick == 0.6


async def test_where_nobody_reads_any_more_is_no_neighbour(start: Starter) -> None:
    one, two = await start("here"), await start("here")
    with two.reading(150):
        with one.reading(150):
            await one.neighbours.beat()
            await two.comes_to(0.6)
        await one.neighbours.beat()
        await two.comes_to(0.3)


async def test_one_that_is_gone_without_a_word_is_forgotten(start: Starter) -> None:
    one, two = await start("here"), await start("here")
    with one.reading(150), two.reading(150):
        await one.neighbours.beat()
        await two.comes_to(0.6)
        for _ in range(GONE):
            await two.neighbours.beat()
        assert two.pace.tick == 0.6
        await two.neighbours.beat()
        assert two.pace.tick == 0.3
