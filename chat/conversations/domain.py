"""Conversations and their messages, as pages show them."""

from dataclasses import dataclass
from typing import NamedTuple

from babel.lists import format_list
from markupsafe import Markup

from chat.attachments.domain import Attachment
from chat.conversations import thoughts
from chat.providers.presets import SERVICES
from chat.web.i18n import N_, gettext, locale, ngettext

RUNNING = ("pending", "streaming")


# What went wrong with a reply, by kind, and where its reader can do something about it.
OTHER = "model"  # another model may do better
TROUBLE = {
    "auth": (N_("The provider did not accept this installation's key."), OTHER),
    "billing": (N_("The provider wants to be paid first. Another model may work."), OTHER),
    "not_found": (N_("The provider does not know this model any more."), OTHER),
    "rate_limit": (N_("The provider is asked too often at the moment. Retry in a while."), OTHER),
    "overloaded": (N_("The provider is overloaded. Retry, or try another model."), OTHER),
    "context": (N_("This is too long for this model. Shorten it, or try another one."), OTHER),
    "unsupported": (N_("This model cannot see images. Try one that does, or ask without."), OTHER),
    "bad_request": (N_("The provider refused this question. Retry, or change it."), OTHER),
    "timeout": (N_("The model did not answer for a minute. Retry, or try another one."), OTHER),
    "network": (N_("The provider cannot be reached. Retry, or try another model."), OTHER),
    "truncated": (N_("The connection broke before the answer was complete."), ""),
    "protocol": (N_("The provider answered something that makes no sense."), OTHER),
    "too_long": (N_("The answer was cut off: it reached the longest size that is kept."), ""),
    "filter": (N_("The provider's filter cut this answer off."), ""),
    "filtered": (
        N_(
            "The provider's filter did not let this question through. Change it, or try another "
            "model."
        ),
        OTHER,
    ),
    "length": (N_("The answer was cut off at the model's limit."), ""),
    "thinking": (
        N_("The model used up its limit while thinking. Retry, or try another model."),
        OTHER,
    ),
    "silent": (
        N_("The model used up its limit before it wrote anything. Retry, or try another model."),
        OTHER,
    ),
    "empty": (N_("The model wrote nothing. Retry, or try another model."), OTHER),
    "away": (N_("What this answer needs cannot be read at the moment. Retry in a while."), ""),
    "internal": (N_("Something broke on our side. Retry."), ""),
    "interrupted": (N_("The answer was interrupted by a restart. What had arrived is kept."), ""),
    "stopped": (N_("You stopped this answer."), ""),
}


FILTERED = ("filter", "filtered")  # an answer ended by it, or an error instead of one
# The same where the reader's own key was used: that they can change themselves.
OWN_KEY = "key"
OWN_TROUBLE = {
    "auth": N_("Your own %(provider)s key was refused. Change it on your account page."),
    "billing": N_(
        "Your own %(provider)s key was refused: the provider wants to be paid first. Change it "
        "on your account page, or see to it there."
    ),
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


class Entry(NamedTuple):
    """A line of the history: a page makes dozens, and looks each up by what it says."""

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
    since: str = ""  # of a reply: the first message it was asked with, '' for all of the path
    asked: int = 0  # tokens of what it was asked with, by our estimate
    cut: int = 0  # whether the files of its question were longer than what it was given
    reasoning: str = ""  # what it thought before it answered
    thought_ms: int = 0  # how long; 0 when nobody knows
    side: int = 0  # its column, from 1, where several models answered at once
    own_key: int = 0  # whether it was asked for with the reader's own key
    versions: tuple[str, ...] = ()  # ids of all that stand in this place, oldest first
    beside: tuple["Message", ...] = ()  # what stands in the other columns
    chosen: bool = True  # whether the conversation goes on from here, as far as is shown
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
    def sides(self) -> tuple["Message", ...]:
        """All columns in their order, itself among them."""
        return tuple(sorted((self, *self.beside), key=lambda each: each.side))

    @property
    def answered_too(self) -> str:
        """Whose answers stand beside it, in a sentence."""
        names = list(dict.fromkeys(gettext(each.model_name) for each in self.beside))
        return ngettext(
            "%(models)s answered too",
            "%(models)s both answered too",
            len(names),
            models=format_list(names, locale=locale()),
        )

    @property
    def being_written(self) -> tuple[str, ...]:
        """The ids of the running replies here, in any column."""
        return tuple(each.id for each in self.sides if each.running)

    @property
    def continuable(self) -> bool:
        """Whether it ended before it was complete, with text that can be gone on with."""
        cut = self.reason in TROUBLE and self.reason not in FILTERED
        return bool(self.text) and (
            self.state in ("stopped", "interrupted", "failed") or (self.state == "complete" and cut)
        )

    @property
    def body(self) -> Markup:
        """The rendered reply: our own renderer made it, and its last step was the sanitiser."""
        return Markup(self.html)  # noqa: S704 (sanitised when it was stored)

    @property
    def thoughts(self) -> Markup:
        """Its reasoning in paragraphs; '' when there is none."""
        return thoughts.whole(self.reasoning)

    @property
    def thinking(self) -> str:
        """What its reasoning is called, in the reader's language."""
        return thoughts.heading(self.thought_ms, thinking=self.running)

    @property
    def problem(self) -> str:
        """One sentence for the reader, '' when all is well."""
        message, action = self._trouble
        if action == OWN_KEY:
            key = self.model.partition("/")[0]
            return gettext(message, provider=SERVICES.get(key, key))
        return gettext(message) if message else ""

    @property
    def problem_action(self) -> str:
        return self._trouble[1]

    @property
    def _trouble(self) -> tuple[str, str]:
        if self.reason in FILTERED and self.state in ("complete", "failed"):
            return TROUBLE["filter" if self.text.strip() else "filtered"]
        if self.own_key and self.reason in OWN_TROUBLE:
            return OWN_TROUBLE[self.reason], OWN_KEY
        if self.state in ("stopped", "interrupted"):  # the reason is why it could not go on
            return TROUBLE.get(self.reason, TROUBLE[self.state])
        if self.state == "failed":
            return TROUBLE.get(self.reason, TROUBLE["protocol"])
        if self.reason == "length" and not self.text.strip():
            thought = self.reasoning or self.reasoning_tokens
            return TROUBLE["thinking" if thought else "silent"]
        if self.state == "complete" and self.reason not in TROUBLE and not self.text.strip():
            return TROUBLE["empty"]
        return TROUBLE.get(self.reason, ("", "")) if self.state == "complete" else ("", "")
