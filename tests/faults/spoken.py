"""What a model says, word by word, and what a page that watches has seen of it, and when."""

import asyncio
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import aiohttp
from bs4 import Tag

from tests.people import Event, Person


class Spoken(list[str]):
    """Numbered words. `said`: all that the model server has begun to hand over so far."""

    def __init__(self, mark: str, length: int) -> None:
        super().__init__(f"{mark}-{n}{chr(10) * 2 if n % 20 == 19 else ' '}" for n in range(length))
        self.given = 0

    def __iter__(self) -> Iterator[str]:
        for number, word in enumerate(super().__iter__(), start=1):
            self.given = number
            yield word

    @property
    def whole(self) -> str:
        return "".join(super().__iter__())

    @property
    def said(self) -> str:
        return "".join(self[: self.given])


class Watcher:
    """A page that follows a reply and comes back whenever the server is away, as browsers do."""

    def __init__(self, person: Person, reply: str) -> None:
        self.reply = reply
        self.seen: list[tuple[float, list[str]]] = []  # (monotonic time, all words shown then)
        self.warning = ""
        self.final: Tag | None = None
        self.ended_at = 0.0
        self._person = person
        self._blocks = self._tail = ""
        self.task = asyncio.create_task(self._follow())

    def seen_before(self, moment: float) -> list[str]:
        """The words that were shown at `moment`."""
        return next((words for when, words in reversed(self.seen) if when < moment), [])

    async def _follow(self) -> None:
        last = ""
        while self.final is None:
            try:
                async for event in self._person.events(self.reply, last):
                    last = event.id or last
                    self._take(event)
            except (aiohttp.ClientError, OSError):
                await asyncio.sleep(0.05)  # the server is away: as long as a browser would at least
        self.ended_at = time.monotonic()

    def _take(self, event: Event) -> None:
        for part in event.html.select("hx-partial"):
            target, text = str(part["hx-target"]), part.get_text(" ")
            grows = part["hx-swap"] == "beforeend"
            if target == f"#m-{self.reply}":
                self.final = part.select_one("article")
            elif target == f"#m-{self.reply}-blocks":
                self._blocks = f"{self._blocks} {text}" if grows else text
            elif target.startswith(f"#m-{self.reply}-tail"):
                self._tail = self._tail + text if grows else text
            elif target == f"#m-{self.reply}-warning":
                self.warning = text
        self.seen.append((time.monotonic(), f"{self._blocks} {self._tail}".split()))


class Disk:
    """What is on disk at this moment, read from a copy: the next server finds it untouched."""

    def __init__(self, data: Path, scratch: Path) -> None:
        scratch.mkdir(exist_ok=True)
        log = None
        while log != (log := _head(data / "chat.db-wal")):  # begun anew: what was in it is missed
            for name in ("chat.db", "chat.db-wal"):
                (scratch / name).unlink(missing_ok=True)
                if (data / name).exists():
                    shutil.copyfile(data / name, scratch / name)
        with closing(sqlite3.connect(scratch / "chat.db")) as db:
            self.damage = [row[0] for row in db.execute("PRAGMA integrity_check")]
            self.damage += [str(row) for row in db.execute("PRAGMA foreign_key_check")]
            self.questions = dict(
                db.execute("SELECT text, count(*) FROM messages WHERE role = 'user' GROUP BY text")
            )
            self.states = dict(db.execute("SELECT id, state FROM replies"))
            self.texts = dict(db.execute("SELECT id, text FROM messages WHERE role = 'assistant'"))
            chunks = db.execute("SELECT reply_id, body FROM reply_chunks ORDER BY reply_id, seq")
            for reply, body in chunks:
                self.texts[reply] += body

    @property
    def running(self) -> bool:
        return bool({"pending", "streaming"} & set(self.states.values()))


def _head(log: Path) -> bytes:
    """What is another whenever SQLite begins its log anew."""
    with suppress(FileNotFoundError), log.open("rb") as file:
        return file.read(32)
    return b""
