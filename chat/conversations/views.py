"""What the pages of this slice need, gathered once for routes here and in `replies`."""

from dataclasses import replace
from typing import Any

from quart import url_for

from chat.accounts import visitor
from chat.attachments.keeping import current_files
from chat.attachments.repository import AttachmentRepository
from chat.billing import current as billing
from chat.conversations.composing import composer
from chat.conversations.context import boundary, part
from chat.conversations.domain import Conversation, History, Message
from chat.conversations.measures import current_measures
from chat.conversations.picking import picked, picker
from chat.conversations.repository import ConversationRepository
from chat.errors import Invalid
from chat.instructions.domain import Preset
from chat.keys import own
from chat.providers.domain import Model
from chat.web.current import current_db, now
from chat.web.i18n import gettext


def conversations() -> ConversationRepository:
    return ConversationRepository(current_db())


async def history(before: str = "", q: str = "") -> History:
    return await conversations().history(visitor.account_id(), now(), before, q)


async def whole(conversation: Conversation, before: str = "", at: str = "") -> dict[str, Any]:
    """Everything that a conversation's page or main column shows.

    `at`: a message whose path is shown in place of the remembered one.
    """
    found, older = await conversations().messages(conversation, visitor.account_id(), before, at)
    found = await _checked(found)
    last = found[-1] if found and not before else None
    context = column(conversation, found, last) | {"older": older, "before": before, "at": at}
    if before:  # where it lies is said by what follows
        newest = await conversations().path(conversation, visitor.account_id(), 4)
        context["boundary"] = boundary(newest, conversation.model)
    return context


async def _checked(messages: list[Message]) -> list[Message]:
    """The same messages; of their files it is known which were lost."""
    files = await current_files().checked([file for each in messages for file in each.files])
    by_id = {file.id: file for file in files}
    return [
        replace(each, files=tuple(by_id[file.id] for file in each.files)) if each.files else each
        for each in messages
    ]


async def left_out(conversation: Conversation) -> str:
    """What the model that is picked now would not be sent of the conversation; '' for nothing."""
    model = picked(conversation)
    path = await conversations().path(conversation, visitor.account_id())
    files = await AttachmentRepository(current_db()).of_messages(
        visitor.account_id(), [message.id for message in path], texts=False
    )
    blind = not model.sees and any(f.seen_only for found in files.values() for f in found)
    parts = [_too_much(path, model), _unseen(model) if blind else ""]
    return " ".join(each for each in parts if each)


def _unseen(model: Model) -> str:
    return gettext(
        "%(model)s cannot see images: it gets only their names.", model=gettext(model.name)
    )


def _too_much(path: list[Message], model: Model) -> str:
    first = part(path, model, current_measures().of(model)).first
    if not first:
        return ""
    return gettext(
        "%(model)s cannot read all of this: the first %(count)s messages will not be sent to it.",
        model=gettext(model.name),
        count=first,
    )


def through(conversation_id: str, message_id: str) -> str:
    """The address of the path through a message, at that message."""
    url = url_for("conversations.show", conversation_id=conversation_id, at=message_id)
    return f"{url}#m-{message_id}"


async def versioned(message: Message, conversation: Conversation) -> Message:
    """One message that is shown by itself, with its versions and what stands beside it."""
    account_id, leaf_id = visitor.account_id(), conversation.leaf_id
    found = (await conversations().versioned([message], conversation.id, account_id))[0]
    beside = tuple(replace(each, chosen=each.id == leaf_id) for each in found.beside)
    return replace(found, beside=beside, chosen=found.id == leaf_id)


async def standing(message: Message, conversation: Conversation) -> dict[str, Any]:
    """A reply by itself, whether the path ends with it, and the composer there."""
    last = await conversations().ends_at(message, conversation, visitor.account_id())
    found = await versioned(message, conversation)
    form = composer(conversation, found if last else None)
    return {"message": found, "last": last, "composer": form}


def column(
    conversation: Conversation, messages: list[Message], last: Message | None
) -> dict[str, Any]:
    """The main column with these messages; `last` is the newest one of the path, if it is here."""
    form = composer(conversation, last)
    return {
        "conversation": conversation,
        "messages": messages,
        "boundary": boundary(messages, conversation.model),
        "older": "",
        "before": "",
        "at": "",
        "composer": form,
        "picker": picker(conversation),
        "running": form.running,
        "open_id": conversation.id,
    }


def fresh() -> dict[str, Any]:
    """What the page of a new conversation shows."""
    return {
        "composer": composer(None),
        "picker": picker(None),
        "starters": starters(),
        "open_id": "",
    }


def beginning(model_id: str, text: str, preset: Preset | None) -> dict[str, Any]:
    """The same with what its address asks for; a model that is not offered is named."""
    context = fresh()
    form = replace(context["composer"], text=text, preset=preset.id if preset else "")
    return context | {"composer": form, "picker": picker(None, model_id), "preset": preset}


def starters() -> list[str]:
    """Four beginnings that the chosen model can really do; the tiny one speaks only English."""
    model = picked(None)
    if model.endpoint == "guide":
        return [
            gettext("How do I connect a model?"),
            gettext("Which providers can I use?"),
            gettext("How do I use a model on my own computer?"),
            gettext("What happens to what I write here?"),
        ]
    if model.endpoint == "embedded":
        return [
            "Give me three tips for a good night's sleep.",
            "Write a Python function that adds two numbers.",
            "Write a short thank-you note to a neighbour.",
            "List five things to pack for a weekend at the sea.",
        ]
    return [
        gettext("Explain a hard idea as if I were twelve"),
        gettext("Turn my rough notes into a clear e-mail"),
        gettext("Find the mistake in a piece of code"),
        gettext("Plan a weekend trip with me"),
    ]


def choice(model_id: str) -> str:
    """A model's id as a form chose it; Invalid when it is not offered, ModelNotInPlan if locked."""
    model = own.find(model_id)
    if model is None:
        raise Invalid("This model is not offered here. Choose one from the list.")
    if not billing.allowed(model):
        raise billing.lock(model)
    return model.id
