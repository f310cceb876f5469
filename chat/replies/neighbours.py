"""The other processes on this machine that are read along in: all of them share its cores."""

import socket
from pathlib import Path

from chat.db.database import Database
from chat.providers.pace import Pace
from chat.replies import notes

GONE = 2  # beats without a word


class Neighbours:
    """Says how many read along here, and hears it of the others, to tell the pace of this process.

    It counts its own beats instead of comparing clocks.
    """

    def __init__(self, db: Database, pace: Pace, machine: str = "") -> None:
        self._db = db
        self._pace = pace
        self._machine = machine or _machine()
        self._told = 0
        self._heard: dict[int, tuple[int, int]] = {}  # by worker: (readers, beats since then)

    async def beat(self) -> None:
        """To be called every other second. Unavailable when nothing can be told."""
        self._heard = {
            worker: (readers, beats + 1)
            for worker, (readers, beats) in self._heard.items()
            if beats < GONE
        }
        self._share()
        readers = self._pace.readers
        if readers or self._told:  # where nobody reads there is nothing to say, but once that
            note = notes.of_readers(self._machine, self._db.worker, readers)
            await self._db.tell([note])
            self._told = readers

    def hear(self, note: str) -> None:
        machine, worker, readers = notes.readers_in(note)
        if machine == self._machine and worker != self._db.worker:
            self._heard[worker] = (readers, 0)
            self._share()

    def _share(self) -> None:
        found = [readers for readers, _ in self._heard.values() if readers]
        self._pace.share(len(found), sum(found))


def _machine() -> str:
    """What all that run on the same cores have in common, in containers too where they tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return socket.gethostname()
