"""Somebody logs in, or tries to."""

import time
from collections.abc import Callable

import pytest

from tests.conftest import SiteMaker
from tests.people import PASSWORD, Person
from tests.raw import ask, post_bytes
from tests.site import Site

REFUSED = "The e-mail address or the password is not right."


async def test_it_leads_to_a_new_conversation(
    site: Site, ada: Person, people: Callable[..., Person]
) -> None:
    page = await people(site, ada.email).log_in()

    assert page.url == f"{site.base}/"
    assert page.one("#composer")


async def test_an_unknown_account_and_a_wrong_password_look_the_same(
    site: Site, ada: Person, people: Callable[..., Person]
) -> None:
    """S036: status, body and headers."""
    answers = []
    for email in (ada.email, "nobody@example.com"):
        form = {"email": email, "password": "not the right one"}
        refused = await people(site).post("/login", form)
        headers = {name: refused.headers[name] for name in refused.headers if name != "Date"}
        headers.pop("Content-Length")
        answers.append((refused.status, refused.text.replace(email, "EMAIL"), headers))

    assert answers[0] == answers[1]
    assert answers[0][0] == 422
    assert REFUSED in answers[0][1]


async def test_an_unknown_account_costs_a_hash_too(
    site: Site, people: Callable[..., Person]
) -> None:
    """S036: who is unknown is compared with a hash of bcrypt's full cost."""
    began = time.monotonic()
    await people(site).log_in()

    assert time.monotonic() - began > 0.05


@pytest.mark.parametrize("difference", ["", "x", "y" * 100])
async def test_what_comes_after_72_bytes_counts(
    site: Site, people: Callable[..., Person], difference: str
) -> None:
    ada, same = people(site), "0123456789 abcdef " * 4
    await ada.post("/register", {"email": ada.email, "password": same + "right"})

    wrong = await people(site).post("/login", {"email": ada.email, "password": same + difference})
    right = await people(site).post("/login", {"email": ada.email, "password": same + "right"})

    assert len(same) == 72
    assert wrong.status == 422
    assert right.url == f"{site.base}/"


@pytest.mark.parametrize("password", ["", "\x00", "x" * 10_000, PASSWORD + "\x00", PASSWORD + " "])
async def test_another_password_is_refused(
    site: Site, ada: Person, people: Callable[..., Person], password: str
) -> None:
    refused = await people(site).post("/login", {"email": ada.email, "password": password})

    assert refused.status == 422
    assert refused.words(".problem") == REFUSED
    assert refused.one("input[name=email]")["value"] == ada.email


async def test_the_session_is_a_new_one(ada: Person) -> None:
    """S054: whatever cookie was there before opens nothing afterwards."""
    before = cookie(ada)

    await ada.log_in()
    after = cookie(ada)

    assert before != after
    stale = {"Cookie": f"sid={before}"}
    copy = Person(ada.base)
    page = await copy.get("/account", headers=stale)
    await copy.close()
    assert page.url.startswith(f"{ada.base}/login")


def cookie(person: Person) -> str:
    return next(found.value for found in person._http.cookie_jar if found.key == "sid")


async def test_only_so_many_tries_a_minute(
    make_site: SiteMaker, people: Callable[..., Person]
) -> None:
    site = await make_site(LIMIT_LOG_INS="3")
    ada = people(site)
    await ada.register()
    form = {"email": ada.email, "password": "not the right one"}
    tries = [await people(site).post("/login", form) for _ in range(4)]
    late = await people(site, ada.email).log_in()

    assert [answer.status for answer in tries] == [422, 422, 422, 429]
    assert late.status == 429
    assert tries[-1].one("[data-code]")["data-code"] == "too_many"
    assert 0 < int(tries[-1].headers["Retry-After"]) <= 60


async def test_a_victim_gets_in_from_elsewhere(
    make_site: SiteMaker, people: Callable[..., Person]
) -> None:
    """S040: who guesses locks out nobody but themselves."""
    site = await make_site(LIMIT_LOG_INS="3", TRUSTED_PROXIES="1")
    ada = people(site)
    await ada.register()
    guesser = {"X-Forwarded-For": "198.51.100.7"}
    for variant in (ada.email, ada.email.upper(), f" {ada.email} ", f"\x00{ada.email}", ada.email):
        wrong = {"email": variant, "password": "guess"}
        refused = await people(site).post("/login", wrong, headers=guesser)

    right = {"email": ada.email, "password": PASSWORD}
    home = await people(site).post("/login", right, headers={"X-Forwarded-For": "203.0.113.9"})
    there = await people(site).post("/login", right, headers=guesser)

    assert refused.status == 429
    assert home.url == f"{site.base}/"
    assert there.status == 429


