"""Replies in the database as their writer keeps them: appended to in chunks, ended once."""

from collections.abc import Sequence
from dataclasses import dataclass

from chat.accounts.domain import DAY
from chat.billing.allowance import settle
from chat.conversations.repository import LONGEST_HISTORY
from chat.db.database import Database, Transaction
from chat.db.queries import load_queries
from chat.providers.domain import Price
from chat.replies import notes
from chat.replies.admission import SQL
from chat.replies.domain import Chunk, Ending

WORKERS = load_queries("workers")


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A reply that a process has to write. `stop_asked`: somebody wants it to end."""

    reply_id: str
    epoch: int
    stop_asked: bool


@dataclass(frozen=True, slots=True)
class Writer:
    """A process that has replies to write; `beat` counts up as long as it lives."""

    worker: int
    beat: int
    connected: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a reply is.

    `parts`: (number, text, thoughts); number 0 is what it had when it was gone on with.
    """

    running: bool
    epoch: int
    parts: list[tuple[int, str, str]]


@dataclass(frozen=True, slots=True)
class Left:
    """What a reply was asked with: `texts` of its prompt, newest first, at most; its price then."""

    model: str
    price: Price | None
    texts: list[str]


class WritingRepository:
    """Every write carries the owner's epoch: a stale one changes nothing."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def append(self, chunks: Sequence[Chunk]) -> None:
        """The new text of many replies in one transaction; of a lost one nothing is written."""
        rows = [
            {
                "id": chunk.reply_id,
                "epoch": chunk.epoch,
                "seq": chunk.seq,
                "body": chunk.body,
                "thought": chunk.thought,
            }
            for chunk in chunks
        ]
        begun = [{"id": row["id"], "epoch": row["epoch"]} for row in rows if row["seq"] == 1]
        told = notes.of_chunks(chunks) if self._db.shared else []

        async def append(tx: Transaction) -> None:
            await tx.many(SQL["append"], rows)
            await tx.many(SQL["streaming"], begun)
            await tx.tell(told)

        if begun:
            await self._db.transaction(append)
        else:  # as nearly always, many times a second
            await self._db.many_and_tell(SQL["append"], rows, told)

    async def end(
        self, reply_id: str, epoch: int, text: str, html: str, ending: Ending, now: int
    ) -> bool:
        """The final text, its HTML, what it thought and used and its state in one transaction.

        What it had reserved is settled there, too.

        False, and nothing written, when the reply is not this owner's any more.
        """

        async def end(tx: Transaction) -> bool:
            ended = await tx.run(
                SQL["end"],
                id=reply_id,
                epoch=epoch,
                state=ending.state,
                reason=ending.reason,
                input_tokens=ending.spent.usage.input,
                output_tokens=ending.spent.usage.output,
                cached_tokens=ending.spent.usage.cached,
                reasoning_tokens=ending.spent.usage.reasoning,
                cost=ending.spent.cost,
                estimated=int(ending.spent.estimated),
                since=ending.since,
                asked=ending.asked,
                cut=int(ending.cut),
                reasoning=ending.thoughts.text,
                thought_ms=ending.thoughts.milliseconds,
                echo=ending.thoughts.echo,
                day=now // DAY,
                now=now,
                raise_epoch=int(ending.state == "interrupted"),
            )
            if ended:
                await tx.run(SQL["keep_text"], id=reply_id, text=text, html=html)
                await tx.run(SQL["drop_chunks"], id=reply_id)
                tokens = ending.spent.usage.output
                await settle(tx, reply_id, counted=ending.counted, tokens=tokens)
                await tx.tell([notes.of_end(reply_id)])
            return bool(ended)

        return await self._db.transaction(end)

    async def unfinished(self, worker: int) -> list[Unfinished]:
        """Everything pending or streaming that this process has to write."""
        rows = await self._db.all(SQL["unfinished"], worker=worker)
        return [Unfinished(row["id"], row["epoch"], bool(row["stop_asked"])) for row in rows]

    async def writers(self) -> list[Writer]:
        """The other processes that have replies to write."""
        rows = await self._db.all(WORKERS["writers"], worker=self._db.worker)
        return [Writer(row["worker"], row["beat"], bool(row["connected"])) for row in rows]

    async def claim(self, reply_id: str, epoch: int) -> int:
        """Takes a reply over from a process that is gone; answers the new epoch, 0 if too late."""
        rows = await self._db.all(SQL["claim"], id=reply_id, epoch=epoch, worker=self._db.worker)
        return int(rows[0]["epoch"]) if rows else 0

    async def left(self, reply_id: str) -> Left | None:
        """None when the reply is not there any more."""
        rows = await self._db.all(SQL["left"], id=reply_id, limit=LONGEST_HISTORY)
        if not rows:
            return None
        prices = [rows[0][name] for name in ("input_price", "cached_price", "output_price")]
        price = None if None in prices else Price(*prices)
        return Left(rows[0]["model"], price, [row["text"] for row in rows if row["text"]])

    async def ask_to_stop(self, reply_id: str, account_id: str) -> None:
        """Whoever writes the reply will end it, wherever that is."""

        async def ask(tx: Transaction) -> None:
            await tx.run(SQL["ask_to_stop"], id=reply_id, account_id=account_id)
            await tx.tell([notes.of_stop(reply_id)])

        await self._db.transaction(ask)

    async def progress(self, reply_id: str, after: int = -1) -> Progress:
        """What came after chunk `after`, -1 for everything; of a deleted one that it has ended."""
        rows = await self._db.all(SQL["progress"], id=reply_id, after=after)
        if not rows:
            return Progress(False, 0, [])
        parts = [
            (row["seq"], row["body"], row["thought"]) for row in rows if row["seq"] is not None
        ]
        return Progress(rows[0]["state"] in ("pending", "streaming"), rows[0]["epoch"], parts)
