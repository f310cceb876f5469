"""People who use a running installation through HTTP, as a browser without scripts would."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from bs4 import BeautifulSoup, Tag

PASSWORD = "correct horse battery"
PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


@dataclass(frozen=True)
class Answer:
    status: int
    url: str
    headers: Mapping[str, str]
    text: str

    @property
    def html(self) -> BeautifulSoup:
        return BeautifulSoup(self.text, "html.parser")

    def one(self, selector: str) -> Tag:
        found = self.html.select_one(selector)
        assert found is not None, f"no {selector} in {self.text[:2000]}"
        return found

    def words(self, selector: str) -> str:
        return " ".join(self.one(selector).get_text(" ").split())


@dataclass(frozen=True)
class Event:
    id: str
    data: str

    @property
    def html(self) -> BeautifulSoup:
        return BeautifulSoup(self.data, "html.parser")


class Person:
    """One browser: its cookies, its address bar. `connections`: at once, 0 for any number."""

    def __init__(self, base: str, email: str = "", connections: int = 100) -> None:
        self.base = base
        self.email = email or f"{secrets.token_hex(6)}@example.com"
        self._http = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            connector=aiohttp.TCPConnector(limit=connections),
            auto_decompress=True,
        )

    async def close(self) -> None:
        await self._http.close()

    async def get(self, path: str, headers: Mapping[str, str] | None = None, **more: Any) -> Answer:
        return await self._ask("GET", path, headers=headers, **more)

    async def post(
        self,
        path: str,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Answer:
        sent = {"Origin": self.base, "Sec-Fetch-Site": "same-origin", **(headers or {})}
        return await self._ask("POST", path, data=dict(form or {}), headers=sent, **more)

    async def partial(self, path: str, form: Mapping[str, str] | None = None) -> Answer:
        """A write as htmx makes it: the answer is the fragment."""
        return await self.post(path, form, headers=PARTIAL)

    async def register(self) -> Answer:
        return await self.post("/register", {"email": self.email, "password": PASSWORD})

    async def log_in(self) -> Answer:
        return await self.post("/login", {"email": self.email, "password": PASSWORD})

    async def send(self, text: str, conversation: str = "", **form: str) -> Answer:
        """Sends a message as a fragment request; the model is `openai/tiny` unless said."""
        path = f"/conversations/{conversation}/messages" if conversation else "/conversations"
        fields = {"text": text, "model": "openai/tiny", "key": secrets.token_hex(8), **form}
        return await self.partial(path, fields)

    async def events(self, reply: str, last: str = "", limit: float = 20) -> AsyncIterator[Event]:
        """The stream of a reply until the server ends it."""
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last} if last else {})}
        async with (
            asyncio.timeout(limit),
            self._http.get(f"{self.base}/replies/{reply}/stream", headers=headers) as response,
        ):
            assert response.status == 200, (response.status, await response.text())
            ident, data = "", list[str]()
            async for raw in response.content:
                line = raw.decode().rstrip("\n")
                if not line and data:
                    yield Event(ident, "\n".join(data))
                    data = []
                elif line.startswith("data:"):
                    data.append(line[6:])
                elif line.startswith("id:"):
                    ident = line[4:]

    async def watched(self, reply: str) -> list[Event]:
        return [event async for event in self.events(reply)]

    async def _ask(self, method: str, path: str, **more: Any) -> Answer:
        url = path if path.startswith("http") else self.base + path
        async with self._http.request(method, url, **more) as response:
            text = await response.text(errors="replace")
            return Answer(response.status, str(response.url), response.headers, text)


def conversation_of(answer: Answer) -> str:
    """The id of the conversation that an answer shows."""
    return str(answer.one("[data-conversation]:not([data-conversation=''])")["data-conversation"])


def reply_of(answer: Answer) -> str:
    """The id of the newest reply in an answer."""
    return str(answer.html.select("[data-reply]")[-1]["data-reply"])
