"""What the composer shows."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from werkzeug.datastructures import MultiDict

from chat.attachments.domain import Attachment, Limits
from chat.attachments.intake import limits
from chat.conversations.domain import Conversation, Message
from chat.web.addresses import address


@dataclass(frozen=True, slots=True)
class Composer:
    """`key` makes the form's message one message, however often it is sent."""

    action: str
    conversation_id: str
    key: str
    running: str  # the reply that is being written, the first of several; '' when none is
    several: bool = False  # whether models answer side by side here: they stop together
    parent: str = ""  # what the next message follows, where that is not what is remembered
    text: str = ""
    problem: str = ""
    code: str = ""
    preset: str = ""  # what a new conversation begins with
    chips: Sequence[Attachment] = ()  # files that wait to be sent

    @property
    def limits(self) -> Limits:
        return limits()

    def refused(
        self,
        text: str,
        problem: str,
        code: str,
        preset: str = "",
        chips: Sequence[Attachment] = (),
    ) -> "Composer":
        """The same form with everything typed and chosen, the reason, and its `data-code`."""
        kept = replace(self, text=text, preset=preset, chips=chips)
        return replace(kept, problem=problem, code=code)


@dataclass(frozen=True, slots=True)
class Edit:
    """The form in the place of a question; what it sends is a new version of it.

    `models`: (id, name) of those that answered it side by side, and will again.
    """

    message_id: str
    text: str
    key: str
    models: tuple[tuple[str, str], ...] = ()
    problem: str = ""
    code: str = ""


def edit(message_id: str, text: str, models: tuple[tuple[str, str], ...] = ()) -> Edit:
    return Edit(message_id, text, secrets.token_hex(16), models)


def kept(form: MultiDict[str, str], chips: Sequence[Attachment]) -> list[tuple[str, str]]:
    """Names and values of what a refused form held, for a form that leads back to it."""
    fields = [(name, form.get(name, "")) for name in ("text", "preset", "parent")]
    fields += [("attachment", chip.id) for chip in chips]
    return [field for field in fields if field[1]]


def composer(conversation: Conversation | None, last: Message | None = None) -> Composer:
    """`last` is the newest message on the path: a running reply turns Send into Stop.

    What is sent from another path than the remembered one goes on with that one.
    """
    if conversation is None:
        return Composer(address("replies.start"), "", secrets.token_hex(16), "")
    return Composer(
        action=address("replies.send", conversation_id=conversation.id),
        conversation_id=conversation.id,
        key=secrets.token_hex(16),
        running=next(iter(last.being_written), "") if last else "",
        several=bool(last and last.side),
        parent=last.id if last and last.id != conversation.leaf_id else "",
    )
