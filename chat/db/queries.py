"""Reads `sql/queries`: one file per feature, one name per question, for both databases."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "sql" / "queries"
_NAME = re.compile(r"^-- name: (\w+)( \(quick\))?\n", re.MULTILINE)
_COMMENT = re.compile(r"--.*")
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")
_INTEGER = re.compile(r"\bINTEGER\b")


@dataclass(frozen=True, slots=True)
class Query:
    """One statement. `names`: its parameters in the order of their first appearance.

    `text` has them as `:name`, for SQLite; `postgres` as `$1`, `$2`, … in the order of `names`.
    With `columns` PostgreSQL takes many rows at once, each parameter as an array of texts. `quick`:
    finds a few rows by their keys, so that SQLite answers it on the event loop, without a thread.
    """

    name: str
    text: str
    names: tuple[str, ...]
    writes: bool
    postgres: str
    columns: bool
    quick: bool = False


def load_queries(feature: str) -> dict[str, Query]:
    """The statements of `sql/queries/<feature>.sql` by name.

    A name that `<feature>.postgres.sql` has too is what PostgreSQL is asked in its place.
    """
    shared, other = _sources(f"{feature}.sql"), _sources(f"{feature}.postgres.sql")
    if unknown := other.keys() - shared.keys():
        raise ValueError(f"{feature}.postgres.sql replaces nothing: {', '.join(sorted(unknown))}")
    return {
        name: query(name, text, other.get(name, (text, quick))[0], quick=quick)
        for name, (text, quick) in shared.items()
    }


def query(name: str, source: str, postgres: str = "", *, quick: bool = False) -> Query:
    """A statement; `postgres` is what PostgreSQL is asked, where that differs."""
    text = _bare(source)
    names = tuple(dict.fromkeys(_PARAMETER.findall(text)))
    theirs = _bare(postgres or source)
    if set(names) != set(_PARAMETER.findall(theirs)):
        raise ValueError(f"{name} takes other parameters on PostgreSQL")
    return Query(
        name=name,
        text=text,
        names=names,
        writes=not text.upper().startswith(("SELECT", "WITH")),
        postgres=_numbered(theirs, names),
        columns="[]" in theirs,
        quick=quick,
    )


def _sources(file: str) -> dict[str, tuple[str, bool]]:
    """Each statement by its name, and whether it is marked as quick."""
    path = FOLDER / file
    if not path.exists():
        return {}
    parts = _NAME.split(path.read_text(encoding="utf-8"))
    names = parts[1::3]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"{file} names twice: {', '.join(sorted(doubled))}")
    statements = zip(parts[3::3], map(bool, parts[2::3]), strict=True)
    return dict(zip(names, statements, strict=True))


def _bare(source: str) -> str:
    return _COMMENT.sub("", source).strip().removesuffix(";")


def _numbered(text: str, names: Sequence[str]) -> str:
    """INTEGER has 64 bits in SQLite and 32 in PostgreSQL, where BIGINT is meant."""
    text = _INTEGER.sub("BIGINT", text)
    return _PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", text)
