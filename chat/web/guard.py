"""The wall before the app, an ASGI wrapper: framing, sizes, Host, origin of writes, headers."""

import asyncio
import itertools
import logging
import time
from collections.abc import Awaitable, Callable, Container, Iterable
from contextvars import ContextVar
from typing import Any

from chat.settings import Settings
from chat.web.body import Body, Message, Receive, Refusal, check_body, declares_body, refusal
from chat.web.origin import (
    PROBES,
    address,
    host_name,
    hosts,
    origin_of,
    security_headers,
    write_allowed,
)

Send = Callable[[Message], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]
App = Callable[[Any, Any, Any], Awaitable[None]]

EXEMPT = frozenset({"/api/stripe/webhook"})  # signed by its sender, and knows no cookie

_MOST_HEADERS = 16 * 1024
_MOST_TARGET = 8 * 1024
_CLIENT_LEFT = 499  # only in the log: the client went before there was an answer
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_VARY = (b"Cookie", b"HX-Request-Type")

log = logging.getLogger("prosa.request")
request_id: ContextVar[str] = ContextVar("request_id", default="")


def guarded(
    app: App,
    settings: Settings,
    *,
    body_limit: Callable[[str], int],
    file_limit: Callable[[str], int] = lambda path: 0,
) -> "Guard":
    """`app` behind a Guard as the settings want it."""
    return Guard(
        app,
        body_limit=body_limit,
        file_limit=file_limit,
        allowed_host=hosts(settings),
        trusted_proxies=settings.trusted_proxies,
        secure=settings.secure,
        origin=origin_of(settings.public_url) if settings.public_url_given else "",
        forms=origin_of(settings.stripe_api_base) if settings.stripe_api_base else "",
    )


