"""Somebody changes their password."""

from collections.abc import Callable

import pytest

from tests.conftest import SiteMaker
from tests.people import PASSWORD, Person
from tests.rows import rows
from tests.site import Site

NEW = "another good password"


async def stored(site: Site, person: Person) -> str:
    found = await rows(site, "SELECT password FROM accounts WHERE email = :e", e=person.email)
    return str(found[0]["password"])


async def test_the_new_one_opens_and_the_old_one_does_not(
    site: Site, ada: Person, people: Callable[..., Person]
) -> None:
    page = await ada.post("/account/password", {"current": PASSWORD, "password": NEW})

    old = await people(site, ada.email).log_in()
    new = await people(site).post("/login", {"email": ada.email, "password": NEW})

    assert (page.status, page.url) == (200, f"{site.base}/account?changed=1")  # may be reloaded
    assert "The password is changed" in page.words("[role=status]")
    assert old.status == 422
    assert new.url == f"{site.base}/"


async def test_other_devices_are_signed_out_and_this_one_gets_a_new_session(
    site: Site, ada: Person, people: Callable[..., Person]
) -> None:
    phone = people(site, ada.email)
    await phone.log_in()
    before = {found.value for found in ada._http.cookie_jar}

    page = await ada.post("/account/password", {"current": PASSWORD, "password": NEW})

    assert len(page.html.select(".sessions li")) == 1
    assert {found.value for found in ada._http.cookie_jar} != before
    assert (await ada.get("/account")).url == f"{site.base}/account"
    assert (await phone.get("/account")).url.startswith(f"{site.base}/login")


@pytest.mark.parametrize(
    ("current", "new", "words"),
    [
        ("", NEW, "current password is not right"),
        ("wrong", NEW, "current password is not right"),
        (PASSWORD, "", "at least 10 characters"),
        (PASSWORD, "1234567890", "would guess this password"),
        (PASSWORD, "x" * 257, "at most 256 characters"),
    ],
)
async def test_it_is_refused_with_the_reason(
    site: Site, ada: Person, current: str, new: str, words: str
) -> None:
    """S047"""
    before = await stored(site, ada)

    refused = await ada.post("/account/password", {"current": current, "password": new})

    assert refused.status == 422
    assert words in refused.words(".problem")
    assert await stored(site, ada) == before


async def test_the_current_one_cannot_be_guessed(
    make_site: SiteMaker, people: Callable[..., Person]
) -> None:
    site = await make_site(LIMIT_LOG_INS="2")
    ada = people(site)
    await ada.register()

    tries = [
        await ada.post("/account/password", {"current": f"guess {n}", "password": NEW})
        for n in range(3)
    ]

    assert [answer.status for answer in tries] == [422, 422, 429]
    assert int(tries[-1].headers["Retry-After"]) > 0
