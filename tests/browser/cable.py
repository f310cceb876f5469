"""A network cable between a browser and a site: it can be cut, and plugged in elsewhere."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


class Cable:
    """`base` stays the same, whichever site is at the other end."""

    def __init__(self, site: str) -> None:
        self.base = ""
        self._port: int | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.plug(site)

    def plug(self, site: str) -> None:
        self._port = urlsplit(site).port

    def cut(self) -> None:
        """What is under way breaks, and nothing new gets through."""
        self._port = None
        for writer in self._open:
            writer.transport.abort()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._port is None:
            writer.transport.abort()
            return
        port = self._port
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        if self._port != port:  # it was cut meanwhile
            writer.transport.abort()
            far_writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._open |= ends
        try:
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        finally:
            self._open -= ends
            for end in ends:
                end.transport.abort()


@asynccontextmanager
async def laid(site: str) -> AsyncIterator[Cable]:
    cable = Cable(site)
    server = await asyncio.start_server(cable.carry, "127.0.0.1", 0)
    cable.base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield cable
    finally:
        cable.cut()
        server.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort() if writer.is_closing() else writer.close()
