"""Replies in the database as their writer keeps them: appended to in chunks, ended once."""

from collections.abc import Sequence
from dataclasses import dataclass

from chat.db.database import Database
from chat.replies.domain import Ending
from chat.replies.repository import SQL


@dataclass(frozen=True, slots=True)
class Chunk:
    """`seq` counts from 1 within a reply."""

    reply_id: str
    epoch: int
    seq: int
    body: str


class WritingRepository:
    """Every write carries the owner's epoch: a stale one changes nothing."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def append(self, chunks: Sequence[Chunk]) -> None:
        """The new text of many replies in one transaction; of a lost one nothing is written."""
        rows = [
            {"id": chunk.reply_id, "epoch": chunk.epoch, "seq": chunk.seq, "body": chunk.body}
            for chunk in chunks
        ]
        begun = [{"id": row["id"], "epoch": row["epoch"]} for row in rows if row["seq"] == 1]
        async with self._db.transaction() as tx:
            await tx.many(SQL["append"], rows)
            if begun:
                await tx.many(SQL["streaming"], begun)

    async def end(
        self, reply_id: str, epoch: int, text: str, html: str, ending: Ending, now: int
    ) -> bool:
        """The final text, its HTML, usage and state in one transaction.

        False, and nothing written, when the reply is not this owner's any more.
        """
        async with self._db.transaction() as tx:
            ended = await tx.all(
                SQL["end"],
                id=reply_id,
                epoch=epoch,
                state=ending.state,
                reason=ending.reason,
                input_tokens=ending.usage.input,
                output_tokens=ending.usage.output,
                cached_tokens=ending.usage.cached,
                reasoning_tokens=ending.usage.reasoning,
                now=now,
                raise_epoch=int(ending.state == "interrupted"),
            )
            if ended:
                await tx.run(SQL["keep_text"], id=reply_id, text=text, html=html)
                await tx.run(SQL["drop_chunks"], id=reply_id)
        return bool(ended)

    async def unfinished(self) -> list[tuple[str, int]]:
        """(reply id, epoch) of everything pending or streaming, whoever writes it."""
        return [(row["id"], row["epoch"]) for row in await self._db.all(SQL["unfinished"])]

    async def text_so_far(self, reply_id: str) -> str:
        return "".join(row["body"] for row in await self._db.all(SQL["parts"], id=reply_id))
