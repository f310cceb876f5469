"""What the pages of this slice need, gathered once for routes here and in `replies`."""

from dataclasses import replace
from typing import Any

from quart import url_for

from chat.accounts import visitor
from chat.attachments.keeping import current_files
from chat.billing import current as billing
from chat.conversations.composing import composer
from chat.conversations.context import boundary
from chat.conversations.domain import Conversation, History, Message
from chat.conversations.picking import picked, picker
from chat.conversations.repository import ConversationRepository
from chat.errors import Invalid
from chat.instructions.domain import Preset
from chat.keys import own
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


def through(conversation_id: str, message_id: str) -> str:
    """The address of the path through a message, at that message."""
    url = url_for("conversations.show", conversation_id=conversation_id, at=message_id)
    return f"{url}#m-{message_id}"


async def versioned(message: Message, conversation: Conversation) -> Message:
    """One message that is shown by itself, with its versions and what stands beside it."""
    account_id, leaf_id, found = visitor.account_id(), conversation.leaf_id, message
    if not message.versions:
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
