"""What every test can ask for: a running installation, a model server, and its people."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from chat.accounts import passwords
from tests import databases
from tests import upstream as upstreams
from tests.databases import Installer, Server
from tests.people import Person
from tests.site import Site
from tests.stripe import world as stripe_worlds
from tests.stripe.world import StripeAccount, World
from tests.upstream import Upstream

# How fast a machine is says nothing of what is tested.
settings.register_profile("prosa", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("prosa")

SiteMaker = Callable[..., Awaitable[Site]]
# Above a test of what only one file can suffer, or what is dear and no database can change.
ON_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True, scope="session")


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords() -> None:
    """bcrypt's own cost is a setting of the algorithm, not a rule of ours: the least it allows."""
    passwords.COST = 4


@pytest.fixture(scope="session")
async def upstream() -> AsyncIterator[Upstream]:
    async with upstreams.running() as found:
        yield found


@pytest.fixture(scope="session")
async def stripe_world() -> AsyncIterator[World]:
    """A stand-in for Stripe; each test takes an account of its own."""
    async with stripe_worlds.running() as found:
        yield found


@pytest.fixture
async def stripe_account(stripe_world: World) -> AsyncIterator[StripeAccount]:
    async with stripe_worlds.an_account(stripe_world) as found:
        yield found


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server for all tests; each brings databases of its own."""
    with databases.serving() as server:
        yield server


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Installer:
    """Whoever asks for this, or for a site, is tested on both."""
    on_sqlite = request.param == "sqlite"
    return Installer(None if on_sqlite else request.getfixturevalue("postgres"))


@pytest.fixture(scope="session")
async def site(
    database: Installer, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """One installation for all tests; each brings accounts of its own."""
    folder = tmp_path_factory.mktemp("site")
    async with database.running(folder, {"OPENAI_BASE_URL": upstream.url}) as found:
        yield found


@pytest.fixture
async def make_site(
    database: Installer, upstream: Upstream, tmp_path: Path
) -> AsyncIterator[SiteMaker]:
    """An installation of a test's own: `await make_site(LIMIT_SENDS="2")`."""
    async with AsyncExitStack() as stack:

        async def make(folder: Path = tmp_path, **env: str) -> Site:
            given = {"OPENAI_BASE_URL": upstream.url, **env}
            return await stack.enter_async_context(database.running(folder, given))

        yield make


@pytest.fixture
async def people() -> AsyncIterator[Callable[..., Person]]:
    """Browsers that are closed at the end: `people(site)`."""
    made: list[Person] = []

    def make(site: Site, email: str = "") -> Person:
        made.append(Person(site.base, email))
        return made[-1]

    yield make
    for person in made:
        await person.close()


@pytest.fixture
async def ada(site: Site, people: Callable[..., Person]) -> Person:
    """Owns what the test is about."""
    person = people(site)
    await person.register()
    return person


@pytest.fixture
async def eve(site: Site, people: Callable[..., Person]) -> Person:
    """Must learn nothing."""
    person = people(site)
    await person.register()
    return person
