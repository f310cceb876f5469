"""From the settings to a database that is ready."""

from chat.db.database import Database
from chat.settings import BadSettings, Settings


async def connect(settings: Settings) -> Database:
    """The migrated database of these settings; BadSettings when it cannot be used."""
    if settings.postgres:
        raise BadSettings(["DATABASE_URL: this version does not speak PostgreSQL, only SQLite."])
    from chat.db.sqlite import SQLite  # only the driver that is needed is imported

    return await SQLite.open(settings.database_file)
