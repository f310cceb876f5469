"""What the pages of this slice need, gathered once for routes here and in `replies`."""

from dataclasses import replace
from typing import Any

from quart import url_for

from chat.accounts import visitor
from chat.conversations.composing import composer
from chat.conversations.domain import Conversation, History, Message
from chat.conversations.picking import picker
from chat.conversations.repository import ConversationRepository
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
    last = found[-1] if found and not before else None
    return column(conversation, found, last) | {"older": older, "before": before, "at": at}


def through(conversation_id: str, message_id: str) -> str:
    """The address of the path through a message, at that message."""
    url = url_for("conversations.show", conversation_id=conversation_id, at=message_id)
    return f"{url}#m-{message_id}"


async def versioned(message: Message, conversation_id: str) -> Message:
    """One message that is shown by itself, with its versions."""
    account_id = visitor.account_id()
    return (await conversations().versioned([message], conversation_id, account_id))[0]


def column(
    conversation: Conversation, messages: list[Message], last: Message | None
) -> dict[str, Any]:
    """The main column with these messages; `last` is the newest one of the path, if it is here."""
    form = composer(conversation, last)
    return {
        "conversation": conversation,
        "messages": messages,
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
    model = picker(None).chosen
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


def offered(model_id: str) -> bool:
    return own.find(model_id) is not None
