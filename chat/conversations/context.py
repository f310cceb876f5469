"""Which part of a conversation a model is sent: its newest turns, as many as fit its window.

Where that begins moves seldom and then far. A provider keeps what it has read of the beginning of a
prompt; a beginning that moved with each turn would have to be read, and paid, anew each time.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chat.conversations.domain import Message
from chat.providers.domain import Model
from chat.providers.tokens import OF_A_TURN, counted, estimate

UNKNOWN_WINDOW = 4_096  # tokens; local endpoints that do not say usually have no more
LARGEST_WINDOW = 32_000  # tokens; a guard against the cost of a very long conversation
KEPT = 0.6  # of the room, when a beginning has to move
LEAST_RATIO, MOST_RATIO = 0.3, 3.0
_LIMITS = (  # what providers say when a prompt was too long
    re.compile(r"> ?(\d[\d,]{2,9})"),
    re.compile(r"(\d[\d,]{2,9}) (?:tokens? )?max"),
    re.compile(r"(?:max|available|allowed|limit|context|n_ctx)[^\d.]{1,40}(\d[\d,]{2,9})", re.I),
)


@dataclass(frozen=True, slots=True)
class Measure:
    """What was learnt of a model. `window`: tokens, 0 as long as its list is believed.

    `ratio`: how many tokens it counts for each of our estimate.
    """

    window: int = 0
    ratio: float = 1.0


@dataclass(frozen=True, slots=True)
class Part:
    """What is sent: from message `first` of the history on, about so many of our tokens."""

    first: int
    tokens: int


def window(model: Model, measure: Measure) -> int:
    """Tokens that a prompt and its answer may have together."""
    most = min(model.context or UNKNOWN_WINDOW, model.context_limit or LARGEST_WINDOW)
    return min(most, measure.window or most)


def room(model: Model, measure: Measure, system: int = 0) -> int:
    """Tokens, as the model counts, for the turns: what an answer needs and a margin are left."""
    whole = window(model, measure)
    answer = min(model.max_output or whole, max(1_024, whole // 4), whole // 2)
    return max(0, whole - answer - min(whole // 20 + 200, whole // 8) - system)


def fits(history: Sequence[Message], model: Model, measure: Measure, system: int = 0) -> float:
    """Tokens of our estimate that the turns may have; `system` as in `room`."""
    return room(model, measure, system) / ratio(history, model, measure)


def ratio(history: Sequence[Message], model: Model, measure: Measure) -> float:
    """What this conversation showed last, where it did: languages differ more than models."""
    for message in reversed(history):
        known = message.model == model.id and message.asked and not message.estimated
        if known and message.input_tokens:
            return clamped(message.input_tokens / message.asked)
    return measure.ratio


def clamped(value: float) -> float:
    return min(MOST_RATIO, max(LEAST_RATIO, value))


def part(
    history: Sequence[Message],
    model: Model,
    measure: Measure,
    *,
    system: int = 0,
    more: Mapping[str, int] | None = None,
    most: int = 0,
) -> Part:
    """What of a path, oldest first, this model is sent; its last message goes in whatever its size.

    As long as it fits it begins where it did when this model was asked last. `system`: tokens that
    stand before the turns; `more`: those that messages have beside their text, by id; `most`: of
    our estimate, for all of it (0: as the window has room).
    """
    besides = more or {}
    sizes = [tokens(message) + besides.get(message.id, 0) for message in history]
    there = fits(history, model, measure, system)
    there = min(there, most or there)
    first = begun(history, model)
    if sum(sizes[first:]) > there:
        starts = [at for at in range(first + 1, len(history)) if history[at].role == "user"]
        least = max(starts, default=first)
        roomy = (at for at in starts if sum(sizes[at:]) <= there * KEPT)
        first = next(roomy, least)
    return Part(first, sum(sizes[first:]))


def begun(history: Sequence[Message], model: Model) -> int:
    """Where what this model was sent last begins in the path; 0 when it was never asked there."""
    places = {message.id: at for at, message in enumerate(history)}
    for message in reversed(history):
        if message.model == model.id and message.asked:
            return places.get(message.since, 0)
    return 0


def before(system: str) -> int:
    """Tokens of what stands before the turns."""
    return estimate(system) + OF_A_TURN if system else 0


def boundary(history: Sequence[Message], model_id: str) -> str:
    """The first message that this model was sent last, '' when that was everything."""
    asked = (each for each in reversed(history) if each.model == model_id and each.asked)
    return next((each.since for each in asked), "")


def tokens(message: Message) -> int:
    """About how many a message has in a prompt; nothing when it is not sent."""
    return counted(message.id, message.text) + OF_A_TURN if message.text else 0


def limit_in(words: str) -> int:
    """The number of tokens that a provider says it takes at most; 0 when it names none."""
    for pattern in _LIMITS:
        if found := pattern.search(words):
            return int(found[1].replace(",", ""))
    return 0
