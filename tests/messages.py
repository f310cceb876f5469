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
    **dict.fromkeys(("Invalid", "Conflict", "Forbidden", "OverLimit", "Unavailable")),
}
JINJA = {"trim_blocks": "true", "lstrip_blocks": "true", "newstyle_gettext": "false"}


def found() -> Catalog:
    """Every sentence that people can see, with the files it is in."""
    catalog = Catalog(project="Prosa", charset="utf-8")
    for path in sorted([*Path("chat").rglob("*.py"), *Path("templates").rglob("*.html")]):
        method = "python" if path.suffix == ".py" else "jinja2"
        for _, message, _, context in _extracted(method, path):
            catalog.add(message, locations=[(path.as_posix(), 0)], context=context)
    for sentence in sorted({*notes(), NotFound().message}):
        catalog.add(sentence, locations=[("chat", 0)])
    return catalog


def notes() -> set[str]:
    """What models are good for: said by the providers, which know no translations."""
    return {*known.NOTES.values(), guide.MODEL.note, embedded.SMOLLM2.note}


def languages() -> list[str]:
    return [tag.replace("-", "_") for tag in LANGUAGES if tag != "en"]


def read(language: str) -> Catalog:
    path = FOLDER / f"{language}.po"
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def main() -> int:
    for language in languages():
        catalog = read(language)
        catalog.update(found(), no_fuzzy_matching=True, update_header_comment=False)
        catalog.obsolete.clear()
        out = BytesIO()
        write_po(out, catalog, width=100, include_lineno=False, omit_header=False, sort_output=True)
        (FOLDER / f"{language}.po").write_bytes(out.getvalue())
        missing = sum(1 for message in catalog if message.id and not any(_forms(message.string)))
        print(f"{language}: {len(catalog)} sentences, {missing} to translate")
    return 0


def _extracted(method: str, path: Path) -> Iterator[tuple[Any, Any, Any, Any]]:
    options = JINJA if method == "jinja2" else {}
    with path.open("rb") as file:
        yield from extract(method, file, keywords=KEYWORDS, options=options)


def _forms(text: object) -> tuple[str, ...]:
    return tuple(text) if isinstance(text, list | tuple) else (str(text or ""),)


if __name__ == "__main__":
    sys.exit(main())
