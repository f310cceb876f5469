"""Hypercorn made ours: only HTTP/1.1, on a socket bound early, with every connection known."""

import asyncio
import errno
import logging
import socket
from contextlib import suppress
from http import HTTPStatus
from typing import Any, ClassVar

import h11
import hypercorn.protocol
from hypercorn.asyncio import run as hypercorn_run
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.config import Config, Sockets
from hypercorn.events import Event, RawData
from hypercorn.protocol.h11 import H11Protocol

from chat.settings import Settings
from chat.web.body import refusal
from chat.web.origin import security_headers

_BACKLOG = 2_048
_SILENCE_MS = 60_000  # a client that takes nothing for so long is gone, says the kernel


class CannotServe(Exception):
    """The message is one clear line for the operator."""


class Listener(Config):
    """Hypercorn's settings, around a socket that is bound already."""

    include_server_header = False
    backlog = _BACKLOG
    accesslog = None
    errorlog = logging.getLogger("hypercorn.error")
    h11_max_incomplete_size = 16 * 1024
    keep_alive_max_requests = 100_000
    read_timeout = None  # it would cut streams; the guard times bodies

    def __init__(self, settings: Settings, *, graceful: float) -> None:
        self.bound = _bound(settings)
        self.graceful_timeout = graceful
        # Also what a client has for its headers. A proxy must be the first to close: it reuses.
        self.keep_alive_timeout = 75.0 if settings.trusted_proxies else 15.0

    def create_sockets(self) -> Sockets:
        return Sockets([], [self.bound], [])


class Connection(TCPServer):
    """Knows every open transport, so that the end can cut them off."""

    open: ClassVar[set[asyncio.WriteTransport]] = set()

    async def run(self) -> None:
        transport = self.writer.transport
        self.open.add(transport)
        try:
            await super().run()
        finally:
            self.open.discard(transport)

    async def protocol_send(self, event: Event) -> None:
        # Writing to a client that is gone never waits: an app that does not either would spin.
        if self.writer.transport.is_closing():
            await asyncio.sleep(0)
        await super().protocol_send(event)


class _Http11(H11Protocol):
    """What asks for more than HTTP/1.1 reaches the guard as a request, and is refused."""

    headers: ClassVar[list[tuple[bytes, bytes]]] = []
    _head = b""

    async def _check_protocol(self, event: h11.Request) -> None:
        """Hypercorn would change to HTTP/2 here, past every rule of a proxy."""

    async def _create_stream(self, request: h11.Request) -> None:
        if any(name == b"upgrade" for name, _ in request.headers):
            request = h11.Request(  # without "Connection: upgrade" it is not taken for a WebSocket
                method=request.method,
                target=request.target,
                http_version=request.http_version,
                headers=[header for header in request.headers if header[0] != b"connection"],
            )
        await super()._create_stream(request)

    async def _send_h11_event(self, event: Any) -> None:
        """A head goes out together with what comes behind it: one call of the system for both."""
        try:
            data = self._head + (self.connection.send(event) or b"")
        except h11.LocalProtocolError:
            if self.connection.their_state != h11.ERROR:
                raise
            return
        waits = isinstance(event, h11.Response)
        self._head = data if waits else b""
        if data and not waits:
            await self.send(RawData(data=data))

    async def _send_error_response(self, status_code: int) -> None:
        status = self._status(status_code)
        headers, page = refusal(status, f"{HTTPStatus(status).phrase}.")
        headers += [
            *self.headers,
            *self.config.response_headers("h11"),
            (b"cache-control", b"no-store"),
        ]
        events = (
            h11.Response(status_code=status, headers=headers),
            h11.Data(data=page),
            h11.EndOfMessage(),
        )
        # In one go: an app that is answering at this moment must not get its bytes in between.
        with suppress(h11.LocalProtocolError):
            data = b"".join(self.connection.send(event) or b"" for event in events)
            await self.send(RawData(data=data))

    def _status(self, hint: int) -> int:
        """h11 says 431 for any long head and 501 for a coding it does not know: be more exact."""
        if hint == 431 and b"\n" not in self.connection.trailing_data[0]:
            return 414
        return hint if hint < 500 else 400


def take_places(settings: Settings) -> None:
    """Put our two classes where Hypercorn looks, or fail loudly when an upgrade has moved them."""
    _Http11.headers = security_headers(settings.secure)
    for module, name, theirs, ours in (
        (hypercorn_run, "TCPServer", TCPServer, Connection),
        (hypercorn.protocol, "H11Protocol", H11Protocol, _Http11),
    ):
        if getattr(module, name, None) not in (theirs, ours):
            raise RuntimeError(f"Hypercorn has moved {name}: chat/listener.py must follow.")
        setattr(module, name, ours)
    for name in ("_check_protocol", "_create_stream", "_send_h11_event", "_send_error_response"):
        if not callable(getattr(H11Protocol, name, None)):
            raise RuntimeError(f"Hypercorn has moved {name}: chat/listener.py must follow.")


def _bound(settings: Settings) -> socket.socket:
    """Bound before anything starts, so that a port in use is noticed first."""
    found = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; accepted sockets inherit all of these
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENCE_MS)
        found.bind((settings.host, settings.port))
        found.setblocking(False)
    except (OSError, OverflowError) as error:
        found.close()
        raise no_address(error, settings) from error
    return found


def no_address(error: Exception, settings: Settings) -> CannotServe:
    where = f"{settings.host} port {settings.port}"
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return CannotServe(f"{where} is in use: stop what runs there, or set PORT to another.")
    return CannotServe(f"Cannot listen on {where}: {error}. HOST and PORT say where to.")
