"""What the composer and the model picker show."""

import secrets
from dataclasses import dataclass, replace

from quart import url_for

from chat.accounts import visitor
from chat.conversations.domain import Conversation, Message
from chat.providers.domain import Model
from chat.web.current import current_catalog
from chat.web.i18n import gettext


@dataclass(frozen=True, slots=True)
class Picker:
    """`url`: where a switch is posted. `trouble`: a sentence when the chosen model is not there."""

    groups: tuple[tuple[str, tuple[Model, ...]], ...]
    chosen: Model
    url: str
    trouble: str


@dataclass(frozen=True, slots=True)
class Composer:
    """`key` makes the form's message one message, however often it is sent."""

    action: str
    conversation_id: str
    key: str
    running: str  # the reply that is being written, '' when none is
    parent: str = ""  # what the next message follows, where that is not what is remembered
    text: str = ""
    problem: str = ""
    code: str = ""

    def refused(self, text: str, problem: str, code: str) -> "Composer":
        """The same form with everything typed, the reason, and its `data-code`."""
        return replace(self, text=text, problem=problem, code=code)


@dataclass(frozen=True, slots=True)
class Edit:
    """The form in the place of a question; what it sends is a new version of it."""

    message_id: str
    text: str
    key: str
    problem: str = ""
    code: str = ""


def edit(message_id: str, text: str) -> Edit:
    return Edit(message_id, text, secrets.token_hex(16))


def picker(conversation: Conversation | None, model_id: str = "") -> Picker:
    """For a conversation, or for a new one (the model used last comes first)."""
    catalog, account = current_catalog(), visitor.account()
    wanted = model_id or (conversation.model if conversation else account.model if account else "")
    found = catalog.find(wanted) if wanted else None
    chosen = found or catalog.default()
    trouble = ""
    if wanted and not found and conversation:
        trouble = gettext("%(model)s is not offered any more.", model=wanted.partition("/")[2])
    if conversation:
        url = url_for("conversations.model", conversation_id=conversation.id)
    else:
        url = url_for("conversations.default_model")
    groups = _with(catalog.groups(), chosen)
    return Picker(groups=groups, chosen=chosen, url=url, trouble=trouble)


def composer(conversation: Conversation | None, last: Message | None = None) -> Composer:
    """`last` is the newest message on the path: a running reply turns Send into Stop.

    What is sent from another path than the remembered one goes on with that one.
    """
    if conversation is None:
        return Composer(url_for("replies.start"), "", secrets.token_hex(16), "")
    return Composer(
        action=url_for("replies.send", conversation_id=conversation.id),
        conversation_id=conversation.id,
        key=secrets.token_hex(16),
        running=last.id if last and last.running else "",
        parent=last.id if last and last.id != conversation.leaf_id else "",
    )


def _with(
    groups: tuple[tuple[str, tuple[Model, ...]], ...], chosen: Model
) -> tuple[tuple[str, tuple[Model, ...]], ...]:
    """The chosen model is always in the list, also while its endpoint cannot be asked."""
    if any(model.id == chosen.id for _, models in groups for model in models):
        return groups
    return ((chosen.provider, (chosen,)), *groups)
