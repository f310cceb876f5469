"""From the settings to a database that is ready."""

from collections.abc import Iterator
from contextlib import contextmanager

from chat.db.database import Database
from chat.settings import BadSettings, Settings


async def connect(settings: Settings, *, serving: bool = False) -> Database:
    """The migrated database of these settings; BadSettings when it cannot be used.

    `serving`: this process is to write replies, and other processes are to know of it.
    """
    if not settings.postgres:
        from chat.db.sqlite import SQLite  # only the driver that is needed is imported

        return await SQLite.open(settings.database_file)
    with needing_driver():
        from chat.db.postgres import Postgres
    found = await Postgres.open(settings.database_url)
    if serving:
        await found.join()
    return found


@contextmanager
def needing_driver() -> Iterator[None]:
    """Around the import of what needs PostgreSQL's driver; BadSettings when that is missing."""
    try:
        yield
    except ImportError as error:
        raise BadSettings(["DATABASE_URL: PostgreSQL needs asyncpg: make postgres."]) from error
