"""Bodies that bring files: as slow as they like, never silent, and no faster than they are used."""

import asyncio
from typing import Any

from chat.web.body import WINDOW
from chat.web.guard import Guard

FORM = (b"content-type", b"multipart/form-data; boundary=b")
CHUNKED = (b"transfer-encoding", b"chunked")
PIECE = 64 * 1024


class Client:
    """Sends `count` pieces, `pause` seconds apart; silent after `silent` of them.

    `patience`: the guard's, in seconds.
    """

    def __init__(
        self, count: int, pause: float = 0.0, silent: int = 10**9, patience: float = 0.4
    ) -> None:
        self.taken = 0
        self.status = 0
        self.body = b""
        self._count, self._pause, self._silent = count, pause, silent
        self._patience = patience

    async def receive(self) -> dict[str, Any]:
        if self.taken >= min(self._silent, self._count):
            await asyncio.sleep(60)
        await asyncio.sleep(self._pause)
        self.taken += 1
        more = self.taken < self._count
        return {"type": "http.request", "body": b"x" * PIECE, "more_body": more}

    async def send(self, message: dict[str, Any]) -> None:
        self.status = message.get("status", self.status)
        self.body += message.get("body", b"")

    async def post(self, app: Any, path: str, framing: tuple[bytes, bytes] = CHUNKED) -> None:
        guard = Guard(
            app,
            body_limit=lambda path: 10**9,
            file_limit=lambda path: 10**9 if path == "/files" else 0,
            allowed_host=lambda name, path: True,
            trusted_proxies=0,
            secure=False,
            patience=self._patience,
        )
        scope = {
            "type": "http", "http_version": "1.1", "method": "POST", "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": [(b"host", b"localhost"), framing, FORM],
            "client": ("192.0.2.1", 4711), "server": ("127.0.0.1", 5001), "state": {},
        }  # fmt: skip
        await guard(scope, self.receive, self.send)


async def reads(scope: Any, receive: Any, send: Any) -> None:
    """Takes everything, and says what it is done with."""
    while (message := await receive()).get("more_body"):
        if body := scope.get("prosa.body"):
            body.used(len(message["body"]))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def test_a_slow_one_comes_through() -> None:
    client = Client(10, pause=0.25, patience=2)
    await client.post(reads, "/files")

    assert (client.status, client.taken) == (200, 10)


async def test_a_silent_one_is_given_up() -> None:
    client = Client(10, silent=2)
    await client.post(reads, "/files")

    assert client.status == 408


async def test_nobody_gets_ahead_of_the_app() -> None:
    client = Client(10_000)

    async def greedy(scope: Any, receive: Any, send: Any) -> None:
        async def take() -> None:
            while True:
                await receive()

        taking = asyncio.create_task(take())
        await asyncio.sleep(0.1)
        taking.cancel()
        assert client.taken * PIECE <= WINDOW + 2 * PIECE
        scope["prosa.body"].used(WINDOW)
        before = client.taken
        await receive()
        assert client.taken == before + 1
        await send({"type": "http.response.start", "status": 413, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    await client.post(greedy, "/files")
    assert client.status == 413
    assert client.taken * PIECE > 3_000_000, "who still sends is heard out for a while"


async def test_a_length_beyond_all_measure_is_refused_in_words_that_are_true() -> None:
    client = Client(1)
    await client.post(reads, "/files", (b"content-length", b"9" * 20))

    assert client.status == 413
    assert client.body == b'<p role="alert">This is too large to be sent here.</p>\n'
