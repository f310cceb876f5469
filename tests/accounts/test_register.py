"""Somebody makes an account."""

import asyncio
from collections.abc import Callable

import pytest

from tests.conftest import SiteMaker
from tests.people import PASSWORD, Person
from tests.raw import post_bytes
from tests.rows import count, rows
from tests.site import Site


async def accounts_like(site: Site, part: str) -> int:
    return await count(site, "accounts", "email LIKE :p", p=f"%{part}%")


async def test_it_signs_in_and_leads_to_a_new_conversation(
    site: Site, people: Callable[..., Person]
) -> None:
    ada = people(site)

    page = await ada.register()

    assert page.url == f"{site.base}/"
    assert page.one("#composer textarea[name=text]")
    assert ada.email in page.words(".sidebar footer")


async def test_whoever_is_signed_in_already_has_one(ada: Person) -> None:
    assert (await ada.get("/register")).url == f"{ada.base}/"


@pytest.mark.parametrize(
    "email",
    ["", "ada", "@", "ada@", "@example.com", "a@b@c", "a b@example.com", "a@exam\tple.com",
     "a" * 250 + "@b.de", "\x00@", "a\u2028b@example.com", "x" * 5_000],
)  # fmt: skip
async def test_what_is_no_address_is_refused(
    site: Site, people: Callable[..., Person], email: str
) -> None:
    before = await count(site, "accounts")

    refused = await people(site).post("/register", {"email": email, "password": PASSWORD})

    assert refused.status == 422
    assert "does not look like an e-mail address" in refused.words(".problem")
    assert await count(site, "accounts") == before


@pytest.mark.parametrize(
    "variant",
    [
        "TWIN@EXAMPLE.COM",
        "  twin@example.com\t",
        "twin@example\x00.com",
        "ｔｗｉｎ@example.com",
        "twin@ExAmPlE.cOm\r\n",
    ],
)
async def test_every_way_of_typing_an_address_is_one_account(
    make_site: SiteMaker, people: Callable[..., Person], variant: str
) -> None:
    """S043"""
    site = await make_site()
    await people(site, "twin@example.com").register()

    taken = await people(site, variant).post(
        "/register", {"email": variant, "password": "another good password"}
    )
    known = await people(site, variant).log_in()

    assert taken.status == 422
    assert known.url == f"{site.base}/"
    assert await count(site, "accounts") == 1


async def test_a_dotless_i_is_another_letter(
    make_site: SiteMaker, people: Callable[..., Person]
) -> None:
    site = await make_site()

    for email in ("idil@example.com", "ıdıl@example.com"):
        assert (await people(site, email).register()).status == 200

    assert await count(site, "accounts") == 2


async def test_a_taken_address_is_not_given_away(
    site: Site, ada: Person, people: Callable[..., Person]
) -> None:
    """S037: nobody is told that it is the address and not the password."""
    form = {"email": ada.email, "password": "another good password"}

    refused = await people(site).post("/register", form)

    assert refused.status == 422
    assert refused.words(".problem") == (
        "This address and password cannot be used. If you have an account, log in."
    )
    assert refused.one("input[name=email]")["value"] == ada.email
    assert await accounts_like(site, ada.email) == 1
    assert (await people(site, ada.email).log_in()).url == f"{site.base}/"


async def test_who_signs_up_again_with_the_same_password_is_signed_in(
    site: Site, ada: Person, people: Callable[..., Person]
) -> None:
    again = await people(site, ada.email).register()

    assert again.url == f"{site.base}/"
    assert await accounts_like(site, ada.email) == 1


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("", "at least 10 characters"),
        ("ninechars", "at least 10 characters"),
        ("x" * 257, "at most 256 characters"),
        ("1234567890", "would guess this password"),
        ("Qwertyuiop", "would guess this password"),
        ("prosaprosa", "would guess this password"),
    ],
)
async def test_a_bad_password_is_refused_with_the_reason(
    site: Site, people: Callable[..., Person], password: str, words: str
) -> None:
    ada = people(site)

    refused = await ada.post("/register", {"email": ada.email, "password": password})

    assert refused.status == 422
    assert words in refused.words(".problem")
    assert refused.one("input[name=email]")["value"] == ada.email
    assert "value" not in refused.one("input[name=password]").attrs
    assert await accounts_like(site, ada.email) == 0


async def test_one_s_own_address_is_no_password(site: Site, people: Callable[..., Person]) -> None:
    for email, password in (
        ("somebody.long@example.com", "Somebody.Long@example.com"),
        ("somebody.long@example.com", "somebody.LONG"),
    ):
        refused = await people(site).post("/register", {"email": email, "password": password})
        assert refused.status == 422
    assert await accounts_like(site, "somebody.long") == 0


@pytest.mark.parametrize("password", ["x" * 60 + "é" * 196, " leading and trailing ", "🦫" * 10])
async def test_a_password_is_taken_as_it_is(
    site: Site, people: Callable[..., Person], password: str
) -> None:
    ada = people(site)
    await ada.post("/register", {"email": ada.email, "password": password})

    same = await people(site).post("/login", {"email": ada.email, "password": password})
    trimmed = await people(site).post("/login", {"email": ada.email, "password": password[:-1]})

    assert same.url == f"{site.base}/"
    assert trimmed.status == 422


async def test_only_a_hash_of_the_password_is_kept(site: Site, ada: Person) -> None:
    stored = (await rows(site, "SELECT * FROM accounts WHERE email = :e", e=ada.email))[0]

    assert stored["password"].startswith("v1$$2b$")
    assert PASSWORD not in "".join(map(str, stored.values()))


@pytest.mark.parametrize("mode", ["closed", "invited"])
async def test_it_is_refused_when_it_is_not_open(
    make_site: SiteMaker, people: Callable[..., Person], mode: str
) -> None:
    site = await make_site(SIGN_UP=mode)
    ada = people(site)

    refused = await ada.register()

    assert refused.status == 403
    assert "not open here" in refused.words(".problem")
    assert await count(site, "accounts") == 0
    assert (await ada.get("/account")).url.startswith(f"{site.base}/login")


async def test_one_address_makes_only_so_many(
    make_site: SiteMaker, people: Callable[..., Person]
) -> None:
    site = await make_site(LIMIT_SIGN_UPS="2", TRUSTED_PROXIES="1")
    for _ in range(2):
        assert (await people(site).register()).status == 200

    refused = await people(site).register()
    ada = people(site)
    form = {"email": ada.email, "password": PASSWORD}
    elsewhere = await ada.post("/register", form, headers={"X-Forwarded-For": "203.0.113.9"})

    assert refused.status == 429
    assert refused.one("[data-code]")["data-code"] == "too_many"
    assert 0 < int(refused.headers["Retry-After"]) <= 3_600
    assert elsewhere.status == 200
    assert await count(site, "accounts") == 3


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"email=a%40example.com",
        b"password=correct+horse+battery",
        b"email=%ED%A0%80%40example.com%40&password=correct+horse+battery",
        b"email[]=a%40example.com&password[]=correct+horse+battery",
        b"\xff\xfe",
    ],
)
async def test_a_form_without_its_fields_is_refused(
    site: Site, people: Callable[..., Person], body: bytes
) -> None:
    """S050"""
    assert (await post_bytes(people(site), "/register", body)).status == 422


async def test_two_at_once_with_one_address_make_one_account(
    site: Site, people: Callable[..., Person]
) -> None:
    ada = people(site)
    twin = people(site, ada.email)

    both = await asyncio.gather(ada.register(), twin.register())

    assert [page.status for page in both] == [200, 200]
    assert await accounts_like(site, ada.email) == 1
