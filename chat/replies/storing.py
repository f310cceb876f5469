"""What the transactions of `repository.py` are made of: one look or one row each."""

import secrets
from dataclasses import dataclass, replace

from chat.attachments.domain import Attachment
from chat.attachments.repository import attached, carried, held, same
from chat.conversations.domain import Conversation, Message
from chat.conversations.repository import SQL as CONVERSATIONS
from chat.db.database import Row, Statements
from chat.instructions.presets import copy_preset
from chat.providers.domain import Model
from chat.replies.admission import SQL
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
    called: str = ""  # what a conversation that begins without a text is about

    @property
    def models(self) -> tuple[Model, ...]:
        return (self.model, *self.others)


async def with_files(tx: Statements, draft: Draft, question: Message, account_id: str) -> Message:
    """What the form brought goes into the message; a new version keeps what the old one had."""
    carried_over: tuple[Attachment, ...] = ()
    if draft.instead_of:
        ids = draft.instead_of, question.id
        carried_over = await carried(tx, *ids, account_id, question.created_at)
    brought = await attached(tx, draft.attachments, question.id, account_id)
    return replace(question, files=carried_over + brought)


async def same_files(
    tx: Statements, draft: Draft, question_id: str, account_id: str
) -> tuple[Attachment, ...] | None:
    """Those of a message that the same form comes for again, None when it brings others."""
    if draft.instead_of:  # it was given the files of the version before
        return await held(tx, question_id, account_id)
    return await same(tx, draft.attachments, question_id, account_id)


async def placed_in(tx: Statements, reply_id: str, account_id: str) -> tuple[Message, Conversation]:
    return with_place(await tx.one(SQL["placed"], id=reply_id, account_id=account_id))


def with_place(found: Row) -> tuple[Message, Conversation]:
    row = dict(found)
    names = ("place_id", "title", "picked", "leaf_id", "pinned", "archived", "updated_at")
    conversation = Conversation(*(row.pop(name) for name in names))
    versions = (row["id"],) if row.pop("alone") else ()
    return Message(**row, versions=versions), conversation


async def parent(
    tx: Statements, draft: Draft, conversation: Conversation, account_id: str
) -> str | None:
    """What a message follows; NotFound when that is not in its conversation."""
    if other := draft.instead_of or draft.parent:
        ids = {"conversation_id": conversation.id, "account_id": account_id}
        found = await tx.one(CONVERSATIONS["parent"], id=other, **ids)
        return (found["parent_id"] or None) if draft.instead_of else other
    return conversation.leaf_id or None


async def leaf_beside(
    tx: Statements, conversation: Conversation, reply: Message, account_id: str
) -> Message | None:
    """The end of the path where that is another column of the same question: it stays there."""
    if not reply.side:
        return None
    for row in await tx.all(SQL["placed"], id=conversation.leaf_id, account_id=account_id):
        leaf, _ = with_place(row)
        if leaf.parent_id == reply.parent_id and leaf.side != reply.side:
            return replace(leaf, model=conversation.model)  # what is picked stays too
    return None


async def add_conversation(tx: Statements, draft: Draft, account_id: str, now: int) -> Conversation:
    title, conversation_id = first_words(draft.text or draft.called), secrets.token_hex(16)
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


async def add_message(
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


async def turn_to(
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


def price_and_key(model: Model) -> dict[str, int | None]:
    """What a reply keeps of how it was asked: at what price, and with whose key."""
    price = model.price
    return {
        "own_key": int(model.own),
        "input_price": price.input if price else None,
        "cached_price": price.cached if price else None,
        "output_price": price.output if price else None,
    }
