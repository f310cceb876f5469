"""Models, what they are asked, what they answer, how they fail: the words of every wire."""

import base64
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal, Protocol

Kind = Literal[
    "auth", "billing", "not_found", "rate_limit", "overloaded", "context", "unsupported",
    "bad_request", "filtered", "timeout", "network", "truncated", "protocol", "too_long",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Price:
    """Micro-dollars for a million tokens."""

    input: int
    cached: int
    output: int
    written: int | None = None  # to a cache; None: as `input`


@dataclass(frozen=True, slots=True)
class Model:
    """One model that can be asked. `context` and `max_output` are tokens; 0 means not known."""

    id: str  # the picker's value: "<provider key>/<the provider's own id>"
    provider: str  # the group in the picker: "OpenAI", "Ollama", …
    name: str  # what people call it
    note: str = ""  # what it is good for, in about six words (English, a key of translations)
    context: int = 0
    max_output: int = 0
    context_limit: int = 0  # tokens of the window that may be used, 0 for the usual guard
    reasons: bool = False  # whether it is known to think before it answers
    sees: bool = False  # whether it is known to read images
    plan: str = ""  # the key of the one from which on it is to be had; '' for all
    price: Price | None = None
    own: bool = False  # whether who chose it has a key of their own for it: said for one request

    @property
    def endpoint(self) -> str:
        return self.id.partition("/")[0]

    @property
    def own_id(self) -> str:
        return self.id.partition("/")[2]


@dataclass(frozen=True, slots=True)
class Image:
    """A picture that goes to a model as it is: small enough for all of them, no metadata."""

    type: str  # image/jpeg, image/png, image/webp
    data: bytes

    def base64(self) -> str:
        """As every wire wants it: 5 ms for the largest there are, so not for many on the loop."""
        return base64.b64encode(self.data).decode()


@dataclass(frozen=True, slots=True)
class Turn:
    role: Literal["user", "assistant"]
    text: str
    images: tuple[Image, ...] = ()
    echo: str = ""  # of an answer by this very model of this endpoint: what its wire wants back


@dataclass(frozen=True, slots=True)
class Prompt:
    """`turns`: oldest first. `system` is empty or stable text.

    The last turn is the person's; or it is the beginning of an answer, to be gone on with.
    `temperature` None and `max_output` 0 (tokens) leave it to the provider.
    """

    model: Model
    turns: tuple[Turn, ...]
    system: str = ""
    temperature: float | None = None
    max_output: int = 0

    @property
    def most_output(self) -> int:
        """Tokens that the answer may have: what was asked for or the model's limit; 0 for none."""
        return min((most for most in (self.max_output, self.model.max_output) if most), default=0)

    @property
    def personal(self) -> bool:
        """Whether there are figures in it that a person chose, and may have chosen badly."""
        return self.temperature is not None or self.max_output > 0


# For wires that begin a new answer behind whatever comes last.
CONTINUE = (
    "Your last answer was cut off. Go on exactly where it stops, in the middle of the word or "
    "sentence if need be: write only what is missing, repeat nothing, introduce nothing."
)


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    text: str


@dataclass(frozen=True, slots=True)
class Echo:
    """Opaque JSON that the same model wants back with this answer; a later one replaces it."""

    data: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them; `cached` is part of `input`, `reasoning` of `output`.

    `written`: the part of `input` that it put into a cache, where that has a price of its own.

    So say OpenAI's wire and, of what is cached, Gemini's; the other two adapters add up what theirs
    count apart: what Anthropic's read from and wrote to its cache, what Gemini's models thought.
    """

    input: int = 0
    output: int = 0
    cached: int = 0
    reasoning: int = 0
    written: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """The one way a stream ends well. `length`: cut off at the model's limit."""

    reason: Literal["stop", "length", "filter", "tool", "other"]


Event = TextDelta | ReasoningDelta | Echo | Usage | Done


class ProviderError(Exception):
    """The one way a stream fails. `message` is for the log: the provider's words, cut, no keys.

    `status` is the HTTP status or 0, `retry_after` seconds or 0 when the provider named none.
    """

    def __init__(
        self, kind: Kind, message: str = "", *, status: int = 0, retry_after: float = 0
    ) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message
        self.status = status
        self.retry_after = retry_after


class Provider(Protocol):
    """Somewhere models live."""

    key: str  # the first part of its models' ids
    label: str  # the group in the picker

    async def models(self) -> list[Model]:
        """What it offers now; ProviderError when it cannot say."""
        ...

    def stream(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        """The answer, ending in exactly one Done or one ProviderError.

        Closing the generator closes the connection. To be consumed through `contextlib.aclosing`.
        """
        ...

    def warm(self) -> None:
        """Make ready for a question that is likely to come; returns at once."""
        ...

    async def close(self) -> None: ...


class Keyed(Provider, Protocol):
    """A provider that can be asked with somebody's own key."""

    def with_key(self, api_key: str) -> Provider:
        """The same place, asked with this key; there is nothing more to close."""
        ...
