"""A small app behind the real guard and the real server, run by tests in a child process."""

import asyncio
import itertools
import os
import sys
from collections.abc import AsyncIterator

from quart import Quart, Response, request

from chat import server
from chat.log import configure
from chat.settings import read
from chat.web.guard import Guard
from chat.web.origin import hosts

app = Quart("served")
app.config.update(BODY_TIMEOUT=None, MAX_CONTENT_LENGTH=None)
ended = asyncio.Event()
streams = itertools.count(1)


@app.before_serving
async def starting() -> None:
    print("starting", file=sys.stderr, flush=True)
    await asyncio.sleep(float(os.environ.get("STARTING", "0")))
    if failure := os.environ.get("UNSTARTED"):
        raise RuntimeError(failure)


@app.get("/")
@app.get("/healthz")
async def page() -> str:
    return "<p>ok</p>"


@app.post("/echo")
@app.post("/uploads")
async def echo() -> str:
    return str(len(await request.get_data()))


@app.post("/unread")
async def unread() -> str:
    await asyncio.sleep(3600)
    return "never"


@app.get("/failure")
async def failing() -> str:
    raise RuntimeError("on purpose")


@app.get("/stuck")
async def stuck() -> str:
    print("stuck", file=sys.stderr, flush=True)
    while True:
        pass


@app.get("/stream")
async def stream() -> Response:
    number = next(streams)

    async def events() -> AsyncIterator[bytes]:
        yield b"data: first\n\n"
        await ended.wait()
        await asyncio.sleep(number * float(os.environ.get("APART", "0")))
        yield b"data: last\n\n"

    return _endless(events())


@app.get("/flood")
async def flood() -> Response:
    async def events() -> AsyncIterator[bytes]:
        while not ended.is_set():
            yield b"x" * 65_536

    return _endless(events())


def _endless(events: AsyncIterator[bytes]) -> Response:
    response = Response(events, content_type="text/event-stream")
    response.timeout = None
    return response


async def draining() -> None:
    ended.set()
    await asyncio.sleep(float(os.environ.get("DRAINING", "0.05")))
    print("drained", file=sys.stderr, flush=True)


def main() -> int:
    settings = read(os.environ)
    configure(settings.log_format)
    server.GRACE = float(os.environ.get("GRACE", server.GRACE))
    server.DEADLINE = float(os.environ.get("DEADLINE", server.DEADLINE))
    form, upload = int(os.environ["FORM"]), int(os.environ["UPLOAD"])
    guard = Guard(
        app,
        body_limit=lambda path: upload if path == "/uploads" else form,
        allowed_host=hosts(settings),
        trusted_proxies=settings.trusted_proxies,
        secure=settings.secure,
        patience=float(os.environ.get("PATIENCE", "30")),
    )
    return server.run(guard, settings, draining=draining)


if __name__ == "__main__":
    sys.exit(main())
