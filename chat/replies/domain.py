"""A reply from its beginning to its end."""

from dataclasses import dataclass, field
from typing import Literal

from chat.conversations.domain import Conversation, Message
from chat.usage.domain import Spent

End = Literal["complete", "stopped", "interrupted", "failed"]


@dataclass(frozen=True, slots=True)
class Thoughts:
    """What a reply's model thought, all of it, and `echo`: what its provider wants back, as it is.

    `milliseconds`: how long it thought since it was asked; -1 when nobody knows.
    """

    text: str = ""
    milliseconds: int = 0
    echo: str = ""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a reply ended. `reason`: the provider's word for a good end, the kind of a bad one.

    `since`: the first message that it was asked with, '' for all of them; `asked`: how many tokens
    that were, by our estimate; `cut`: not all of its question's files. `counted`: whether what it
    reserved is used: it came to its end, or something of it was shown.
    """

    state: End
    reason: str = ""
    spent: Spent = field(default_factory=Spent)
    since: str = ""
    asked: int = 0
    cut: bool = False
    thoughts: Thoughts = field(default_factory=Thoughts)
    counted: bool = False


@dataclass(frozen=True, slots=True)
class Started:
    """A question that is stored, with its reply. `fresh` is False when the form came once more.

    `reply`: the first of those that stand side by side; each of its `sides` is written by itself.
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
    """What came of text and thoughts; `seq` counts from 1 within a reply and an epoch."""

    reply_id: str
    epoch: int
    seq: int
    body: str
    thought: str = ""
