"""The reader's language: chosen on the account, else by the browser's Accept-Language."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

from babel.core import Locale
from babel.messages.pofile import read_po
from quart import g, has_request_context, request

FOLDER = Path(__file__).parent / "translations"
_spoken_now: ContextVar[str] = ContextVar("language", default="")
LANGUAGES = {"en": "English", "pt-BR": "Português (Brasil)"}


def language() -> str:
    """The tag of the language this request is answered in, or that is spoken just now."""
    if tag := _spoken_now.get():
        return tag
    if not has_request_context():
        return "en"
    if "language" not in g:
        g.language = _spoken(tag for tag, worth in request.accept_languages if worth > 0)
    return str(g.language)


@contextmanager
def speaking(tag: str) -> Iterator[None]:
    """For what is made beside any request, or for others than who asks."""
    before = _spoken_now.set(tag)
    try:
        yield
    finally:
        _spoken_now.reset(before)


def _spoken(wanted: Iterable[str]) -> str:
    """The first of the reader's languages that we have, whatever its region."""
    ours = {tag.partition("-")[0]: tag for tag in LANGUAGES}
    known = (ours.get(tag.lower().partition("-")[0]) for tag in wanted)
    return next((tag for tag in known if tag), "en")


def use_language(tag: str) -> None:
    """What the account chose; an empty or unknown tag leaves it to the browser."""
    if tag in LANGUAGES:
        g.language = tag


def locale() -> Locale:
    return _locale(language())


def gettext(message: str, **values: object) -> str:
    text = _catalogue(language()).get(message, message)
    return text % values if values else text


def N_(message: str) -> str:
    """Marks a sentence for the catalogues; it is translated where it is shown."""
    return message


def ngettext(singular: str, plural: str, count: int, /, **values: object) -> str:
    form = singular if count == 1 else plural
    return gettext(form, num=count, **values)


@cache
def _locale(tag: str) -> Locale:
    return Locale.parse(tag, sep="-")


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
