"""The one HTTP client of the providers, and what its failures mean in the words of the domain."""

import asyncio
from dataclasses import dataclass
from math import inf

import aiohttp

from chat.providers.domain import ProviderError
from chat.providers.pace import PACE

MAX_LINE = 1_000_000  # bytes


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a provider may take, in seconds, and how often it is asked again."""

    connect: float = 10
    first: float = 60  # silence before the first event
    idle: float = 60  # silence between two events; a keep-alive counts as life
    tail: float = 5  # for what may follow the end of the text: usage, the end mark
    models: float = 2
    retries: int = 2
    backoff: float = 0.5  # before the first retry, doubled for the next, ± 50 %


def session(connector: aiohttp.BaseConnector | None = None) -> aiohttp.ClientSession:
    """A client for providers; to be made inside the event loop and closed by who made it.

    It asks for no compression and undoes none, so that no answer can grow in memory; it has no
    limit on connections and keeps no cookies. For a Unix socket pass an `aiohttp.UnixConnector`.
    """
    return aiohttp.ClientSession(
        connector=connector or aiohttp.TCPConnector(limit=0),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "identity", "User-Agent": "Prosa"},
        timeout=aiohttp.ClientTimeout(total=None),
    )


def failure(error: Exception) -> ProviderError:
    """What an exception of the client means."""
    message = str(error) or type(error).__name__
    if isinstance(error, TimeoutError):
        return ProviderError("timeout", message)
    if isinstance(error, aiohttp.ClientResponseError | ValueError):
        return ProviderError("protocol", message)
    return ProviderError("network", message)


CLIENT_ERRORS = (aiohttp.ClientError, OSError, TimeoutError, ValueError)


async def read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The body, or its first `limit` bytes."""
    body = bytearray()
    while len(body) < limit and (data := await response.content.readany()):
        body += data
    return bytes(body[:limit])


async def drain(response: aiohttp.ClientResponse, wait: float = 0.05) -> None:
    """Read to the end if it is near: only then the connection can be used again."""
    try:
        async with asyncio.timeout(wait):
            while await response.content.readany():
                pass
    except CLIENT_ERRORS:
        response.close()


class Watch:
    """Closes a response from which nothing comes while somebody waits for it.

    One timer for a stream: `asyncio.timeout` around each read costs as much as parsing it.
    """

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._limit = 0.0
        self._since = inf
        self._expired = False

    def limit(self, seconds: float) -> None:
        """From the next read on, how long a read may wait."""
        if seconds != self._limit:
            self.stop()
            self._limit = seconds
            self._timer = self._loop.call_later(seconds, self._check)

    async def read(self) -> bytes:
        """The bytes that are there, empty at the end; ProviderError when they fail to come."""
        self._since = self._loop.time()
        try:
            return await self._response.content.readany()
        except CLIENT_ERRORS as error:
            if self._expired:
                silence = f"nothing came for {self._limit:g} s"
                raise ProviderError("timeout", silence) from error
            raise failure(error) from error
        finally:
            self._since = inf

    async def gather(self, until: float) -> None:
        """Leave what comes in the kernel until then: one read of it all costs what each cost."""
        connection = self._response.connection
        transport = connection and connection.transport
        if not transport or transport.is_closing():
            return  # all of it is here, or none will come
        transport.pause_reading()
        try:
            await PACE.until(until)
        finally:
            transport.resume_reading()

    def stop(self) -> None:
        if self._timer:
            self._timer.cancel()

    def _check(self) -> None:
        left = self._since + self._limit - self._loop.time()
        if left <= 0:
            self._expired = True
            self._response.close()
        else:
            self._timer = self._loop.call_later(min(left, self._limit), self._check)


class Lines:
    """Bytes in any cut in, whole lines out, without their newline."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes; ProviderError when one is over 1 MB."""
        lines = data.split(b"\n")
        if self._rest or len(lines) == 1:
            self._rest += lines[0]
            if len(self._rest) > MAX_LINE:
                raise ProviderError("protocol", "a line of the stream is over 1 MB")
            if len(lines) == 1:
                return []
            lines[0] = bytes(self._rest)
            self._rest.clear()
        if last := lines.pop():
            self._rest += last
        return lines
