"""What a model is sent: the conversation so far, as much of it as fits."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from chat.conversations.domain import Message
from chat.providers.domain import Model, Prompt, Turn

UNKNOWN_WINDOW = 4_096  # tokens; local endpoints that do not say usually have no more
LARGEST_WINDOW = 32_000  # tokens; a guard against the cost of a very long conversation
BYTES_PER_TOKEN = 3  # errs on the safe side for most languages


def build(
    history: Iterable[Message], model: Model, echoes: Mapping[str, str] | None = None
) -> Prompt:
    """The newest turns that fit the model's window; the last question goes in whatever its size.

    What is left out begins with the oldest. A question whose answer never came stays; the first
    turn is a person's, as every wire wants it. An answer that is gone on with comes last, behind
    its question; of one that is too long for the window the end is what matters. `echoes`: what
    this model wants back with its own answers, by the ids of their messages.
    """
    told = echoes or {}
    turns = [_turn(message, told.get(message.id, "")) for message in history if message.text]
    room = _room(model)
    least = 1
    if turns and turns[-1].role == "assistant":
        turns[-1], least = _end_of(turns[-1], room * BYTES_PER_TOKEN // 2), 2
    kept: list[Turn] = []
    for turn in reversed(turns):
        room -= _tokens(turn.text) + len(turn.echo) // BYTES_PER_TOKEN
        if len(kept) >= least and room < 0:
            break
        kept.insert(0, turn)
    while len(kept) > 1 and kept[0].role == "assistant":
        kept.pop(0)
    return Prompt(model=model, turns=tuple(kept))


def longest_echo(model: Model) -> int:
    """Characters that may go back with one answer: less than would push much of the talk out."""
    return _room(model) * BYTES_PER_TOKEN // 8


def newest(texts: Iterable[str]) -> list[str]:
    """Of texts, newest first, those that a prompt for a model nobody knows any more had at most."""
    room, kept = LARGEST_WINDOW, list[str]()
    for text in texts:
        room -= _tokens(text)
        if kept and room < 0:
            break
        kept.append(text)
    return kept


def _room(model: Model) -> int:
    window = min(model.context or UNKNOWN_WINDOW, LARGEST_WINDOW)
    reserved = min(model.max_output or window, max(1_024, window // 4), window // 2)
    return window - reserved - window // 20


def _tokens(text: str) -> int:
    return len(text.encode()) // BYTES_PER_TOKEN + 8


def _end_of(turn: Turn, most: int) -> Turn:
    """The last `most` bytes of a turn, in whole characters."""
    return replace(turn, text=turn.text.encode()[-most:].decode(errors="ignore"))


def _turn(message: Message, echo: str) -> Turn:
    return Turn("user" if message.role == "user" else "assistant", message.text, echo=echo)
