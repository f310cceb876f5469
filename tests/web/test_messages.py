"""Every visible sentence is translated, and says its values."""

import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from tests import messages
from tests.people import PASSWORD, Person

PLACE = re.compile(r"%\((\w+)\)s")
JINJA = re.compile(r"{#.*?#}|{%.*?%}|{{.*?}}", re.DOTALL)
ATTRIBUTES = ("title", "alt", "placeholder", "aria-label", "aria-description", "label")
PORTUGUESE = {"Accept-Language": "pt-BR,pt;q=0.9"}


@pytest.mark.parametrize("language", messages.languages())
def test_the_catalogue_is_complete(language: str) -> None:
    translated = {_key(message.id): message.string for message in messages.read(language)}
    for message in messages.found():
        key = _key(message.id)
        if key:
            string = translated.get(key)
            assert string, f"{language} lacks {key!r}: run `make messages` and translate"
            forms = [string] if isinstance(string, str) else list(string)
            assert all(forms), f"{language} lacks a form of {key!r}"
            wanted = set(PLACE.findall(key if isinstance(key, str) else key[-1]))
            assert set(PLACE.findall(forms[-1])) == wanted, f"{language}: {key!r}"


@pytest.mark.parametrize("language", messages.languages())
def test_the_catalogue_holds_nothing_that_is_gone(language: str) -> None:
    wanted = {_key(message.id) for message in messages.found()}
    kept = {_key(message.id) for message in messages.read(language)}
    assert kept <= wanted, f"gone: {kept - wanted}: run `make messages`"


@pytest.mark.parametrize("path", sorted(Path("templates").rglob("*.html")), ids=str)
def test_a_template_says_nothing_but_through_the_catalogues(path: Path) -> None:
    html = BeautifulSoup(JINJA.sub("", path.read_text("utf-8")), "html.parser")
    said = list(html.stripped_strings)
    said += [str(tag[name]) for name in ATTRIBUTES for tag in html.select(f"[{name}]")]
    words = {word for text in said for word in re.findall(r"[^\W\d_]+", text)}
    assert words <= {"Prosa"}


async def test_the_browser_chooses_the_language(ada: Person) -> None:
    page = await ada.get("/conversations", headers=PORTUGUESE)

    assert page.one("html")["lang"] == "pt-BR"
    assert page.words("h1") == "Conversas"
    english = await ada.get("/conversations", headers={"Accept-Language": "en"})
    assert english.one("html")["lang"] == "en"
    assert english.words("h1") == "Conversations"


async def test_the_account_chooses_over_the_browser(ada: Person) -> None:
    await ada.post("/account", {"language": "pt-BR", "theme": ""})
    page = await ada.get("/conversations", headers={"Accept-Language": "en"})

    assert page.one("html")["lang"] == "pt-BR"
    assert page.words("h1") == "Conversas"


async def test_a_refusal_says_its_values_in_the_readers_language(ada: Person) -> None:
    form = {"current": PASSWORD, "password": "short"}
    page = await ada.post("/account/password", form, headers=PORTUGUESE)

    assert page.status == 422
    assert page.words(".problem") == "A senha precisa ter pelo menos 10 caracteres."


def _key(ident: str | list[str] | tuple[str, ...]) -> str | tuple[str, ...]:
    return ident if isinstance(ident, str) else tuple(ident)
