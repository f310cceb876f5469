"""The real server on raw sockets: what no HTTP client would send."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress

import pytest

from tests.serving import CHUNKED, FORM, GET, POST, UPLOAD, Served, received, statuses


@pytest.fixture(scope="module")
def attacked() -> Iterator[Served]:
    served = Served(PATIENCE="3")
    yield served
    served.close()


@pytest.fixture
def target(attacked: Served) -> Iterator[Served]:
    """The attacked server, which must be none the worse afterwards."""
    errors = [line for line in attacked.lines if " ERROR " in line]
    yield attacked
    answer = attacked.ask(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert statuses(answer) == [200]
    assert attacked.process.poll() is None
    assert [line for line in attacked.lines if " ERROR " in line] == errors


MALFORMED = {
    "coding that nobody knows": (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
    "coding that is not last": (POST + b"Transfer-Encoding: chunked, identity\r\n\r\n", 400),
    "two lengths": (POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    "length and coding": (POST + b"Content-Length: 3\r\n" + CHUNKED + b"0\r\n\r\n", 400),
    "negative length": (POST + b"Content-Length: -1\r\n\r\n", 400),
    "bad chunk size": (POST + CHUNKED + b"zz\r\nab\r\n0\r\n\r\n", 400),
    "bad chunk tail": (POST + CHUNKED + b"2\r\nabXX0\r\n\r\n", 400),
    "space before the colon": (POST + b"Content-Length : 2\r\n\r\nab", 400),
    "NUL in a header": (GET + b"X-A: a\0b\r\n\r\n", 400),
    "two hosts": (GET + b"Host: localhost\r\n\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "no host in 1.0": (b"GET / HTTP/1.0\r\n\r\n", 400),
    "chunks in 1.0": (b"POST /echo HTTP/1.0\r\nHost: localhost\r\n" + CHUNKED + b"0\r\n\r\n", 400),
    "body of a GET": (GET + b"Content-Length: 2\r\n\r\nab", 400),
    "chunked body of a GET": (GET + CHUNKED + b"2\r\nab\r\n0\r\n\r\n", 400),
}


@pytest.mark.parametrize(("data", "status"), MALFORMED.values(), ids=MALFORMED)
def test_s087_malformed_framing_gets_one_refusal(target: Served, data: bytes, status: int) -> None:
    # A second request hides behind the first: it must never be answered.
    answer = target.ask(data + GET + b"\r\n")

    assert statuses(answer) == [status]
    assert b"content-security-policy:" in answer
    assert b"\r\nserver:" not in answer.lower()


STRANGE = {
    "CONNECT": (b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n", 405),
    "TRACE": (b"TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
    "absolute form, other host": (
        b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        400,
    ),
    "absolute form, both other": (
        b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        421,
    ),
    "host with a path": (b"GET / HTTP/1.1\r\nHost: a@b/../\r\n\r\n", 400),
    "other host": (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
    "h2c": (GET + b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nConnection: Upgrade\r\n\r\n", 400),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 400),
    "WebSocket": (
        GET + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        400,
    ),
}


@pytest.mark.parametrize(("data", "status"), STRANGE.values(), ids=STRANGE)
def test_s089_strange_targets_are_refused_and_not_echoed(
    target: Served, data: bytes, status: int
) -> None:
    answer = target.ask(data)

    assert statuses(answer) == [status]
    assert b"evil" not in answer
    assert b"content-security-policy:" in answer


def test_s089_an_absolute_target_with_our_host_is_served(target: Served) -> None:
    data = b"GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert statuses(target.ask(data)) == [200]


LONG = {
    "64 kB header": (GET + b"X-A: " + b"a" * 65_536 + b"\r\n\r\n", 431),
    "20 kB of headers": (GET + b"X-A: aaaaaaaaaaaaaa\r\n" * 1_000 + b"\r\n", 431),
    "1 MB cookie": (GET + b"Cookie: a=" + b"a" * 1_000_000 + b"\r\n\r\n", 431),
    "100 kB address": (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
    "10 kB address": (b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
    "10,000 query keys": (
        b"GET /?" + b"&".join(b"k%d=1" % n for n in range(10_000)) + b" HTTP/1.1\r\n\r\n",
        414,
    ),
}


@pytest.mark.parametrize(("data", "status"), LONG.values(), ids=LONG)
def test_s093_long_heads_are_refused(target: Served, data: bytes, status: int) -> None:
    assert statuses(target.ask(data)) == [status]


@pytest.mark.parametrize("path", ["/echo", "/unread"])
def test_a_declared_length_over_the_limit_is_refused_at_once(target: Served, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 400000000\r\n\r\n"
    with target.connect(head.encode()) as connection:
        assert statuses(connection.recv(4_096)) == [413]


@pytest.mark.parametrize(
    ("path", "limit"), [("/echo", FORM), ("/unread", FORM), ("/uploads", UPLOAD)]
)
def test_400_mb_in_small_chunks_are_cut_at_the_limit(target: Served, path: str, limit: int) -> None:
    before, sent = target.memory(), 0
    piece = b"1000\r\n" + b"x" * 4_096 + b"\r\n"
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n".encode() + CHUNKED
    with target.connect(head) as connection:
        with suppress(ConnectionError):
            while sent < 400_000_000:
                connection.sendall(piece)
                sent += 4_096
        answer = received(connection)

    assert sent < limit + 15_000_000  # what lingers and what the kernels hold
    assert statuses(answer) == [413]
    assert target.memory() - before < 32_000_000


def test_a_body_just_within_the_limit_arrives_whole(target: Served) -> None:
    pieces = b"".join(b"2710\r\n" + b"x" * 10_000 + b"\r\n" for _ in range(FORM // 10_000))
    answer = target.ask(POST + b"Connection: close\r\n" + CHUNKED + pieces + b"0\r\n\r\n")

    assert statuses(answer) == [200]
    assert answer.endswith(str(FORM).encode())


def test_s097_expecting_to_continue_and_stopping_times_out(target: Served) -> None:
    answer = target.ask(POST + b"Content-Length: 10\r\nExpect: 100-continue\r\n\r\n")
    assert statuses(answer) == [100, 408]


def test_s097_compressed_bodies_are_refused(target: Served) -> None:
    data = POST + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00"
    assert statuses(target.ask(data)) == [415]


def test_s091_slow_clients_neither_stay_nor_disturb(target: Served) -> None:
    with ExitStack() as stack:
        bodies = [
            stack.enter_context(target.connect(POST + b"Content-Length: 10\r\n\r\nx"))
            for _ in range(50)
        ]
        for _ in range(50):
            stack.enter_context(target.connect(b"GET / HTTP/1.1\r\nHost: loc"))
            stack.enter_context(target.connect(b"GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        began = time.monotonic()
        answer = target.ask(GET + b"Connection: close\r\n\r\n")
        assert statuses(answer) == [200]
        assert time.monotonic() - began < 6
        assert {tuple(statuses(received(body))) for body in bodies} == {(408,)}


def test_an_app_that_fails_is_one_line_and_a_plain_page() -> None:
    with closing(Served()) as served:
        answer = served.ask(
            b"GET /failure HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )

    assert statuses(answer) == [500]
    assert b"purpose" not in answer
    assert sum("on purpose" in line for line in served.lines) == 1
    assert not [line for line in served.lines if line.startswith(("Traceback", " "))]
