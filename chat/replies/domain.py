"""A reply from its beginning to its end."""

from dataclasses import dataclass, field
from typing import Literal

from chat.conversations.domain import Conversation, Message
from chat.usage.domain import Spent

End = Literal["complete", "stopped", "interrupted", "failed"]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a reply ended. `reason`: the provider's word for a good end, the kind of a bad one.

    `counted`: whether what it reserved is used: it came to its end, or something of it was shown.
    """

    state: End
    reason: str = ""
    spent: Spent = field(default_factory=Spent)
    counted: bool = False


@dataclass(frozen=True, slots=True)
class Started:
    """A question that is stored, with its reply. `fresh` is False when the form came once more.

    `before`: how a reply had ended that goes on now, behind the text it has. `epoch`: its writer's.
    """

    conversation: Conversation
    question: Message
    reply: Message
    fresh: bool
    epoch: int = 1
    before: Ending | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """`seq` counts from 1 within a reply and an epoch."""

    reply_id: str
    epoch: int
    seq: int
    body: str
