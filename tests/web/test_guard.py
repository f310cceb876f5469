"""The guard around small apps, asked by ASGI; its raw-socket cases are in tests/test_wire.py."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from chat.settings import read
from chat.web.guard import Guard, guarded

HOST = (b"host", b"localhost")
Headers = Iterable[tuple[bytes, bytes]]


@dataclass
class App:
    """Answers "ok" with `headers`; `scopes` is what it saw, `bodies` what it read."""

    headers: list[tuple[bytes, bytes]] = field(
        default_factory=lambda: [(b"content-type", b"text/html; charset=utf-8")]
    )
    scopes: list[Any] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self.bodies.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        await send({"type": "http.response.body", "body": b"ok"})


@dataclass
class Answer:
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: bytes) -> bytes | None:
        """Its one value; None without one."""
        values = [value for key, value in self.headers if key == name]
        assert len(values) < 2, f"{name!r} is there twice"
        return values[0] if values else None


async def ask(
    guard: Guard,
    method: str = "GET",
    path: str = "/",
    headers: Headers = (HOST,),
    pieces: Iterable[bytes] = (),
) -> Answer:
    """What `guard` answers; a body never ends after its last piece when that one is empty."""
    parts = list(pieces)
    messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    for number, part in enumerate(parts, 1):
        messages.put_nowait(
            {"type": "http.request", "body": part, "more_body": number < len(parts) or not part}
        )
    if not parts:
        messages.put_nowait({"type": "http.request", "body": b"", "more_body": False})
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            messages.put_nowait({"type": "http.disconnect"})

    scope = {
        "type": "http", "http_version": "1.1", "method": method, "scheme": "http", "path": path,
        "raw_path": path.encode(), "query_string": b"", "headers": list(headers),
        "client": ("192.0.2.1", 4711), "server": ("127.0.0.1", 5001), "state": {},
    }  # fmt: skip
    await guard(scope, messages.get, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(sent[0]["status"], sent[0]["headers"], body)


def around(app: Any, *, patience: float = 30.0, **settings: str) -> Guard:
    guard = guarded(app, read(settings), body_limit=lambda path: 20 if path == "/big" else 10)
    guard._patience = patience
    return guard


async def test_s082_every_answer_carries_the_security_headers() -> None:
    guard = around(App(), PUBLIC_URL="https://chat.example")
    cases = [
        (200, await ask(guard)),
        (403, await ask(guard, "POST", headers=[HOST, (b"sec-fetch-site", b"cross-site")])),
        (405, await ask(guard, "TRACE")),
        (413, await ask(guard, "POST", headers=[HOST, (b"content-length", b"11")])),
        (421, await ask(guard, headers=[(b"host", b"evil.example")])),
    ]
    for status, answer in cases:
        assert answer.status == status
        assert b"default-src 'none'" in (answer.header(b"content-security-policy") or b"")
        assert answer.header(b"x-content-type-options") == b"nosniff"
        assert answer.header(b"strict-transport-security") == b"max-age=31536000"
        assert answer.header(b"cache-control") == b"no-store"
        assert answer.header(b"vary") == b"Cookie, HX-Request-Type"


async def test_an_app_that_fails_answers_500_with_the_same_headers() -> None:
    async def failing(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("secret")

    answer = await ask(around(failing))

    assert answer.status == 500
    assert b"secret" not in answer.body
    assert answer.header(b"content-security-policy")


async def test_what_the_app_decided_stays() -> None:
    app = App(
        headers=[
            (b"content-type", b"text/html"),
            (b"Cache-Control", b"public, max-age=60"),
            (b"content-security-policy", b"default-src 'none'; sandbox"),
            (b"vary", b"Accept-Language, Cookie"),
            (b"Server", b"something/1.0"),
        ]
    )
    answer = await ask(around(app))

    assert answer.header(b"Cache-Control") == b"public, max-age=60"
    assert answer.header(b"cache-control") is None
    assert answer.header(b"content-security-policy") == b"default-src 'none'; sandbox"
    assert answer.header(b"vary") == b"Accept-Language, Cookie, HX-Request-Type"
    assert answer.header(b"Server") is None


async def test_what_is_not_html_does_not_vary() -> None:
    assert (await ask(around(App(headers=[(b"content-type", b"text/css")])))).header(
        b"vary"
    ) is None


@pytest.mark.parametrize(
    ("hops", "forwarded", "client"),
    [
        ("0", [b"203.0.113.9"], "192.0.2.1"),
        ("1", [b"203.0.113.9"], "203.0.113.9"),
        ("1", [b"198.51.100.7, 203.0.113.9"], "203.0.113.9"),
        ("1", [b"198.51.100.7", b"203.0.113.9"], "203.0.113.9"),
        ("2", [b"198.51.100.7, 203.0.113.9, 203.0.113.10"], "203.0.113.9"),
        ("2", [b"203.0.113.9"], "192.0.2.1"),
        ("1", [], "192.0.2.1"),
        ("1", [b"not an address"], "192.0.2.1"),
    ],
)
async def test_the_client_is_what_the_outermost_trusted_proxy_saw(
    hops: str, forwarded: list[bytes], client: str
) -> None:
    app = App()
    await ask(
        around(app, TRUSTED_PROXIES=hops),
        headers=[HOST, *((b"x-forwarded-for", value) for value in forwarded)],
    )
    assert app.scopes[0]["client"][0] == client


@pytest.mark.parametrize(
    ("url", "scheme"), [("https://localhost", "https"), ("http://localhost", "http")]
)
async def test_the_scheme_is_the_one_of_public_url(url: str, scheme: str) -> None:
    app = App()
    await ask(around(app, PUBLIC_URL=url), headers=[HOST, (b"x-forwarded-proto", b"gopher")])
    assert app.scopes[0]["scheme"] == scheme


async def test_a_body_is_counted_without_a_declared_length() -> None:
    app = App()
    chunked = [HOST, (b"transfer-encoding", b"chunked")]
    guard = around(app)

    assert (await ask(guard, "POST", headers=chunked, pieces=[b"12345"] * 2)).status == 200
    assert (await ask(guard, "POST", headers=chunked, pieces=[b"12345"] * 3)).status == 413
    assert (await ask(guard, "POST", "/big", headers=chunked, pieces=[b"12345"] * 4)).status == 200
    assert app.bodies == [b"1234512345", b"12345" * 4]


async def test_a_limit_is_named_in_the_refusal() -> None:
    guard = guarded(App(), read({}), body_limit=lambda _: 25_000_000)
    answer = await ask(guard, "POST", headers=[HOST, (b"content-length", b"9" * 19)])
    assert b"at most 25 MB" in answer.body


async def test_a_body_that_stops_coming_is_408() -> None:
    chunked = [HOST, (b"transfer-encoding", b"chunked")]
    guard = around(App(), patience=0.05)
    assert (await ask(guard, "POST", headers=chunked, pieces=[b"1", b""])).status == 408


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([(b"origin", b"http://localhost:5001")], 200),
        ([(b"origin", b"https://localhost:5001")], 200),
        ([(b"origin", b"http://localhost")], 403),
        ([(b"origin", b"null")], 403),
        ([(b"cookie", b"a=b")], 403),
        ([(b"cookie", b"a=b"), (b"sec-fetch-site", b"same-origin")], 200),
        ([(b"sec-fetch-site", b"same-site")], 403),
        ([], 200),
    ],
)
async def test_s077_without_public_url_a_write_must_name_this_host(
    headers: list[tuple[bytes, bytes]], status: int
) -> None:
    answer = await ask(around(App()), "POST", headers=[(b"host", b"localhost:5001"), *headers])
    assert answer.status == status


async def test_s077_with_public_url_a_write_must_come_from_there() -> None:
    guard = around(App(), PUBLIC_URL="https://chat.example")

    for origin, status in ((b"https://chat.example", 200), (b"http://localhost", 403)):
        answer = await ask(guard, "DELETE", headers=[HOST, (b"origin", origin)])
        assert answer.status == status


async def test_reading_and_the_webhook_ask_for_no_origin() -> None:
    foreign = [HOST, (b"sec-fetch-site", b"cross-site"), (b"cookie", b"a=b")]
    guard = around(App())

    for method, path in (("GET", "/"), ("HEAD", "/"), ("POST", "/api/stripe/webhook")):
        assert (await ask(guard, method, path, headers=foreign)).status == 200
    assert (await ask(guard, "POST", "/api/stripe/webhook/", headers=foreign)).status == 403


async def test_a_refusal_never_reaches_the_app() -> None:
    app = App()
    await ask(around(app), "POST", headers=[HOST, (b"sec-fetch-site", b"cross-site")])
    await ask(around(app), headers=[(b"host", b"evil.example")])
    assert app.scopes == []


async def test_a_websocket_is_closed() -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    await around(App())({"type": "websocket"}, receive, send)
    assert [message["type"] for message in sent] == ["websocket.close"]


async def test_requests_are_logged_without_query_and_probes_not_at_all(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "prosa.request")
    await ask(around(App()), path="/conversations")
    await ask(around(App()), path="/healthz")

    assert [record.getMessage().rsplit(" ", 2)[0] for record in caplog.records] == [
        "GET /conversations 200"
    ]
