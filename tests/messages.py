"""Updates the message catalogues from the sources. `python -m tests.messages` (make messages)"""

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from chat.errors import NotFound
from chat.providers import embedded, guide, known
from chat.web.i18n import FOLDER, LANGUAGES

KEYWORDS: dict[str, Any] = {
    "_": None,
    "gettext": None,
    "N_": None,
    "ngettext": (1, 2),
    "count": (4,),  # Throttle.count's last argument
    **dict.fromkeys(
        "Invalid NotFound FileGone Conflict Forbidden OverLimit TooLarge Unavailable".split()
    ),
}
JINJA = {"trim_blocks": "true", "lstrip_blocks": "true", "newstyle_gettext": "false"}
# Babel's own header has dates and its version: the file would change without a change.
HEADER = """\
msgid ""
msgstr ""
"Language: {language}\\n"
"Plural-Forms: {plural_forms};\\n"
"Content-Type: text/plain; charset=utf-8\\n"

"""


def found(language: str = "en") -> Catalog:
    """Every sentence that people can see, with the files it is in."""
    catalog = Catalog(language)
    for path in sorted([*Path("chat").rglob("*.py"), *Path("templates").rglob("*.html")]):
        for message in _extracted(path):
            catalog.add(message, locations=[(path.as_posix(), 0)])
    for sentence in sorted({*of_providers(), NotFound().message}):
        catalog.add(sentence, locations=[("chat", 0)])
    return catalog


def of_providers() -> set[str]:
    """Names and notes in the list of models: the providers know no translations."""
    labels = {embedded.LABEL, guide.LABEL, guide.MODEL.name}
    return {*labels, *known.NOTES.values(), guide.MODEL.note, embedded.SMOLLM2.note}


def languages() -> list[str]:
    return [tag.replace("-", "_") for tag in LANGUAGES if tag != "en"]


def read(language: str) -> Catalog:
    path = FOLDER / f"{language}.po"
    if not path.exists():
        return Catalog(language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def updated(language: str) -> Catalog:
    """What is found now, with the translations that are there."""
    before, now = read(language), found(language)
    for message in now:
        if message.id and (known := before.get(message.id)):
            message.string = known.string
    return now


def main() -> int:
    for language in languages():
        catalog = updated(language)
        (FOLDER / f"{language}.po").write_bytes(_written(catalog))
        missing = sum(1 for message in catalog if message.id and not all(_forms(message.string)))
        print(f"{language}: {len(catalog)} sentences, {missing} to translate")
    return 0


def _written(catalog: Catalog) -> bytes:
    out = BytesIO()
    write_po(out, catalog, width=100, include_lineno=False, omit_header=True, sort_output=True)
    header = HEADER.format(language=catalog.locale, plural_forms=catalog.plural_forms.rstrip(";"))
    return header.encode() + out.getvalue()


def _extracted(path: Path) -> Iterator[Any]:
    """Sentences of one file: a string each, or (singular, plural)."""
    method, options = ("python", {}) if path.suffix == ".py" else ("jinja2", JINJA)
    with path.open("rb") as file:
        for _, message, _, _ in extract(method, file, keywords=KEYWORDS, options=options):
            yield message


def _forms(text: object) -> tuple[str, ...]:
    return tuple(text) if isinstance(text, list | tuple) else (str(text or ""),)


if __name__ == "__main__":
    sys.exit(main())
