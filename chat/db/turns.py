"""A queue for what there are only a few of, whose patience is with it standing still."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """At most so many at once, in the order in which they came."""

    def __init__(self, most: int) -> None:
        self._free = asyncio.Semaphore(most)
        self._served = 0.0  # when somebody last had what they came for; monotonic

    @asynccontextmanager
    async def one(self, patience: float, longest: float) -> AsyncIterator[None]:
        """TimeoutError once nobody was served for `patience` seconds, or after `longest` of them.

        A long queue that moves is no reason to turn somebody away: everybody would come again.
        """
        if self._free.locked():
            await self._wait(patience, longest)
        else:
            await self._free.acquire()
        try:
            yield
            self._served = time.monotonic()
        finally:
            self._free.release()

    async def _wait(self, patience: float, longest: float) -> None:
        asked = time.monotonic()
        coming = asyncio.ensure_future(self._free.acquire())
        try:
            while not coming.done():
                until = min(max(asked, self._served) + patience, asked + longest)
                if (left := until - time.monotonic()) <= 0:
                    raise TimeoutError
                await asyncio.wait({coming}, timeout=left)
        except BaseException:
            if not coming.cancel():  # it came just now
                self._free.release()
            raise
