"""Somebody logs out, and what they leave behind opens nothing."""

from collections.abc import Callable

from tests.attachments.sending import uploaded
from tests.people import Person
from tests.raw import ask
from tests.rows import count
from tests.site import Site

MINE = "account_id = (SELECT id FROM accounts WHERE email = :email)"


def cookie(person: Person) -> str:
    return next(found.value for found in person._http.cookie_jar if found.key == "sid")


async def test_the_browser_is_nobody_afterwards(ada: Person) -> None:
    page = await ada.post("/logout")

    assert page.url == f"{ada.base}/"
    assert page.one("main.welcome")
    assert (await ada.get("/account")).url.startswith(f"{ada.base}/login")
    assert not [found for found in ada._http.cookie_jar if found.key == "sid"]


async def test_a_copy_of_the_cookie_is_dead(
    site: Site, ada: Person, people: Callable[..., Person]
) -> None:
    stolen = {"Cookie": f"sid={cookie(ada)}"}
    thief = people(site)
    before = await thief.get("/account", headers=stolen)

    await ada.post("/logout")
    after = await thief.get("/account", headers=stolen)

    assert before.url == f"{site.base}/account"
    assert after.url.startswith(f"{site.base}/login")
    assert await count(site, "sessions", MINE, email=ada.email) == 0


async def test_other_browsers_stay_signed_in(
    site: Site, ada: Person, people: Callable[..., Person]
) -> None:
    phone = people(site, ada.email)
    await phone.log_in()

    await ada.post("/logout")

    assert (await phone.get("/account")).url == f"{site.base}/account"


async def test_it_can_be_done_twice(ada: Person) -> None:
    await ada.post("/logout")

    assert (await ada.post("/logout")).status == 200


async def test_a_link_or_another_site_logs_nobody_out(ada: Person) -> None:
    """S080"""
    linked = await ada.get("/logout")
    foreign = await ada.post("/logout", headers={"Origin": "https://example.com",
                                                 "Sec-Fetch-Site": "cross-site"})  # fmt: skip

    assert linked.status == 405
    assert foreign.status == 403
    assert (await ada.get("/account")).url == f"{ada.base}/account"


async def test_pages_are_kept_by_no_cache(ada: Person) -> None:
    """S059: the back button shows nothing private."""
    for path in ("/", "/account", "/conversations"):
        page = await ada.get(path)
        assert page.headers["Cache-Control"] == "no-store"
        assert "Cookie" in page.headers["Vary"]


async def test_s059_the_browser_keeps_no_files_after_it(ada: Person) -> None:
    """They are private and may be kept for a year: what is kept is asked for with the cookie."""
    brought = await uploaded(ada, "a.txt", b"rhinoceros")
    file = await ada.get(f"/attachments/{brought}")

    gone = await ask(ada, "POST", "/logout")

    assert file.headers["Cache-Control"].startswith("private")
    assert file.headers["Vary"] == "Cookie"
    assert gone.headers["Clear-Site-Data"] == '"cache"'
    assert (await ada.get(f"/attachments/{brought}")).url.startswith(f"{ada.base}/login")
