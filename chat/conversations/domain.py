"""Conversations and their messages, as pages show them."""

from dataclasses import dataclass

from markupsafe import Markup

from chat.attachments.domain import Attachment
from chat.web.i18n import N_, gettext

RUNNING = ("pending", "streaming")


# What went wrong with a reply, by kind, and where its reader can do something about it.
OTHER = "model"  # another model may do better
TROUBLE = {
    "auth": (N_("The provider did not accept this installation's key."), OTHER),
    "billing": (N_("The provider wants to be paid first. Another model may work."), OTHER),
    "not_found": (N_("The provider does not know this model any more."), OTHER),
    "rate_limit": (N_("The provider is asked too often at the moment. Retry in a while."), OTHER),
    "overloaded": (N_("The provider is overloaded. Retry, or try another model."), OTHER),
    "context": (N_("This conversation is too long for this model."), OTHER),
    "unsupported": (N_("This model cannot do what was asked."), OTHER),
    "bad_request": (N_("The provider refused this question. Retry, or change it."), OTHER),
    "timeout": (N_("The model did not answer for a minute. Retry, or try another one."), OTHER),
    "network": (N_("The provider cannot be reached. Retry, or try another model."), OTHER),
    "truncated": (N_("The connection broke before the answer was complete."), ""),
    "protocol": (N_("The provider answered something that makes no sense."), OTHER),
    "too_long": (N_("The answer was cut off: it reached the longest size that is kept."), ""),
    "filter": (N_("The provider's filter cut this answer off."), ""),
    "length": (N_("The answer was cut off at the model's limit."), ""),
    "internal": (N_("Something broke on our side. Retry."), ""),
    "interrupted": (N_("The answer was interrupted by a restart. What had arrived is kept."), ""),
    "stopped": (N_("You stopped this answer."), ""),
}


@dataclass(frozen=True, slots=True)
class Conversation:
    id: str
    title: str
    model: str  # the picker's value for the next message
    leaf_id: str  # the newest message of the path that is shown
    pinned: int
    archived: int
    updated_at: int  # milliseconds since 1970, UTC


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the history."""

    id: str
    title: str
    pinned: int
    archived: int
    updated_at: int
    running: int


@dataclass(frozen=True, slots=True)
class History:
    """One page: (heading, lines) newest first. `older` is the next page's cursor, '' at the end."""

    groups: tuple[tuple[str, tuple[Entry, ...]], ...]
    older: str
    q: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """What a person wrote, or a reply in whatever state it is (`state` is '' for people)."""

    id: str
    parent_id: str | None
    role: str
    text: str
    html: str
    created_at: int
    state: str
    reason: str
    model: str
    model_name: str
    input_tokens: int = 0
    cached_tokens: int = 0  # of the input
    output_tokens: int = 0
    reasoning_tokens: int = 0  # of the output
    cost: int | None = None  # micro-dollars; None when no price is known
    estimated: int = 0
    versions: tuple[str, ...] = ()  # ids of all that stand in this place, oldest first
    files: tuple[Attachment, ...] = ()  # without their texts

    @property
    def version(self) -> int:
        """Which of its versions this is, from 1."""
        return self.versions.index(self.id) + 1 if self.id in self.versions else 1

    @property
    def earlier(self) -> str:
        """The id of the version before this one, '' when it is the first."""
        return self.versions[self.version - 2] if self.version > 1 else ""

    @property
    def later(self) -> str:
        """The id of the version after this one, '' when it is the last."""
        return self.versions[self.version] if self.version < len(self.versions) else ""

    @property
    def running(self) -> bool:
        return self.state in RUNNING

    @property
    def continuable(self) -> bool:
        """Whether it ended before it was complete, with text that can be gone on with."""
        cut = self.reason in TROUBLE and self.reason != "filter"
        return bool(self.text) and (
            self.state in ("stopped", "interrupted", "failed") or (self.state == "complete" and cut)
        )

    @property
    def body(self) -> Markup:
        """The rendered reply: our own renderer made it, and its last step was the sanitiser."""
        return Markup(self.html)  # noqa: S704 (sanitised when it was stored)

    @property
    def problem(self) -> str:
        """One sentence for the reader, '' when all is well."""
        return gettext(self._trouble[0]) if self._trouble[0] else ""

    @property
    def problem_action(self) -> str:
        return self._trouble[1]

    @property
    def _trouble(self) -> tuple[str, str]:
        if self.state in ("stopped", "interrupted"):  # the reason is why it could not go on
            return TROUBLE.get(self.reason, TROUBLE[self.state])
        if self.state == "failed":
            return TROUBLE.get(self.reason, TROUBLE["protocol"])
        return TROUBLE.get(self.reason, ("", "")) if self.state == "complete" else ("", "")
