"""The shelf of the catalogue: what endpoints listed last, a row for each."""

from chat.db.database import Database
from chat.db.queries import load_queries
from chat.providers.kept import KeptList

SQL = load_queries("model_lists")


class ModelLists:
    """A `Shelf`. Every process writes what it finds; the last one to find something else stays."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def lists(self) -> list[KeptList]:
        return [KeptList(**row) for row in await self._db.all(SQL["all"])]

    async def keep(self, kept: KeptList) -> None:
        values = {"endpoint": kept.endpoint, "label": kept.label, "models": kept.models}
        await self._db.run(SQL["keep"], **values)
