"""Replies in the database as people ask for them: begun with their question, read, retried."""

import secrets
from dataclasses import dataclass, replace
from typing import cast

from chat.accounts.repository import SQL as ACCOUNTS
from chat.attachments.domain import Attachment
from chat.attachments.repository import attached, carried, held, same
from chat.conversations.domain import Conversation, Message
from chat.conversations.repository import LONGEST_HISTORY
from chat.conversations.repository import SQL as CONVERSATIONS
from chat.db.database import Database, Row, Statements, Transaction
from chat.errors import Conflict
from chat.instructions.presets import copy_preset
from chat.providers.domain import Model
from chat.replies.admission import SQL, Limits, admit
from chat.replies.asking import asked, question_of, reply_to
from chat.replies.domain import End, Ending, Started
from chat.web.text import first_words


@dataclass(frozen=True, slots=True)
class Draft:
    """A message as a form sent it, cleaned. `key`: the same key is the same message.

    `parent`: what it follows, when that is not the newest message of the remembered path.
    `instead_of`: the question that it is a new version of. `others`: the models that answer it
    beside `model`. `preset`: what a conversation begins with; one that goes on takes none.
    """

    text: str
    model: Model
    key: str
    parent: str = ""
    instead_of: str = ""
    others: tuple[Model, ...] = ()
    preset: str = ""
    attachments: tuple[str, ...] = ()  # ids

    @property
    def models(self) -> tuple[Model, ...]:
        return (self.model, *self.others)


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
                parent_id = await _parent(tx, draft, conversation, account_id)
                question = replace(question, parent_id=parent_id)
            else:
                conversation = await _add_conversation(tx, draft, account_id, now)
            await _add(tx, conversation, question, account_id, draft.key or None)
            question = await _with_files(tx, draft, question, account_id)
            # The first model's is stored last: a path through the question leads to the newest.
            for each, model in reversed(list(zip(reply.sides, draft.models, strict=True))):
                await self._add_reply(tx, conversation, each, account_id, model)
                await reserved.hold(tx, each.id, 1, model)
            conversation = await _turn_to(tx, conversation, reply, account_id, now)
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
            old, conversation = await _placed(tx, reply_id, account_id)
            if old.running:
                raise Conflict("This answer is still being written. Stop it first.")
            reserved = await admit(
                tx, account_id, conversation.id, now, limits, [model], column=old
            )
            leaf = await _leaf_beside(tx, conversation, old, account_id)
            reply = reply_to(old.parent_id or "", model, now, old.side)
            await self._add_reply(tx, conversation, reply, account_id, model)
            await reserved.hold(tx, reply.id, 1, model)
            after = await _turn_to(tx, conversation, leaf or reply, account_id, now)
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
                **_asked(model),
            )
            await reserved.hold(tx, old.id, row["epoch"], model)
            leaf = await _leaf_beside(tx, conversation, old, account_id)
            after = await _turn_to(tx, conversation, leaf or old, account_id, now)
            reply = replace(old, state="streaming", reason="")
            before = Ending(cast(End, old.state), old.reason)
            return Started(after, old, reply, fresh=True, epoch=row["epoch"], before=before)

        return await self._db.transaction(resume)

    async def get(self, reply_id: str, account_id: str) -> Message:
        return (await self.placed(reply_id, account_id))[0]

    async def placed(self, reply_id: str, account_id: str) -> tuple[Message, Conversation]:
        """A reply, and the conversation that it is in."""
        return await _placed(self._db, reply_id, account_id)

    async def running(self, conversation_id: str, account_id: str) -> list[str]:
        """Ids of the replies that are being written in a conversation."""
        rows = await self._db.all(SQL["running"], account_id=account_id)
        return [row["id"] for row in rows if row["conversation_id"] == conversation_id]

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
            side=reply.side,
            **_asked(model),
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
        found = [await _placed(tx, row["reply_id"], account_id) for row in rows]
        conversation = found[0][1]
        reply, *others = (replace(each, chosen=each.id == place.leaf_id) for each, place in found)
        reply = replace(reply, beside=tuple(others))
        question = question_of(row["question_id"], draft.text, reply.created_at)
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
    return _with_place(await tx.one(SQL["placed"], id=reply_id, account_id=account_id))


def _with_place(found: Row) -> tuple[Message, Conversation]:
    row = dict(found)
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


async def _leaf_beside(
    tx: Statements, conversation: Conversation, reply: Message, account_id: str
) -> Message | None:
    """The end of the path where that is another column of the same question: it stays there."""
    if not reply.side:
        return None
    for row in await tx.all(SQL["placed"], id=conversation.leaf_id, account_id=account_id):
        leaf, _ = _with_place(row)
        if leaf.parent_id == reply.parent_id and leaf.side != reply.side:
            return replace(leaf, model=conversation.model)  # what is picked stays too
    return None


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
    if draft.preset:
        await copy_preset(tx, draft.preset, conversation_id, account_id)
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


def _asked(model: Model) -> dict[str, int | None]:
    """What a reply keeps of how it was asked: at what price, and with whose key."""
    price = model.price
    return {
        "own_key": int(model.own),
        "input_price": price.input if price else None,
        "cached_price": price.cached if price else None,
        "output_price": price.output if price else None,
    }
