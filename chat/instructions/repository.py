"""Instructions in the database. Every query is scoped by account_id.

Replies keep no copy of what they were asked with: it can be 20,000 characters, the same for each.
"""

from functools import reduce

from chat.db.database import Database
from chat.db.queries import load_queries
from chat.errors import NotFound
from chat.instructions.domain import Instructions

SQL = load_queries("instructions")


class InstructionRepository:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def of_account(self, account_id: str) -> Instructions:
        rows = await self._db.all(SQL["of_account"], account_id=account_id)
        return Instructions(**rows[0]) if rows else Instructions()

    async def of_conversation(self, conversation_id: str, account_id: str) -> Instructions:
        rows = await self._db.all(
            SQL["of_conversation"], conversation_id=conversation_id, account_id=account_id
        )
        return Instructions(**rows[0]) if rows else Instructions()

    async def of_both(self, conversation_id: str, account_id: str) -> Instructions:
        """What a reply is asked with now: the account's, then the conversation's."""
        rows = await self._db.all(
            SQL["of_both"], conversation_id=conversation_id, account_id=account_id
        )
        found = [Instructions(row["system"], row["temperature"], row["max_output"]) for row in rows]
        return reduce(Instructions.followed_by, found, Instructions())

    async def save_of_account(self, account_id: str, told: Instructions) -> None:
        await self._db.run(SQL["save_of_account"], account_id=account_id, **values(told))

    async def save_of_conversation(
        self, conversation_id: str, account_id: str, told: Instructions
    ) -> None:
        """NotFound when it is not theirs."""
        ids = {"conversation_id": conversation_id, "account_id": account_id}
        if not await self._db.run(SQL["save_of_conversation"], **ids, **values(told)):
            raise NotFound


def values(told: Instructions) -> dict[str, object]:
    """The three columns."""
    return {
        "system": told.system,
        "temperature": told.temperature,
        "max_output": told.max_output,
    }
