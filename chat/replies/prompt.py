"""What a model is sent: the conversation so far, as much of it as fits."""

from collections.abc import Iterable

from chat.conversations.domain import Message
from chat.providers.domain import Model, Prompt, Turn

UNKNOWN_WINDOW = 4_096  # tokens; local endpoints that do not say usually have no more
LARGEST_WINDOW = 32_000  # tokens; a guard against the cost of a very long conversation
BYTES_PER_TOKEN = 3  # errs on the safe side for most languages


def build(history: Iterable[Message], model: Model, system: str = "") -> Prompt:
    """The newest turns that fit the model's window; the last question goes in whatever its size.

    What is left out begins with the oldest. A question whose answer never came stays; the first
    turn is a person's, as every wire wants it. An answer that is gone on with comes last, behind
    its question; of one that is too long for the window the end is what matters.
    """
    turns = [_turn(message) for message in history if message.text]
    room = _room(model) - (_tokens(system) if system else 0)
    least = 1
    if turns and turns[-1].role == "assistant":
        turns[-1], least = _end_of(turns[-1], max(room, 64) * BYTES_PER_TOKEN // 2), 2
    kept: list[Turn] = []
    for turn in reversed(turns):
        room -= _tokens(turn.text)
        if len(kept) >= least and room < 0:
            break
        kept.insert(0, turn)
    while len(kept) > 1 and kept[0].role == "assistant":
        kept.pop(0)
    return Prompt(model=model, turns=tuple(kept), system=system)


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
    return Turn(turn.role, turn.text.encode()[-most:].decode(errors="ignore"))


def _turn(message: Message) -> Turn:
    return Turn("user" if message.role == "user" else "assistant", message.text)