async def test_one_address_cannot_try_all_accounts(
    make_site: SiteMaker, people: Callable[..., Person]
) -> None:
    site = await make_site(LIMIT_LOG_INS="1", TRUSTED_PROXIES="1")
    guesser = {"X-Forwarded-For": "198.51.100.7"}
    statuses = []
    for number in range(5):
        form = {"email": f"{number}@example.com", "password": "guess"}
        statuses.append((await people(site).post("/login", form, headers=guesser)).status)

    assert statuses == [422, 422, 422, 422, 429]


@pytest.mark.parametrize(
    ("target", "reached"),
    [
        ("/account", "/account"),
        ("/conversations?q=a", "/conversations?q=a"),
        ("//example.com", "/"),
        ("///example.com", "/"),
        ("/\\example.com", "/"),
        ("\\/example.com", "/"),
        ("https:example.com", "/"),
        ("https://example.com/", "/"),
        ("/\texample.com", "/"),
        ("/\t/example.com", "/"),
        (" //example.com", "/"),
        ("/a//example.com", "/"),
        ("/a\r\nLocation: https://example.com", "/"),
        ("javascript:alert(1)", "/"),
        ("data:text/html,x", "/"),
        ("account", "/"),
        ("", "/"),
        ("/" + "a" * 10_000, "/"),
    ],
)
async def test_it_leads_on_only_inside_this_site(
    site: Site, ada: Person, people: Callable[..., Person], target: str, reached: str
) -> None:
    """S048"""
    form = {"email": ada.email, "password": PASSWORD, "next": target}

    answer = await ask(people(site), "POST", "/login", data=form)

    assert answer.status == 303
    assert answer.headers["Location"] == reached


@pytest.mark.parametrize("target", ["/%5Cexample.com", "/%09/example.com", "/%2F/example.com"])
async def test_encoded_signs_stay_on_this_site(
    site: Site, ada: Person, people: Callable[..., Person], target: str
) -> None:
    form = {"email": ada.email, "password": PASSWORD, "next": target}

    answer = await ask(people(site), "POST", "/login", data=form)

    assert answer.headers["Location"] in ("/", target)
    assert not answer.headers["Location"].startswith(("//", "/\\"))


async def test_who_is_asked_to_log_in_arrives_where_they_wanted(
    site: Site, ada: Person, people: Callable[..., Person]
) -> None:
    other = people(site, ada.email)
    asked = await other.get("/conversations?q=whale+song")
    target = str(asked.one("input[name=next]")["value"])

    page = await other.post("/login", {"email": ada.email, "password": PASSWORD, "next": target})

    assert page.url == f"{site.base}/conversations?q=whale+song"


async def test_who_is_signed_in_needs_no_log_in(ada: Person) -> None:
    assert (await ada.get("/login?next=/account")).url == f"{ada.base}/account"
    assert (await ada.get("/login?next=//example.com")).url == f"{ada.base}/"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"email=a%40example.com",
        b"password=x",
        b"email=%00&password=%00",
        b"email=%ED%A0%80&password=%ED%A0%80",
        b"email=" + b"a" * 5_000 + b"&password=x",
        b"\xff=\xff",
    ],
)
async def test_an_odd_form_is_refused(
    site: Site, people: Callable[..., Person], body: bytes
) -> None:
    """S050"""
    assert (await post_bytes(people(site), "/login", body)).status == 422


async def test_another_site_cannot_log_somebody_in(
    site: Site, ada: Person, people: Callable[..., Person]
) -> None:
    """S080"""
    browser = people(site)
    headers = {"Origin": "https://example.com", "Sec-Fetch-Site": "cross-site"}

    refused = await browser.post(
        "/login", {"email": ada.email, "password": PASSWORD}, headers=headers
    )

    assert refused.status == 403
    assert "Set-Cookie" not in refused.headers
