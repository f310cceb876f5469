"""Presets in the database. Every query is scoped by account_id."""

import secrets
from typing import Any

from chat.db.database import Database, Row, Statements, Transaction
from chat.db.queries import load_queries
from chat.errors import Conflict, NotFound
from chat.instructions.domain import Instructions, Preset
from chat.instructions.repository import values

SQL = load_queries("presets")
MOST = 50  # of one account


class PresetRepository:
    """ "Not yours" and "not there" look the same: NotFound."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def all(self, account_id: str) -> list[Preset]:
        """Oldest first."""
        rows = await self._db.all(SQL["all"], account_id=account_id)
        return [_preset(**row) for row in rows]

    async def named(self, account_id: str) -> list[Row]:
        """Only `id` and `name` of each, oldest first."""
        return list(await self._db.all(SQL["named"], account_id=account_id))

    async def get(self, preset_id: str, account_id: str) -> Preset:
        return _preset(**await self._db.one(SQL["get"], id=preset_id, account_id=account_id))

    async def add(
        self, account_id: str, name: str, model: str, told: Instructions, now: int
    ) -> None:
        """Conflict when there are too many already."""

        async def add(tx: Transaction) -> None:
            await tx.lock(f"presets {account_id}")
            if len(await tx.all(SQL["named"], account_id=account_id)) >= MOST:
                raise Conflict(
                    "An account has at most %(most)s presets. Delete one first.", most=MOST
                )
            await tx.run(
                SQL["add"],
                id=secrets.token_hex(16),
                account_id=account_id,
                name=name,
                model=model,
                now=now,
                **values(told),
            )

        await self._db.transaction(add)

    async def change(self, preset: Preset, account_id: str) -> None:
        await self._db.one(
            SQL["change"],
            id=preset.id,
            account_id=account_id,
            name=preset.name,
            model=preset.model,
            **values(preset.instructions),
        )

    async def delete(self, preset_id: str, account_id: str) -> None:
        await self._db.one(SQL["delete"], id=preset_id, account_id=account_id)


async def copy_preset(
    tx: Statements, preset_id: str, conversation_id: str, account_id: str
) -> None:
    """A new conversation's instructions are what the preset says now, whatever becomes of it."""
    ids = {"preset_id": preset_id, "account_id": account_id}
    if not await tx.run(SQL["copy"], conversation_id=conversation_id, **ids):
        raise NotFound("This preset does not exist any more. Begin a conversation without it.")


def _preset(id: str, name: str, model: str, **told: Any) -> Preset:
    return Preset(id, name, model, Instructions(**told))
