"""The one cookie: its flags, and what happens to those that were tampered with."""

from collections.abc import Callable

import pytest
from quart import Quart

from chat.accounts.visitor import extension
from tests.conftest import SiteMaker
from tests.people import PASSWORD, Answer, Person
from tests.raw import ask
from tests.rows import rows
from tests.site import Site

FORM = {"email": "ada@example.com", "password": PASSWORD}
MINE = "account_id = (SELECT id FROM accounts WHERE email = :email)"


def cookie(person: Person) -> str:
    return next(found.value for found in person._http.cookie_jar if found.key == "sid")


def flags(answer: Answer) -> tuple[str, set[str]]:
    """The name of the cookie that an answer sets, and its attributes."""
    first, *rest = answer.headers["Set-Cookie"].split("; ")
    return first.partition("=")[0], {part for part in rest if not part.startswith("Expires=")}


async def test_with_tls_it_is_for_this_host_alone(
    make_site: SiteMaker, people: Callable[..., Person]
) -> None:
    """S051"""
    site = await make_site(PUBLIC_URL="https://chat.example.com")
    origin = {"Origin": "https://chat.example.com"}

    name, found = flags(await ask(people(site), "POST", "/register", origin, data=FORM))

    assert name == "__Host-sid"
    assert found == {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"}


async def test_without_tls_it_has_a_plain_name(site: Site, people: Callable[..., Person]) -> None:
    ada = people(site)
    form = {"email": ada.email, "password": PASSWORD}

    name, found = flags(await ask(ada, "POST", "/register", data=form))

    assert name == "sid"
    assert found == {"HttpOnly", "Path=/", "SameSite=Lax"}


async def test_reading_sets_none(site: Site, ada: Person, people: Callable[..., Person]) -> None:
    for person in (ada, people(site)):
        for path in ("/", "/login", "/conversations", "/conversations/nowhere"):
            assert "Set-Cookie" not in (await ask(person, "GET", path)).headers


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value[:-1],
        lambda value: value[:20],
        lambda value: value[:-3] + "abc",
        lambda value: "x" + value,
        lambda value: value.swapcase(),
        lambda value: value + "." + value,
        lambda value: "==a",
        lambda value: "",
        lambda value: '"' + value,
        lambda value: "\xff\xfe",
        lambda value: "%00%00",
        lambda value: "x" * 8_000,
    ],
)
async def test_a_changed_one_is_nobody_s(
    site: Site, ada: Person, people: Callable[..., Person], change: Callable[[str], str]
) -> None:
    """S055"""
    changed = {"Cookie": f"sid={change(cookie(ada))}"}

    page = await people(site).get("/account", headers=changed)

    assert page.status == 200
    assert page.url.startswith(f"{site.base}/login")


@pytest.mark.parametrize(
    "header",
    ["sid=" + "x" * 100_000, "; ".join(f"c{n}={'v' * 90}" for n in range(200)), "sid=a; " * 3_000],
)
async def test_too_much_of_them_is_refused(
    site: Site, people: Callable[..., Person], header: str
) -> None:
    page = await people(site).get("/account", headers={"Cookie": header})

    assert page.status in (400, 431)


async def test_two_hundred_small_ones_do_no_harm(
    site: Site, ada: Person, people: Callable[..., Person]
) -> None:
    many = "; ".join(f"c{n}={n}" for n in range(200))

    page = await people(site).get("/account", headers={"Cookie": f"{many}; sid={cookie(ada)}"})

    assert page.url == f"{site.base}/account"


@pytest.mark.parametrize("key", ["dev", "changeme", "0" * 64, None])
async def test_only_our_key_signs(
    site: Site, ada: Person, people: Callable[..., Person], key: str | None
) -> None:
    """S056: the right value under another key is nobody's; None is our own key."""
    signer, forger = extension(site.settings), Quart("forger")
    forger.secret_key = key or site.app.secret_key
    signer.init_app(forger)
    value = signer.load_token(cookie(ada), site.app)
    assert value is not None
    forged = {"Cookie": f"sid={signer.dump_token(value, forger)}"}

    page = await people(site).get("/account", headers=forged)

    assert (page.url == f"{site.base}/account") is (key is None)


async def test_a_stolen_table_opens_nothing(
    site: Site, ada: Person, people: Callable[..., Person]
) -> None:
    """S060: it holds hashes of what the cookies hold."""
    row = (await rows(site, f"SELECT * FROM sessions WHERE {MINE}", email=ada.email))[0]
    for stolen in (row["hash"], row["id"], row["account_id"]):
        assert stolen not in cookie(ada)
        page = await people(site).get("/account", headers={"Cookie": f"sid={stolen}"})
        assert page.url.startswith(f"{site.base}/login")
