"""Replies in the database as people ask for them: begun with their question, read, retried."""

from dataclasses import replace
from typing import cast

from chat.accounts.repository import SQL as ACCOUNTS
from chat.conversations.domain import Conversation, Message
from chat.conversations.repository import LONGEST_HISTORY
from chat.conversations.repository import SQL as CONVERSATIONS
from chat.db.database import Database, Statements, Transaction
from chat.errors import Conflict
from chat.providers.domain import Model
from chat.replies.admission import SQL, Limits, admit
from chat.replies.asking import asked, question_of, reply_to
from chat.replies.domain import End, Ending, Started
from chat.replies.storing import (
    Draft,
    add_conversation,
    add_message,
    leaf_beside,
    parent,
    placed_in,
    price_and_key,
    same_files,
    turn_to,
    with_files,
)


class ReplyRepository:
    """Every query is scoped by account_id: "not yours" and "not there" look the same."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def begin(
        self, draft: Draft, account_id: str, conversation_id: str, now: int, limits: Limits
    ) -> Started:
        """Stores the question and its pending replies, one for each model, in one transaction.

        An empty `conversation_id` begins a conversation. Errors: NotFound, Conflict (the key with
        another text, or a reply is still being written there), OverLimit, ModelNotInPlan.
        """

        async def begin(tx: Transaction) -> Started:
            await tx.lock(f"begin {account_id}")
            if draft.key and (known := await self._known(tx, draft, account_id, conversation_id)):
                return known
            reserved = await admit(tx, account_id, conversation_id, now, limits, draft.models)
            question, reply = asked(draft.text, draft.models, now)
            if conversation_id:
                row = await tx.one(SQL["conversation"], id=conversation_id, account_id=account_id)
                conversation = Conversation(**row)
                parent_id = await parent(tx, draft, conversation, account_id)
                question = replace(question, parent_id=parent_id)
            else:
                conversation = await add_conversation(tx, draft, account_id, now)
            await add_message(tx, conversation, question, account_id, draft.key or None)
            question = await with_files(tx, draft, question, account_id)
            # The first model's is stored last: a path through the question leads to the newest.
            for each, model in reversed(list(zip(reply.sides, draft.models, strict=True))):
                await self._add_reply(tx, conversation, each, account_id, model)
                await reserved.hold(tx, each.id, 1, model)
            conversation = await turn_to(tx, conversation, reply, account_id, now)
            await tx.run(ACCOUNTS["set_model"], account_id=account_id, model=draft.model.id)
            return Started(conversation, question, reply, fresh=True)

        return await self._db.transaction(begin)

    async def retry(
        self, reply_id: str, account_id: str, model: Model, now: int, limits: Limits
    ) -> Started:
        """One more answer to the same question: a sibling, shown instead. Errors as in `begin`.

        Of several side by side it takes the column of the old one, and the others stay.
        """

        async def retry(tx: Transaction) -> Started:
            await tx.lock(f"begin {account_id}")
            old, conversation = await placed_in(tx, reply_id, account_id)
            if old.running:
                raise Conflict("This answer is still being written. Stop it first.")
            reserved = await admit(
                tx, account_id, conversation.id, now, limits, [model], column=old
            )
            leaf = await leaf_beside(tx, conversation, old, account_id)
            reply = reply_to(old.parent_id or "", model, now, old.side)
            await self._add_reply(tx, conversation, reply, account_id, model)
            await reserved.hold(tx, reply.id, 1, model)
            after = await turn_to(tx, conversation, leaf or reply, account_id, now)
            return Started(after, old, reply, fresh=True)

        return await self._db.transaction(retry)

    async def resume(
        self, reply_id: str, account_id: str, model: Model, now: int, limits: Limits
    ) -> Started:
        """The same reply is written on, behind the text it has. Errors as in `begin`."""

        async def resume(tx: Transaction) -> Started:
            await tx.lock(f"begin {account_id}")
            old, conversation = await placed_in(tx, reply_id, account_id)
            if not (old.running or old.continuable):
                raise Conflict("There is nothing to continue here. Retry instead.")
            reserved = await admit(
                tx, account_id, conversation.id, now, limits, [model], column=old
            )
            if await tx.all(SQL["followed"], id=reply_id, account_id=account_id):
                raise Conflict("The conversation went on after this answer. Retry it instead.")
            row = await tx.one(
                SQL["resume"],
                id=reply_id,
                account_id=account_id,
                worker=self._db.worker,
                **price_and_key(model),
            )
            await reserved.hold(tx, old.id, row["epoch"], model)
            leaf = await leaf_beside(tx, conversation, old, account_id)
            after = await turn_to(tx, conversation, leaf or old, account_id, now)
            reply = replace(old, state="streaming", reason="")
            before = Ending(cast(End, old.state), old.reason)
            return Started(after, old, reply, fresh=True, epoch=row["epoch"], before=before)

        return await self._db.transaction(resume)

    async def get(self, reply_id: str, account_id: str) -> Message:
        return (await self.placed(reply_id, account_id))[0]

    async def placed(self, reply_id: str, account_id: str) -> tuple[Message, Conversation]:
        """A reply, and the conversation that it is in."""
        return await placed_in(self._db, reply_id, account_id)

    async def running(self, conversation_id: str, account_id: str) -> list[str]:
        """Ids of the replies that are being written in a conversation."""
        ids = {"conversation_id": conversation_id, "account_id": account_id}
        return [row["id"] for row in await self._db.all(SQL["running_in"], **ids)]

    async def history(self, started: Started, account_id: str) -> list[Message]:
        """What a reply's prompt is made of: the path above it, oldest first, and what it has."""
        rows = await self._db.all(
            CONVERSATIONS["path"],
            from_id=started.reply.id if started.before else started.reply.parent_id,
            conversation_id=started.conversation.id,
            account_id=account_id,
            limit=LONGEST_HISTORY,
            thoughts=0,
        )
        return [Message(**row) for row in rows]

    async def echoes(self, started: Started, account_id: str, longest: int) -> dict[str, str]:
        """What the model of a reply wants back of its own replies there, by their ids."""
        rows = await self._db.all(
            SQL["echoes"],
            conversation_id=started.conversation.id,
            account_id=account_id,
            model=started.reply.model,
            longest=longest,
            limit=LONGEST_HISTORY,
        )
        return {row["id"]: row["echo"] for row in rows}

    async def _add_reply(
        self,
        tx: Statements,
        conversation: Conversation,
        reply: Message,
        account_id: str,
        model: Model,
    ) -> None:
        await add_message(tx, conversation, reply, account_id, None)
        await tx.run(
            SQL["add_reply"],
            id=reply.id,
            conversation_id=conversation.id,
            account_id=account_id,
            model=model.id,
            model_name=model.name,
            worker=self._db.worker,
            now=reply.created_at,
            side=reply.side,
            **price_and_key(model),
        )

    async def _known(
        self, tx: Statements, draft: Draft, account_id: str, conversation_id: str
    ) -> Started | None:
        rows = await tx.all(SQL["by_key"], account_id=account_id, key=draft.key)
        if not rows:
            return None
        row = rows[0]
        files = await same_files(tx, draft, row["question_id"], account_id)
        other = row["text"] != draft.text or conversation_id not in ("", row["conversation_id"])
        if other or files is None:
            raise Conflict(
                "This form was sent before with another text. Reload the page and send again.",
                code="key_reused",
            )
        found = [await placed_in(tx, row["reply_id"], account_id) for row in rows]
        conversation = found[0][1]
        reply, *others = (replace(each, chosen=each.id == place.leaf_id) for each, place in found)
        reply = replace(reply, beside=tuple(others))
        question = question_of(row["question_id"], draft.text, reply.created_at)
        return Started(conversation, replace(question, files=files), reply, fresh=False)
