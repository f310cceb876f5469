"""Replies in the database as people ask for them: begun with their question, read, retried."""

import secrets
from dataclasses import dataclass, replace
from typing import cast

from chat.accounts.repository import SQL as ACCOUNTS
from chat.attachments.domain import Attachment
from chat.attachments.repository import attached, carried, held, same
from chat.conversations.domain import Conversation, Message
from chat.conversations.repository import SQL as CONVERSATIONS
from chat.db.database import Database, Statements, Transaction
from chat.errors import Conflict
from chat.providers.domain import Model
from chat.replies.admission import SQL, Limits, admit
from chat.replies.domain import End, Ending, Started
from chat.web.text import first_words

LONGEST_HISTORY = 400  # messages that can go into a prompt


@dataclass(frozen=True, slots=True)
class Draft:
    """A message as a form sent it, cleaned. `key`: the same key is the same message.

    `parent`: what it follows, when that is not the newest message of the remembered path.
    `instead_of`: the question that it is a new version of.
    """

    text: str
    model: Model
    key: str
    parent: str = ""
    instead_of: str = ""
    attachments: tuple[str, ...] = ()  # ids


class ReplyRepository:
    """Every query is scoped by account_id: "not yours" and "not there" look the same."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def begin(
        self, draft: Draft, account_id: str, conversation_id: str, now: int, limits: Limits
    ) -> Started:
        """Stores the question and its pending reply in one transaction.

        An empty `conversation_id` begins a conversation. Errors: NotFound, Conflict (the key with
        another text, or a reply is still being written there), OverLimit.
        """

        async def begin(tx: Transaction) -> Started:
            await tx.lock(f"begin {account_id}")
            if draft.key and (known := await self._known(tx, draft, account_id, conversation_id)):
                return known
            await admit(tx, account_id, conversation_id, now, limits)
            question, reply = _messages(draft, now)
            if conversation_id:
                row = await tx.one(SQL["conversation"], id=conversation_id, account_id=account_id)
                conversation = Conversation(**row)
                parent_id = await _parent(tx, draft, conversation, account_id)
                question = replace(question, parent_id=parent_id)
            else:
                conversation = await _add_conversation(tx, draft, account_id, now)
            await _add(tx, conversation, question, account_id, draft.key or None)
            question = await _with_files(tx, draft, question, account_id)
            await self._add_reply(tx, conversation, reply, account_id, draft.model)
            conversation = await _turn_to(tx, conversation, reply, account_id, now)
            await tx.run(ACCOUNTS["set_model"], account_id=account_id, model=draft.model.id)
            return Started(conversation, question, reply, fresh=True)

        return await self._db.transaction(begin)

    async def retry(
        self, reply_id: str, account_id: str, model: Model, now: int, limits: Limits
    ) -> Started:
        """One more answer to the same question: a sibling, shown instead. Errors as in `begin`."""

        async def retry(tx: Transaction) -> Started:
            await tx.lock(f"begin {account_id}")
            old, conversation = await _placed(tx, reply_id, account_id)
            if old.running:
                raise Conflict("This answer is still being written. Stop it first.")
            await admit(tx, account_id, conversation.id, now, limits)
            reply = _reply_to(old.parent_id or "", model, now)
            await self._add_reply(tx, conversation, reply, account_id, model)
            after = await _turn_to(tx, conversation, reply, account_id, now)
            return Started(after, old, reply, fresh=True)

        return await self._db.transaction(retry)

    async def resume(
        self, reply_id: str, account_id: str, model: Model, now: int, limits: Limits
    ) -> Started:
        """The same reply is written on, behind the text it has. Errors as in `begin`."""

        async def resume(tx: Transaction) -> Started:
            await tx.lock(f"begin {account_id}")
            old, conversation = await _placed(tx, reply_id, account_id)
            if not (old.running or old.continuable):
                raise Conflict("There is nothing to continue here. Retry instead.")
            await admit(tx, account_id, conversation.id, now, limits)
            if await tx.all(SQL["followed"], id=reply_id, account_id=account_id):
                raise Conflict("The conversation went on after this answer. Retry it instead.")
            row = await tx.one(
                SQL["resume"],
                id=reply_id,
                account_id=account_id,
                worker=self._db.worker,
                **_prices(model),
            )
            after = await _turn_to(tx, conversation, old, account_id, now)
            reply = replace(old, state="streaming", reason="")
            before = Ending(cast(End, old.state), old.reason)
            return Started(after, old, reply, fresh=True, epoch=row["epoch"], before=before)

        return await self._db.transaction(resume)

    async def get(self, reply_id: str, account_id: str) -> Message:
        return (await self.placed(reply_id, account_id))[0]

    async def placed(self, reply_id: str, account_id: str) -> tuple[Message, Conversation]:
        """A reply, and the conversation that it is in."""
        return await _placed(self._db, reply_id, account_id)

    async def history(self, started: Started, account_id: str) -> list[Message]:
        """What a reply's prompt is made of: the path above it, oldest first, and what it has."""
        rows = await self._db.all(
            CONVERSATIONS["path"],
            from_id=started.reply.id if started.before else started.reply.parent_id,
            conversation_id=started.conversation.id,
            account_id=account_id,
            limit=LONGEST_HISTORY,
        )
        return [Message(**row) for row in rows]

    async def _add_reply(
        self,
        tx: Statements,
        conversation: Conversation,
        reply: Message,
        account_id: str,
        model: Model,
    ) -> None:
        await _add(tx, conversation, reply, account_id, None)
        await tx.run(
            SQL["add_reply"],
            id=reply.id,
            conversation_id=conversation.id,
            account_id=account_id,
            model=model.id,
            model_name=model.name,
            worker=self._db.worker,
            now=reply.created_at,
            **_prices(model),
        )

    async def _known(
        self, tx: Statements, draft: Draft, account_id: str, conversation_id: str
    ) -> Started | None:
        rows = await tx.all(SQL["by_key"], account_id=account_id, key=draft.key)
        if not rows:
            return None
        row = rows[0]
        files = await _same_files(tx, draft, row["question_id"], account_id)
        other = row["text"] != draft.text or conversation_id not in ("", row["conversation_id"])
        if other or files is None:
            raise Conflict(
                "This form was sent before with another text. Reload the page and send again.",
                code="key_reused",
            )
        reply, conversation = await _placed(tx, row["reply_id"], account_id)
        question = _question(row["question_id"], draft.text, reply.created_at)
        return Started(conversation, replace(question, files=files), reply, fresh=False)


