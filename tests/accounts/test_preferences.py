"""Language and theme: by the browser, or chosen."""

from collections.abc import Callable

import pytest

from tests.people import Person
from tests.rows import rows
from tests.site import Site


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("en", "en"),
        ("pt-BR", "pt-BR"),
        ("pt-br,pt;q=0.9", "pt-BR"),
        ("pt", "pt-BR"),
        ("de,pt-BR;q=0.7,en;q=0.3", "pt-BR"),
        ("en,pt-BR;q=0.5", "en"),
        ("zz", "en"),
        ("*", "en"),
        (";;;q=x,,", "en"),
    ],
)
async def test_the_browser_s_language_is_spoken(
    site: Site, people: Callable[..., Person], accepted: str, language: str
) -> None:
    page = await people(site).get("/login", headers={"Accept-Language": accepted})

    assert page.one("html")["lang"] == language
    assert page.words("form button") == ("Entrar" if language == "pt-BR" else "Log in")


async def test_a_chosen_language_goes_before_the_browser_s(ada: Person) -> None:
    english = {"Accept-Language": "en"}
    page = await ada.post("/account", {"language": "pt-BR", "theme": ""}, headers=english)
    other = await ada.get("/", headers=english)

    assert page.one("html")["lang"] == other.one("html")["lang"] == "pt-BR"
    assert page.one("select[name=language] option[selected]")["value"] == "pt-BR"


async def test_the_choice_can_be_left_to_the_browser_again(ada: Person) -> None:
    await ada.post("/account", {"language": "pt-BR", "theme": ""})
    await ada.post("/account", {"language": "", "theme": ""})

    page = await ada.get("/account", headers={"Accept-Language": "en"})

    assert page.one("html")["lang"] == "en"


async def test_refusals_speak_it_too(ada: Person) -> None:
    await ada.post("/account", {"language": "pt-BR", "theme": ""})

    page, notice = await ada.get("/conversations/nowhere"), await ada.send("")

    assert page.one("html")["lang"] == "pt-BR"
    assert "This page does not exist" not in page.text
    assert notice.words(".notice") != "Type a message first."


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_a_chosen_theme_is_on_every_page(ada: Person, theme: str) -> None:
    await ada.post("/account", {"language": "", "theme": theme})

    for path in ("/", "/account", "/conversations", "/conversations/nowhere"):
        page = await ada.get(path)
        assert page.one("html")["data-theme"] == theme
        assert page.one("meta[name=color-scheme]")["content"] == theme


async def test_without_a_choice_the_system_decides(ada: Person) -> None:
    page = await ada.get("/")

    assert "data-theme" not in page.one("html").attrs
    assert page.one("meta[name=color-scheme]")["content"] == "light dark"


@pytest.mark.parametrize(
    "form",
    [
        {"language": "xx", "theme": ""},
        {"language": "", "theme": "pink"},
        {"language": '"><script>', "theme": "dark"},
        {"language": "../../etc/passwd", "theme": "dark"},
    ],
)
async def test_what_is_not_offered_is_refused(
    site: Site, ada: Person, form: dict[str, str]
) -> None:
    refused = await ada.post("/account", form)

    assert refused.status == 422
    sql = "SELECT language, theme FROM accounts WHERE email = :email"
    assert await rows(site, sql, email=ada.email) == [{"language": "", "theme": ""}]
