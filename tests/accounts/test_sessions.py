"""Where somebody is signed in: listed, ended one by one or together, and by time."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from chat.accounts.domain import DAY
from chat.providers.pace import PACE
from chat.replies.streams import LOOK_EVERY
from tests.databases import Installer
from tests.people import PASSWORD, Event, Person, conversation_of, reply_of
from tests.people import Answer as Page
from tests.rows import count, rows, until
from tests.site import Site
from tests.upstream import Answer, Upstream

MINE = "account_id = (SELECT id FROM accounts WHERE email = :email)"


@pytest.fixture
async def phone(site: Site, ada: Person, people: Callable[..., Person]) -> Person:
    """Another browser of Ada's."""
    person = people(site, ada.email)
    await person.log_in()
    return person


def ends(page: Page) -> list[str]:
    """Where the forms go that end one other session."""
    forms = page.html.select(".sessions form")
    return [str(form["action"]) for form in forms]


async def signed_in(person: Person) -> bool:
    return (await person.get("/account")).url == f"{person.base}/account"


async def test_each_browser_is_listed_with_its_name(
    site: Site, ada: Person, people: Callable[..., Person]
) -> None:
    phone = people(site, ada.email)
    agent = {"User-Agent": "Telephone <b>9</b> " + "x" * 1_000}
    await phone.post("/login", {"email": ada.email, "password": PASSWORD}, headers=agent)

    page = await ada.get("/account")

    assert len(page.html.select(".sessions li")) == 2
    assert "Telephone <b>9</b>" in page.words(".sessions")
    assert "x" * 300 not in page.text
    assert len(ends(page)) == 1


async def test_one_can_be_ended(ada: Person, phone: Person) -> None:
    action = ends(await ada.get("/account"))[0]

    page = await ada.post(action)

    assert page.url.endswith("/account")
    assert len(page.html.select(".sessions li")) == 1
    assert await signed_in(ada)
    assert not await signed_in(phone)


async def test_all_others_can_be_ended_at_once(
    site: Site, ada: Person, phone: Person, people: Callable[..., Person]
) -> None:
    tablet = people(site, ada.email)
    await tablet.log_in()

    page = await ada.post("/account/sessions/end")

    assert len(page.html.select(".sessions li")) == 1
    assert await signed_in(ada)
    assert not await signed_in(phone)
    assert not await signed_in(tablet)


async def test_ending_one_s_own_is_logging_out(site: Site, ada: Person, phone: Person) -> None:
    own = ends(await phone.get("/account"))[0]  # seen from the phone, the other one is Ada's

    page = await ada.post(own)

    assert page.url == f"{ada.base}/"
    assert not await signed_in(ada)
    assert await signed_in(phone)


async def test_eve_ends_nobody_s_but_her_own(ada: Person, phone: Person, eve: Person) -> None:
    action = ends(await ada.get("/account"))[0]

    await eve.post(action)
    await eve.post("/account/sessions/end")

    assert await signed_in(ada)
    assert await signed_in(phone)
    assert await signed_in(eve)


async def test_an_ended_session_closes_its_streams_within_5_seconds(
    ada: Person, phone: Person, upstream: Upstream
) -> None:
    held = asyncio.Event()
    upstream.will(Answer(["One"] + [" more"] * 2_000, pause=0.05, held=held))
    sent = await ada.send("Hello")
    streams = [phone.events(reply_of(sent), limit=30), ada.events(reply_of(sent), limit=30)]
    for stream in streams:
        await anext(stream)
    live = asyncio.create_task(phone.get(f"/conversations/{conversation_of(sent)}/live"))
    await asyncio.sleep(0)
    reading = asyncio.create_task(_rest(streams[0]))

    await ada.post("/account/sessions/end")
    began = time.monotonic()
    rest = await reading
    page = await live
    took = time.monotonic() - began

    assert LOOK_EVERY + 2 * PACE.tick < 5
    assert took < 20  # what a busy machine adds
    assert all("data-state" not in data for data in rest)
    assert (await anext(streams[1])).data
    await streams[1].aclose()  # type: ignore[attr-defined] # it is a generator
    assert page.status == 200
    await ada.partial(f"/replies/{reply_of(sent)}/stop")


