"""The reader's language: chosen on the account, else by the browser's Accept-Language."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from babel.core import Locale
from babel.messages.pofile import read_po
from quart import g, has_request_context, request

FOLDER = Path(__file__).parent / "translations"
LANGUAGES = {"en": "English", "pt-BR": "Português (Brasil)"}


def language() -> str:
    """The tag of the language this request is answered in."""
    if not has_request_context():
        return "en"
    if "language" not in g:
        g.language = request.accept_languages.best_match(LANGUAGES, "en")
    return str(g.language)


def use_language(tag: str) -> None:
    """What the account chose; an empty or unknown tag leaves it to the browser."""
    if tag in LANGUAGES:
        g.language = tag


def locale() -> Locale:
    return Locale.parse(language(), sep="-")


def gettext(message: str, **values: object) -> str:
    text = _catalogue(language()).get(message, message)
    return text % values if values else text


def N_(message: str) -> str:
    """Marks a sentence for the catalogues; it is translated where it is shown."""
    return message


def ngettext(singular: str, plural: str, count: int, **values: object) -> str:
    form = singular if count == 1 else plural
    return gettext(form, num=count, **values)


@cache
def _catalogue(tag: str) -> Mapping[str, str]:
    path = FOLDER / f"{tag.replace('-', '_')}.po"
    if not path.exists():
        return {}
    found: dict[str, str] = {}
    with path.open("rb") as file:
        for entry in read_po(file):
            if entry.id and entry.string and not entry.fuzzy:
                pairs = zip(_forms(entry.id), _forms(entry.string), strict=True)
                found.update((source, target) for source, target in pairs if target)
    return found


def _forms(text: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)
