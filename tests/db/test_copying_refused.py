"""What cannot be copied is refused in one line, and nothing is touched."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from chat.db.ends import TABLES, shown
from chat.db.migrations import migrations
from chat.db.queries import query
from tests.databases import Installer
from tests.places import Place, Places, copied, told
from tests.test_commands import refused


@pytest.fixture
async def small(place: Places, request: pytest.FixtureRequest) -> Place:
    """An installation without anybody."""
    found = await place(request.param)
    async with found.open():
        pass
    return found


KINDS = pytest.mark.parametrize("small", ["sqlite", "postgres"], indirect=True)
LATER = {
    "sqlite": "PRAGMA user_version = {}",
    "postgres": "UPDATE schema_version SET version = {}",
}


@KINDS
@pytest.mark.parametrize(("version", "advice"), [(1, "migrate it first."), (99, "update it.")])
async def test_a_database_of_another_version_is_refused_and_left_alone(
    small: Place, version: int, advice: str, tmp_path: Path
) -> None:
    await small.execute(LATER[small.kind].format(version))
    new = Place("sqlite", f"sqlite:///{tmp_path}/new/chat.db", {})

    line = refused(await copied(small, new, tmp_path))

    assert f"is of version {version}, this program of" in line
    assert line.endswith(advice)
    assert not (tmp_path / "new").exists()
    await small.execute(LATER[small.kind].format(len(migrations())))
    assert told(await copied(small, new, tmp_path))["messages"][0] == 0


@KINDS
async def test_nothing_is_added_to_what_is_there(
    small: Place, place: Places, tmp_path: Path
) -> None:
    await small.execute("INSERT INTO throttles (key, started_at, count) VALUES ('k', 1, 1)")
    before = await small.rows()

    assert "is not empty" in refused(await copied(await opened(place), small, tmp_path))
    assert await small.rows() == before


async def opened(place: Places) -> Place:
    found = await place("sqlite")
    async with found.open():
        pass
    return found


@KINDS
async def test_nobody_copies_what_is_being_served(
    small: Place, place: Places, tmp_path: Path
) -> None:
    other = await opened(place)
    async with Installer().running(tmp_path / "run", small.settings):
        assert "Another Prosa serves" in refused(await copied(small, other, tmp_path))
        assert "Another Prosa serves" in refused(await copied(other, small, tmp_path))
    assert told(await copied(small, other, tmp_path)), "as soon as it is stopped"


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("{folder}/none.db", "There is no database {folder}/none.db."),
        ("sqlite:///", "An address of a database begins with sqlite:/// or postgresql://."),
        (
            "mysql://u:hidden@h/d",
            "An address of a database begins with sqlite:/// or postgresql://.",
        ),
        (
            "{folder}/text.db",
            "The database {folder}/text.db cannot be used: file is not a database.",
        ),
        ("{folder}/empty.db", "{folder}/empty.db is no database of Prosa."),
        ("postgresql://u:hid/den@127.0.0.1:1/d", "The address of PostgreSQL makes no sense."),
        ("postgresql://u:hidden@127.0.0.1:x/d", "The address of 127.0.0.1/d makes no sense."),
    ],
)
async def test_an_address_that_leads_nowhere_is_one_line(
    given: str, line: str, tmp_path: Path
) -> None:
    (tmp_path / "text.db").write_text("This is a text of some length. " * 100)
    (tmp_path / "empty.db").touch()
    new = Place("sqlite", f"sqlite:///{tmp_path}/new/chat.db", {})

    done = await copied(Place("", given.format(folder=tmp_path), {}), new, tmp_path)

    assert refused(done) == line.format(folder=tmp_path)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("start_of", ["u:hidden@127.0.0.1:1", "u@127.0.0.1:1"])
async def test_a_server_that_is_away_is_one_line_without_a_password(
    start_of: str, tmp_path: Path, place: Places
) -> None:
    gone = Place("postgres", f"postgresql://{start_of}/chat?password=hidden", {})
    other = await opened(place)

    for done in (await copied(gone, other, tmp_path), await copied(other, gone, tmp_path)):
        line = refused(done)
        assert line.startswith("The database 127.0.0.1/chat cannot be used: ")
        assert "hidden" not in line


def test_a_password_that_is_not_quoted_is_not_shown() -> None:
    for url in ("hid/den@host/chat", "hid#den@host/chat", "hid?den@host/chat", "hid@den@host/chat"):
        assert "d" not in shown(f"postgresql://u:{url}").removeprefix("PostgreSQL")


def sqlite_schema(path: Path) -> dict[str, tuple[list[str], list[str], set[str]]]:
    """By table: its columns, its key, and the tables that it refers to."""
    with closing(sqlite3.connect(path)) as db:
        names = [
            row[0]
            for row in db.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            )
        ]
        found = {}
        for name in names:
            columns = db.execute(f"PRAGMA table_info({name})").fetchall()
            key = [column[1] for column in sorted(columns, key=lambda c: c[5]) if column[5]]
            refers = {row[2] for row in db.execute(f"PRAGMA foreign_key_list({name})")}
            found[name] = ([column[1] for column in columns], key, refers)
    return found


async def test_the_tables_of_a_copy_are_those_of_both_schemas(place: Places) -> None:
    """Whoever adds a table says here whether and in which order it is copied."""
    lite, large = await opened(place), await place("postgres")
    schema = sqlite_schema(Path(lite.address.removeprefix("sqlite:///")))
    assert {table.name for table in TABLES} == schema.keys() - {"workers"}
    for number, table in enumerate(TABLES):
        columns, key, refers = schema[table.name]
        assert list(table.key) == key
        assert set(table.blank) <= set(columns)
        assert refers <= {before.name for before in TABLES[:number]}

    async with large.open() as db:
        sql = """SELECT table_name, column_name FROM information_schema.columns
                  WHERE table_schema = current_schema()"""
        rows = await db.all(query("test", sql))
    there: dict[str, set[str]] = {}
    for row in rows:
        there.setdefault(row["table_name"], set()).add(row["column_name"])
    assert there.pop("schema_version") == {"version"}
    assert there == {name: set(columns) for name, (columns, _, _) in schema.items()}
