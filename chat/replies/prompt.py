"""What a model is sent: the part of the conversation that fits it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from chat.conversations.context import LARGEST_WINDOW, Measure, before, fits, part, room
from chat.conversations.domain import Message
from chat.conversations.material import Material
from chat.providers.domain import Model, Prompt, Turn
from chat.providers.tokens import estimate

BYTES_PER_TOKEN = 3  # errs on the safe side for most languages
NOTHING = Material()
SMALLER = 0.6  # of a prompt that was refused as too long


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt; `since`: the first message in it, '' when nothing was left out before.

    `tokens`: how many it has, by our estimate. `cut`: the files of the question are longer than
    what is sent of them.
    """

    prompt: Prompt
    since: str = ""
    tokens: int = 0
    cut: bool = False


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
    materials: Mapping[str, Material] | None = None,
    most: int = 0,
) -> Asked:
    """The newest turns that fit; the last question goes in whatever its size.

    A question whose answer never came stays; the first turn is a person's, as every wire wants it.
    An answer that is gone on with comes last, behind its question; of one that is too long for the
    window the end is what matters. `echoes`: what this model wants back with its own answers, by
    the ids of their messages; `materials`: what files add to messages. `most`: tokens of our
    estimate, 0 for what the window takes.
    """
    first = before(system)
    told, files = echoes or {}, materials or {}
    more = {message_id: len(echo) // BYTES_PER_TOKEN for message_id, echo in told.items()}
    more |= {message_id: file.tokens(message_id) for message_id, file in files.items()}
    found = part(history, model, measure, system=first, more=more, most=most)
    sent = [message for message in history[found.first :] if message.text or message.id in files]
    turns = [_turn(message, told, files) for message in sent]
    tokens = found.tokens + first
    if turns and turns[-1].role == "assistant":
        there = int(fits(history, model, measure, first))
        cut = _end_of(turns[-1], min(there, most or there) * BYTES_PER_TOKEN // 2)
        tokens -= estimate(turns[-1].text[: len(turns[-1].text) - len(cut.text)])
        turns[-1] = cut
    while len(turns) > 1 and turns[0].role == "assistant":
        turns.pop(0)
    left_out = found.first > 0 or bool(history and history[0].parent_id)
    since = history[found.first].id if left_out and found.first < len(history) else ""
    questions = [message.id for message in sent if message.role == "user"]
    shortened = bool(questions) and files.get(questions[-1], NOTHING).cut
    return Asked(Prompt(model=model, turns=tuple(turns), system=system), since, tokens, shortened)


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


def _turn(message: Message, echoes: Mapping[str, str], files: Mapping[str, Material]) -> Turn:
    if message.role != "user":
        return Turn("assistant", message.text, echo=echoes.get(message.id, ""))
    material = files.get(message.id, NOTHING)
    return Turn("user", material.text + message.text, material.images)
