"""What a model is sent: the part of the conversation that fits it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from chat.conversations.context import LARGEST_WINDOW, Measure, part, ratio, room
from chat.conversations.domain import Message
from chat.providers.domain import Model, Prompt, Turn
from chat.providers.tokens import OF_A_TURN, estimate

BYTES_PER_TOKEN = 3  # errs on the safe side for most languages
SMALLER = 0.6  # of a prompt that was refused as too long


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt; `since`: the first message in it, '' when nothing was left out before.

    `tokens`: how many it has, by our estimate.
    """

    prompt: Prompt
    since: str = ""
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Overflow:
    """A prompt that a provider refused: how long it was, by our estimate, and what was said."""

    tokens: int
    words: str


def build(
    history: Sequence[Message],
    model: Model,
    measure: Measure = Measure(),  # noqa: B008 (frozen)
    *,
    system: str = "",
    echoes: Mapping[str, str] | None = None,
    most: int = 0,
) -> Asked:
    """The newest turns that fit; the last question goes in whatever its size.

    A question whose answer never came stays; the first turn is a person's, as every wire wants it.
    An answer that is gone on with comes last, behind its question; of one that is too long for the
    window the end is what matters. `echoes`: what this model wants back with its own answers, by
    the ids of their messages. `most`: tokens of our estimate, 0 for what the window takes.
    """
    before = estimate(system) + OF_A_TURN if system else 0
    told = echoes or {}
    more = {message_id: len(echo) // BYTES_PER_TOKEN for message_id, echo in told.items()}
    found = part(history, model, measure, system=before, more=more, most=most)
    sent = [message for message in history[found.first :] if message.text]
    turns = [_turn(message, told.get(message.id, "")) for message in sent]
    tokens = found.tokens + before
    if turns and turns[-1].role == "assistant":
        fits = int(room(model, measure, before) / ratio(history, model, measure))
        cut = _end_of(turns[-1], min(fits, most or fits) * BYTES_PER_TOKEN // 2)
        tokens -= estimate(turns[-1].text[: len(turns[-1].text) - len(cut.text)])
        turns[-1] = cut
    while len(turns) > 1 and turns[0].role == "assistant":
        turns.pop(0)
    left_out = found.first > 0 or bool(history and history[0].parent_id)
    since = history[found.first].id if left_out and found.first < len(history) else ""
    return Asked(Prompt(model=model, turns=tuple(turns), system=system), since, tokens)


def longest_echo(model: Model) -> int:
    """Characters that may go back with one answer: less than would push much of the talk out."""
    return room(model, Measure()) * BYTES_PER_TOKEN // 8


def newest(texts: Iterable[str]) -> list[str]:
    """Of texts, newest first, those that a prompt for a model nobody knows any more had at most."""
    left, kept = LARGEST_WINDOW, list[str]()
    for text in texts:
        left -= len(text.encode()) // BYTES_PER_TOKEN + 8
        if kept and left < 0:
            break
        kept.append(text)
    return kept


def _end_of(turn: Turn, most: int) -> Turn:
    """The last `most` bytes of a turn, in whole characters."""
    return replace(turn, text=turn.text.encode()[-most:].decode(errors="ignore"))


def _turn(message: Message, echo: str) -> Turn:
    return Turn("user" if message.role == "user" else "assistant", message.text, echo=echo)