class Guard:
    """`app` (ASGI 3) behind the wall.

    `body_limit(path)` is in bytes; `file_limit(path)` too, of a form that brings files, 0 where
    none are taken: such a body may be slow, and never silent. `allowed_host(name, path)` gets the
    Host without its port; `origin` is PUBLIC_URL's, empty means the origin that the Host names;
    `exempt` are paths whose writes carry their own proof; `forms` is one more origin that forms may
    lead to; `patience` is the seconds a body may take before its pace counts.
    """

    def __init__(
        self,
        app: App,
        *,
        body_limit: Callable[[str], int],
        file_limit: Callable[[str], int] = lambda path: 0,
        allowed_host: Callable[[str, str], bool],
        trusted_proxies: int,
        secure: bool,
        origin: str = "",
        forms: str = "",
        exempt: Container[str] = EXEMPT,
        patience: float = 30.0,
    ) -> None:
        self._app = app
        self._body_limit = body_limit
        self._file_limit = file_limit
        self._allowed_host = allowed_host
        self._hops = trusted_proxies
        self._secure = secure
        self._origin = origin
        self._exempt = exempt
        self._patience = patience
        self._headers = [*security_headers(secure, forms), (b"cache-control", b"no-store")]
        self._ids = itertools.count(1)
        self._leaving: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._request(dict(scope), receive, send)
        elif scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _request(self, scope: Any, receive: Receive, send: Send) -> None:
        began, status = time.perf_counter(), _CLIENT_LEFT
        body = Body(receive, self._patience) if declares_body(scope) else None
        request_id.set(f"{next(self._ids):x}")

        def answer(message: Message) -> Awaitable[None]:  # not async: nothing per streamed message
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": self._dressed(message.get("headers", ()))}
            return send(message)

        try:
            try:
                headers = self._examined(scope)
                if body:
                    self._set_limits(body, scope, headers)
                self._check_origin(scope, headers)
                heard = self._hearing_out(body, answer) if body and body.streams else answer
                await self._app(scope, body.receive if body else receive, heard)
            except Refusal as refused:
                await self._refuse(refused, body, answer, started=status != _CLIENT_LEFT)
            except Exception:
                log.exception("The app failed at %s %s", scope["method"], scope["path"])
                failed = Refusal(500, "Something went wrong here. Please try again.")
                await self._refuse(failed, body, answer, started=status != _CLIENT_LEFT)
        finally:
            if scope["path"] not in PROBES:
                spent = (time.perf_counter() - began) * 1000
                path = scope["raw_path"].decode("latin-1")
                log.info("%s %s %d %.1f ms", scope["method"], path, status, spent)

    def _set_limits(self, body: Body, scope: Any, headers: dict[bytes, bytes]) -> None:
        """`scope["prosa.body"]` is where the app says what it has worked off."""
        body.limit, files = self._body_limit(scope["path"]), 0
        if headers.get(b"content-type", b"").lower().startswith(b"multipart/form-data"):
            files = self._file_limit(scope["path"])
        if files:
            body.limit, body.streams, scope["prosa.body"] = files, True, body
        check_body(scope, headers, None if files else body.limit)

    def _hearing_out(self, body: Body, answer: Send) -> Send:
        """For answers that come before the body has ended: who still sends may see them."""

        async def heard(message: Message) -> None:
            last = message["type"] == "http.response.body" and not message.get("more_body")
            if not last or body.ended:
                await answer(message)
                return
            await answer({**message, "more_body": True})
            await body.linger()
            self._discard(body)
            await answer({"type": "http.response.body", "body": b"", "more_body": False})

        return heard

    def _examined(self, scope: Any) -> dict[bytes, bytes]:
        """The headers by name, repeated ones joined; `scope` gets client, scheme and path."""
        headers: dict[bytes, bytes] = {}
        size = 0
        for name, value in scope["headers"]:
            size += len(name) + len(value) + 4
            headers[name] = headers[name] + b", " + value if name in headers else value
        if scope["http_version"] not in ("1.1", "1.0"):
            raise Refusal(400, "Only HTTP/1.1 is spoken here.")
        if headers.get(b"upgrade", b"").lower() in (b"h2c", b"websocket"):
            raise Refusal(400, "Connections cannot be upgraded here.")
        if scope["method"] in ("CONNECT", "TRACE"):
            raise Refusal(405, "This method is not allowed.")
        if len(scope["raw_path"]) + len(scope["query_string"]) > _MOST_TARGET:
            raise Refusal(414, "This address is too long.")
        if size > _MOST_HEADERS:
            raise Refusal(431, "The headers of this request are too long.")
        _take_absolute_target(scope, headers)
        self._check_host(headers.get(b"host", b""), scope["path"])
        scope["client"] = self._client(scope, headers)
        if self._secure:
            scope["scheme"] = "https"
        return headers

    def _check_host(self, host: bytes, path: str) -> None:
        name = host_name(host.decode("latin-1"))
        if not name:
            raise Refusal(400, "The Host header is missing or malformed.")
        if not self._allowed_host(name, path):
            raise Refusal(
                421, "This host name is not served here: PUBLIC_URL must be the address people use."
            )

    def _check_origin(self, scope: Any, headers: dict[bytes, bytes]) -> None:
        if scope["method"] in _SAFE or scope["path"] in self._exempt:
            return
        host = headers[b"host"].decode("latin-1")
        own = (self._origin,) if self._origin else _origins(host)
        if not write_allowed(
            site=_text(headers, b"sec-fetch-site"),
            origin=_text(headers, b"origin"),
            cookie=b"cookie" in headers,
            own=own,
        ):
            raise Refusal(
                403, "This came from another site: reload the page here, and send it again."
            )

    def _client(self, scope: Any, headers: dict[bytes, bytes]) -> Any:
        """The peer, or what the outermost proxy that we trust saw: entry n from the right."""
        hops = headers.get(b"x-forwarded-for", b"").split(b",") if self._hops else []
        if not hops or len(hops) < self._hops:
            return scope.get("client")
        found = address(hops[-self._hops].decode("latin-1"))
        return (found, 0) if found else scope.get("client")

    def _dressed(self, headers: Headers) -> list[tuple[bytes, bytes]]:
        """`headers` with ours, where the app has not decided otherwise."""
        kept: list[tuple[bytes, bytes]] = []
        given: set[bytes] = set()
        vary: list[bytes] = []
        html = False
        for name, value in headers:
            lower = name.lower()
            given.add(lower)
            if lower == b"vary":
                vary += [token.strip() for token in value.split(b",")]
            elif lower != b"server":
                kept.append((name, value))
                html = html or (lower == b"content-type" and value.startswith(b"text/html"))
        if html and b"*" not in vary:
            known = {token.lower() for token in vary}
            vary += [token for token in _VARY if token.lower() not in known]
        if vary:
            kept.append((b"vary", b", ".join(vary)))
        kept += [header for header in self._headers if header[0] not in given]
        return kept

    async def _refuse(
        self, refused: Refusal, body: Body | None, answer: Send, *, started: bool
    ) -> None:
        if not started:
            headers, page = refusal(refused.status, refused.sentence)
            start = {"type": "http.response.start", "status": refused.status, "headers": headers}
            await answer(start)
            await answer({"type": "http.response.body", "body": page, "more_body": True})
            if body and refused.status != 408:
                await body.linger()
        if body and not body.ended:
            self._discard(body)
        if not started:
            await answer({"type": "http.response.body", "body": b"", "more_body": False})

    def _discard(self, body: Body) -> None:
        """The server waits for room in its queue before it closes: somebody must go on reading."""
        task = asyncio.create_task(body.discard())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)


def _take_absolute_target(scope: Any, headers: dict[bytes, bytes]) -> None:
    """`GET http://host/path` is legal (RFC 9112, 3.2.2) when it names the host that Host names."""
    target: bytes = scope["raw_path"]
    if target.startswith(b"/"):
        return
    scheme, _, rest = target.partition(b"://")
    host, slash, _ = rest.partition(b"/")
    if scheme.lower() not in (b"http", b"https") or host.lower() != headers.get(b"host", b"-"):
        raise Refusal(400, "The address of this request is malformed.")
    scope["raw_path"] = rest[len(host) :] if slash else b"/"
    scope["path"] = scope["path"].partition("://")[2][len(host) :] or "/"


def _origins(host: str) -> tuple[str, str]:
    host = host.lower()
    return f"http://{host.removesuffix(':80')}", f"https://{host.removesuffix(':443')}"


def _text(headers: dict[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")
