"""What a reply is asked with: found out once it is begun, beside the request that asked for it."""

import asyncio
from dataclasses import replace
from functools import partial

from chat.attachments.keeping import current_files
from chat.attachments.repository import AttachmentRepository
from chat.conversations.context import before, fits
from chat.conversations.domain import Message
from chat.conversations.material import MOST_WITH_FILES, Scale, gathered
from chat.conversations.measures import current_measures
from chat.instructions.repository import InstructionRepository
from chat.keys import own
from chat.providers.domain import Model, Provider
from chat.replies.domain import Started
from chat.replies.generation import Preparation
from chat.replies.prompt import SMALLER, Asked, Overflow, build, longest_echo
from chat.replies.repository import ReplyRepository
from chat.web.current import current_db

SHORT = 10_000  # characters of a conversation: less is looked through in a fraction of a tick


def preparation(started: Started, model: Model, account_id: str) -> Preparation:
    """Everything that the request knows is taken along; the rest is read when it is wanted."""
    provider, measures, db = own.provider(model), current_measures(), current_db()
    stored = ReplyRepository(db)
    instructed, attachments = InstructionRepository(db), AttachmentRepository(db)
    store, read = current_files().store, partial(attachments.of_messages, account_id)

    async def prepare(overflow: Overflow | None) -> tuple[Provider, Asked]:
        history: list[Message] = [started.question]
        echoes: dict[str, str] = {}
        begins = started.question.role == "user" and not started.question.parent_id
        if not begins:
            history = await stored.history(started, account_id)
            echoes = await stored.echoes(started, account_id, longest_echo(model))
        told = await instructed.of_both(started.conversation.id, account_id)
        system = await asyncio.to_thread(before, told.system) if told.system else 0
        if overflow and overflow.tokens <= fits(history, model, measures.of(model), system):
            await measures.overflowed(model, overflow.words)
        most = int(overflow.tokens * SMALLER) if overflow else 0
        measure = measures.of(model)
        asking = [message.id for message in history if message.role == "user"][-MOST_WITH_FILES:]
        materials = {}
        bare = begins and not started.question.files
        if files := {} if bare else await read(asking, texts=False):
            scale = Scale.of(history, model, measure, system, most)
            materials = await gathered(history, files, model, scale, store, read)
        building = partial(
            build,
            history,
            model,
            measure,
            system=told.system,
            echoes=echoes,
            materials=materials,
            most=most,
        )
        size = len(told.system) + sum(len(message.text) for message in history)
        short = size < SHORT and not (materials or echoes)
        built = building() if short else await asyncio.to_thread(building)
        return provider(), replace(built, prompt=told.applied(built.prompt))

    return prepare