async def _rest(stream: AsyncIterator[Event]) -> list[str]:
    return [event.data async for event in stream]


class Clock:
    """Says what it is set to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
async def timed(
    database: Installer, clock: Clock, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """An installation that goes by our clock."""
    folder = tmp_path_factory.mktemp("timed")
    async with database.running(folder, {"OPENAI_BASE_URL": upstream.url}, clock) as found:
        yield found


async def test_a_session_lives_as_long_as_it_is_used(
    timed: Site, clock: Clock, people: Callable[..., Person]
) -> None:
    ada = people(timed)
    await ada.register()
    for _ in range(3):
        clock.now += 29 * DAY
        assert await signed_in(ada)

    clock.now += 3 * DAY  # used the other day, but 90 days old
    assert not await signed_in(ada)


@pytest.mark.parametrize("days", [30, 31, 400])
async def test_a_session_that_is_not_used_ends_for_good(
    timed: Site, clock: Clock, people: Callable[..., Person], days: int
) -> None:
    """S057: also when the clock goes back."""
    ada = people(timed)
    await ada.register()

    clock.now += days * DAY
    later = await signed_in(ada)
    clock.now -= days * DAY
    back = await signed_in(ada)

    assert not later
    assert not back


async def test_looking_at_a_page_is_not_written_down_each_time(
    timed: Site, clock: Clock, people: Callable[..., Person]
) -> None:
    ada = people(timed)
    await ada.register()
    sql = f"SELECT seen_at FROM sessions WHERE {MINE}"
    began = clock.now

    clock.now += 60_000
    await ada.get("/")
    soon = (await rows(timed, sql, email=ada.email))[0]["seen_at"]
    clock.now += 10 * 60_000
    await ada.get("/")
    later = (await rows(timed, sql, email=ada.email))[0]["seen_at"]

    assert soon == began
    assert later == clock.now


async def test_sessions_that_have_ended_are_swept_at_the_start(
    database: Installer, upstream: Upstream, tmp_path: Path, people: Callable[..., Person]
) -> None:
    clock, env = Clock(), {"OPENAI_BASE_URL": upstream.url}
    async with database.running(tmp_path, env, clock) as site:
        ada = people(site)
        await ada.register()
        before = await count(site, "sessions")
    clock.now += 31 * DAY
    async with database.running(tmp_path, env, clock) as site:
        after = await count(site, "sessions")

    assert (before, after) == (1, 0)


async def test_sessions_that_have_ended_are_swept_while_it_runs(
    database: Installer,
    upstream: Upstream,
    tmp_path: Path,
    people: Callable[..., Person],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    monkeypatch.setattr("chat.app.SWEEP_EVERY", 0.05)
    async with database.running(tmp_path, {"OPENAI_BASE_URL": upstream.url}, clock) as site:
        await people(site).register()
        clock.now += 31 * DAY

        async def swept() -> bool:
            return await count(site, "sessions") == 0

        await until(swept, within=20)


CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 "
EDGE = (
    CHROME.replace("X11; Linux x86_64", "Windows NT 10.0; Win64; x64") + "Safari/537.36 Edg/156.0"
)
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile Safari/604.1"


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        (CHROME + "Safari/537.36", "Chrome on Linux"),
        (EDGE, "Edge on Windows"),
        (IPHONE, "Safari on iPhone"),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 15.1; rv:145.0) Firefox/145.0",
            "Firefox on macOS",
        ),
    ],
)
async def test_a_device_has_the_name_that_people_use(
    site: Site, ada: Person, people: Callable[..., Person], agent: str, device: str
) -> None:
    other = people(site, ada.email)
    form = {"email": ada.email, "password": PASSWORD}
    await other.post("/login", form, headers={"User-Agent": agent})

    page = await ada.get("/account")

    assert device in page.words(".sessions")
