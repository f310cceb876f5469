"""From the settings to a database that is ready."""

from chat.db.database import Database
from chat.settings import BadSettings, Settings


async def connect(settings: Settings, *, serving: bool = False) -> Database:
    """The migrated database of these settings; BadSettings when it cannot be used.

    `serving`: this process is to write replies, and other processes are to know of it.
    """
    if not settings.postgres:
        from chat.db.sqlite import SQLite  # only the driver that is needed is imported

        return await SQLite.open(settings.database_file)
    try:
        from chat.db.postgres import Postgres
    except ImportError as error:
        raise BadSettings(["DATABASE_URL: PostgreSQL needs asyncpg: make postgres."]) from error
    found = await Postgres.open(settings.database_url)
    if serving:
        await found.join()
    return found