async def _with_files(tx: Statements, draft: Draft, question: Message, account_id: str) -> Message:
    """What the form brought goes into the message; a new version keeps what the old one had."""
    carried_over: tuple[Attachment, ...] = ()
    if draft.instead_of:
        ids = draft.instead_of, question.id
        carried_over = await carried(tx, *ids, account_id, question.created_at)
    brought = await attached(tx, draft.attachments, question.id, account_id)
    return replace(question, files=carried_over + brought)


async def _same_files(
    tx: Statements, draft: Draft, question_id: str, account_id: str
) -> tuple[Attachment, ...] | None:
    """Those of a message that the same form comes for again, None when it brings others."""
    if draft.instead_of:  # it was given the files of the version before
        return await held(tx, question_id, account_id)
    return await same(tx, draft.attachments, question_id, account_id)


async def _placed(tx: Statements, reply_id: str, account_id: str) -> tuple[Message, Conversation]:
    row = dict(await tx.one(SQL["placed"], id=reply_id, account_id=account_id))
    names = ("place_id", "title", "picked", "leaf_id", "pinned", "archived", "updated_at")
    conversation = Conversation(*(row.pop(name) for name in names))
    return Message(**row), conversation


async def _parent(
    tx: Statements, draft: Draft, conversation: Conversation, account_id: str
) -> str | None:
    """What a message follows; NotFound when that is not in its conversation."""
    if other := draft.instead_of or draft.parent:
        ids = {"conversation_id": conversation.id, "account_id": account_id}
        found = await tx.one(CONVERSATIONS["parent"], id=other, **ids)
        return (found["parent_id"] or None) if draft.instead_of else other
    return conversation.leaf_id or None


async def _add_conversation(
    tx: Statements, draft: Draft, account_id: str, now: int
) -> Conversation:
    title, conversation_id = first_words(draft.text), secrets.token_hex(16)
    await tx.run(
        SQL["add_conversation"],
        id=conversation_id,
        account_id=account_id,
        title=title,
        model=draft.model.id,
        leaf_id="",
        now=now,
    )
    return Conversation(conversation_id, title, draft.model.id, "", 0, 0, now)


async def _add(
    tx: Statements, conversation: Conversation, message: Message, account_id: str, key: str | None
) -> None:
    await tx.run(
        SQL["add_message"],
        id=message.id,
        conversation_id=conversation.id,
        account_id=account_id,
        parent_id=message.parent_id,
        role=message.role,
        text=message.text,
        key=key,
        now=message.created_at,
    )


async def _turn_to(
    tx: Statements, conversation: Conversation, reply: Message, account_id: str, now: int
) -> Conversation:
    await tx.run(
        SQL["turn_to"],
        id=conversation.id,
        account_id=account_id,
        leaf_id=reply.id,
        model=reply.model,
        now=now,
    )
    return replace(conversation, leaf_id=reply.id, model=reply.model, updated_at=now)


def _prices(model: Model) -> dict[str, int | None]:
    price = model.price
    return {
        "input_price": price.input if price else None,
        "cached_price": price.cached if price else None,
        "output_price": price.output if price else None,
    }


def _messages(draft: Draft, now: int) -> tuple[Message, Message]:
    question = _question(secrets.token_hex(16), draft.text, now)
    return question, _reply_to(question.id, draft.model, now)


def _question(message_id: str, text: str, now: int) -> Message:
    return Message(message_id, None, "user", text, "", now, "", "", "", "")


def _reply_to(question_id: str, model: Model, now: int) -> Message:
    return Message(
        id=secrets.token_hex(16),
        parent_id=question_id,
        role="assistant",
        text="",
        html="",
        created_at=now,
        state="pending",
        reason="",
        model=model.id,
        model_name=model.name,
    )
