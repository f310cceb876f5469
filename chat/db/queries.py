"""Reads `sql/queries`: one file per feature, one name per question."""

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "sql" / "queries"
_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_COMMENT = re.compile(r"--.*")
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")


@dataclass(frozen=True, slots=True)
class Query:
    """One statement. `names`: its parameters in the order of their first appearance."""

    name: str
    text: str
    names: tuple[str, ...]
    writes: bool


def load_queries(feature: str) -> dict[str, Query]:
    """The statements of `sql/queries/<feature>.sql` by name."""
    parts = _NAME.split((FOLDER / f"{feature}.sql").read_text(encoding="utf-8"))
    names = parts[1::2]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"{feature}.sql names twice: {', '.join(sorted(doubled))}")
    return {name: _query(name, text) for name, text in zip(names, parts[2::2], strict=True)}


def _query(name: str, source: str) -> Query:
    text = _COMMENT.sub("", source).strip().removesuffix(";")
    return Query(
        name=name,
        text=text,
        names=tuple(dict.fromkeys(_PARAMETER.findall(text))),
        writes=not text.upper().startswith(("SELECT", "WITH")),
    )
