"""A running installation: the real app behind the real guard on a real server, on loopback."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypercorn.asyncio import serve
from quart import Quart

from chat.__main__ import body_limit
from chat.app import create_app, drain
from chat.attachments.intake import file_limit
from chat.db.database import Database
from chat.listener import Listener, take_places
from chat.settings import Settings, read
from chat.web.current import Clock, system_clock
from chat.web.guard import guarded

PLENTY = {
    name: "100000"
    for name in ("LIMIT_SIGN_UPS", "LIMIT_LOG_INS", "LIMIT_SENDS", "LIMIT_REPLIES", "LIMIT_STREAMS")
}


@dataclass
class Site:
    base: str
    app: Quart
    settings: Settings

    @property
    def db(self) -> Database:
        found: Database = self.app.extensions["parts"].db
        return found


@asynccontextmanager
async def running(
    folder: Path, env: Mapping[str, str], clock: Clock = system_clock
) -> AsyncIterator[Site]:
    """An installation with its data in `folder`, gone (drained, as on SIGTERM) afterwards."""
    given = {"DATA": str(folder), "UPLOADS": str(folder / "uploads"), "PORT": "0",
             "EMBEDDED_MODEL": "off", **PLENTY, **env}  # fmt: skip
    settings = read(given)
    app = create_app(settings, clock)
    take_places(settings)
    config = Listener(settings, graceful=5)
    port = config.bound.getsockname()[1]
    wall = guarded(
        app,
        settings,
        body_limit=body_limit,
        file_limit=file_limit(settings, app.extensions["plans"]),
    )
    leave, ready = asyncio.Event(), asyncio.Event()

    async def until_left() -> None:
        ready.set()
        await leave.wait()

    guard: Any = wall  # Hypercorn's own types for ASGI are narrower than ASGI
    served: Any = serve(guard, config, shutdown_trigger=until_left, mode="asgi")
    server = asyncio.create_task(served)
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({server, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if server.done():
        waiting.cancel()
        await server
    try:
        yield Site(f"http://127.0.0.1:{port}", app, settings)
    finally:
        await drain(app)
        leave.set()
        await server
