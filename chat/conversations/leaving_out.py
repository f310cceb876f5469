"""What the model that is picked now would not be sent of a conversation."""

import asyncio
from functools import partial

from chat.accounts import visitor
from chat.attachments.repository import AttachmentRepository
from chat.conversations.context import before, part
from chat.conversations.domain import Conversation, Message
from chat.conversations.material import MOST_WITH_FILES, Material, Scale, gathered
from chat.conversations.measures import current_measures
from chat.conversations.picking import picked
from chat.conversations.views import conversations
from chat.instructions.repository import InstructionRepository
from chat.providers.domain import Model
from chat.web.current import current_db
from chat.web.i18n import gettext, ngettext

NEXT = Message("", None, "user", "", "", 0, "", "", "", "")  # the question that is to come


async def left_out(conversation: Conversation) -> str:
    """In sentences; '' for nothing."""
    model, account_id = picked(conversation), visitor.account_id()
    told = await InstructionRepository(current_db()).of_both(conversation.id, account_id)
    system = await asyncio.to_thread(before, told.system)
    path = [*await conversations().path(conversation, account_id), NEXT]
    materials, blind = await _files(path, model, system)
    more = {message_id: each.tokens(message_id) for message_id, each in materials.items()}
    measure = current_measures().of(model)
    first = (await asyncio.to_thread(part, path, model, measure, system=system, more=more)).first
    sent = [materials[each.id] for each in path[first:] if each.id in materials]
    said = [
        _too_much(model, first) if first else "",
        _shortened(model) if any(each.cut for each in sent) else "",
        _unseen(model) if blind else "",
    ]
    return " ".join(each for each in said if each)


async def _files(
    path: list[Message], model: Model, system: int
) -> tuple[dict[str, Material], bool]:
    """What they would be to the model, by message; and whether there are images it cannot see."""
    read = partial(AttachmentRepository(current_db()).of_messages, visitor.account_id())
    asking = [message.id for message in path if message.role == "user"][-MOST_WITH_FILES:]
    files = await read(asking, texts=False)
    if not files:
        return {}, False
    blind = not model.sees and any(f.seen_only for found in files.values() for f in found)
    scale = Scale.of(path, model, current_measures().of(model), system, 0)
    return await gathered(path, files, model, scale, None, read), blind


def _too_much(model: Model, count: int) -> str:
    return ngettext(
        "%(model)s cannot read all of this: the first message will not be sent to it.",
        "%(model)s cannot read all of this: the first %(count)s messages will not be sent to it.",
        count,
        model=gettext(model.name),
        count=count,
    )


def _shortened(model: Model) -> str:
    return gettext(
        "The files are too long for %(model)s: it gets only their beginnings.",
        model=gettext(model.name),
    )


def _unseen(model: Model) -> str:
    return gettext(
        "%(model)s cannot see images: it gets only their names.", model=gettext(model.name)
    )
