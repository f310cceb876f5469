"""What nobody holds any more leaves the disk: at once where it can, and looked for every hour."""

import asyncio
import json
import logging
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from chat.attachments.disk import on_disk
from chat.attachments.domain import UNSENT
from chat.attachments.keeping import Files
from chat.attachments.repository import SQL, STALE
from chat.db.database import Database, Transaction
from chat.errors import ChatError
from chat.web.current import Clock

HOUR, DAY = 3_600_000, 86_400_000
BATCH = 200
EVERY = 3_600.0  # seconds
SOON = 0.5  # seconds after a deletion: several that come together are one
QUICK = 20.0  # seconds that one removal may take, far below STALE
log = logging.getLogger(__name__)


class Cleaning:
    """Every process may do this at the same time."""

    def __init__(self, db: Database, files: Files, clock: Clock) -> None:
        self._db = db
        self._files = files
        self._clock = clock

    async def forever(self) -> None:
        """Everything at first, as whoever is started often may never live for an hour; then again
        every hour, however much is deleted in between."""
        loop = asyncio.get_running_loop()
        sweep_at = loop.time()
        while True:
            whole = loop.time() >= sweep_at
            if whole:
                sweep_at = loop.time() + EVERY
            self._files.freed.clear()
            try:
                await (self.sweep() if whole else self.remove_unheld())
            except (ChatError, OSError) as error:
                log.warning("files could not be removed yet: %s", error)
            except Exception:
                log.exception("removing files failed")
            with suppress(TimeoutError):
                async with asyncio.timeout_at(sweep_at):
                    await self._files.freed.wait()
                    await asyncio.sleep(SOON)

    async def sweep(self) -> None:
        """Everything: also what was never sent, what arrived half, and what no row knows."""
        await self._db.run(SQL["forget_unsent"], before=self._clock() - UNSENT)
        await self.remove_unheld()
        await on_disk(_drop_old, self._files.folder, (self._clock() - HOUR) / 1000)
        await self._remove_unknown()

    async def remove_unheld(self) -> None:
        """Contents that no attachment holds: marked, off the disk, then out of the table.

        The mark keeps everybody from holding them anew until they are gone.
        """
        while True:
            stale = self._clock() - STALE
            found = await self._db.all(SQL["unheld"], stale=stale, limit=BATCH)
            gone = [await self._remove(row["file"]) for row in found]
            if not all(gone) or len(found) < BATCH:
                return

    async def _remove(self, file: str) -> bool:
        marked = self._clock()

        async def mark(tx: Transaction) -> str | None:
            await tx.lock(f"file {file}")
            rows = await tx.all(SQL["mark"], file=file, now=marked, stale=marked - STALE)
            return str(rows[0]["derived"]) if rows else None

        derived = await self._db.transaction(mark)
        if derived is None:
            return True
        names = [f"{file}.{each.partition(':')[0]}" for each in derived.split()]
        return await self._off_the_disk(file, [*names, file], marked)

    async def _off_the_disk(self, file: str, names: Iterable[str], marked: int) -> bool:
        async with asyncio.timeout(QUICK):
            for name in names:
                await self._files.store.delete(name)
        return bool(await self._db.run(SQL["drop_file"], file=file, marked=marked))

    async def _remove_unknown(self) -> None:
        """Contents without a row; new ones may get theirs in a moment."""
        waiting: list[str] = []
        async for name in self._files.store.names(self._clock() - DAY):
            waiting.append(name)
            if len(waiting) == BATCH:
                await self._check(waiting)
                waiting = []
        await self._check(waiting)

    async def _check(self, names: list[str]) -> None:
        if not names:
            return
        files = sorted({name.partition(".")[0] for name in names})
        rows = await self._db.all(SQL["known"], ids=json.dumps(files))
        known = {row["file"] for row in rows}
        for file in files:
            # A marked row of its own: whoever brings this content now waits until it is gone.
            marked = self._clock()
            if file not in known and await self._db.run(SQL["adopt"], file=file, now=marked):
                unknown = [name for name in names if name.startswith(file)]
                await self._off_the_disk(file, unknown, marked)


def _drop_old(folder: Path, before: float) -> None:
    """Of uploads that were cut off; what still arrives is written to all the time."""
    for path in folder.iterdir() if folder.is_dir() else ():
        try:
            old = path.stat().st_mtime < before
        except FileNotFoundError:
            continue
        if old and path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif old:
            path.unlink(missing_ok=True)
