"""What processes tell each other about replies. A note that is lost costs time, never text."""

import json
from collections.abc import Iterator, Sequence

from chat.db.database import LONGEST_NOTE
from chat.replies.domain import Chunk

CHUNKS, END, STOP, READERS = "c", "e", "s", "r"  # the first letter of a note


def of_chunks(chunks: Sequence[Chunk]) -> list[str]:
    """As few notes as it takes; a chunk that is too long for one goes without its text."""
    found: list[list[str]] = []
    room = 0
    for chunk in chunks:
        part = _part(chunk)
        needed = len(part.encode()) + 1
        if needed > room:
            found.append([])
            room = LONGEST_NOTE - 3
        found[-1].append(part)
        room -= needed
    return [f"{CHUNKS}[{','.join(parts)}]" for parts in found]


def of_end(reply_id: str) -> str:
    return END + reply_id


def of_stop(reply_id: str) -> str:
    return STOP + reply_id


def of_readers(machine: str, worker: int, readers: int) -> str:
    """So many pages read along in this process."""
    return READERS + _json([machine, worker, readers])


def first_in(note: str) -> str:
    """The reply of the first chunk, without reading the note; '' in any other note."""
    return note[4 : note.find('"', 4)] if note.startswith(f'{CHUNKS}[["') else ""


def chunks_in(note: str) -> Iterator[tuple[str, int, int, str | None, str]]:
    """(reply id, epoch, number, text, thoughts) of each chunk; without text (None) look it up."""
    for reply_id, epoch, seq, body, *thought in json.loads(note[1:]):
        yield reply_id, epoch, seq, body, "".join(thought)


def readers_in(note: str) -> tuple[str, int, int]:
    """(machine, worker, readers)."""
    machine, worker, readers = json.loads(note[1:])
    return machine, worker, readers


def _part(chunk: Chunk) -> str:
    thought = [chunk.thought] if chunk.thought else []  # the usual case as it always was
    part = _json([chunk.reply_id, chunk.epoch, chunk.seq, chunk.body, *thought])
    if len(part.encode()) < LONGEST_NOTE - 3:
        return part
    return _json([chunk.reply_id, chunk.epoch, chunk.seq, None])


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
