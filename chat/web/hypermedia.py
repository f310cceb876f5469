"""The whole vocabulary of answers: a page, a fragment, what changed. No route reads a header."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import TypeVar
from urllib.parse import urlsplit

from quart import Response, g, redirect, request, stream_with_context
from werkzeug.wrappers import Response as WerkzeugResponse

from chat.web.templating import render

Answer = Response | WerkzeugResponse
T = TypeVar("T", str, bytes)


def partial() -> bool:
    """Whether a fragment was asked for. Boosted and history requests want the whole page."""
    return request.headers.get("HX-Request-Type") == "partial"


async def page(template: str, status: int = 200, **context: object) -> Response:
    return Response(render(template, **context), status)


async def changed(fragment: str, *, page: str, push: str = "", **context: object) -> Answer:
    """After a write: the fragment that changed, or 303 to the page that shows it.

    `push` is the address that the fragment stands for, when it is another one than before.
    """
    if not partial():
        return redirect(page, 303)
    response = Response(render(fragment, **context))
    if push:
        response.headers["HX-Push-Url"] = push
    return response


def elsewhere(url: str) -> Answer:
    """After a write that leaves nothing to show in place: off to another page."""
    if not partial():
        return redirect(url, 303)
    return Response("", headers={"HX-Redirect": url})


async def instead(template: str, status: int, **context: object) -> Response:
    """A whole page in the place of whatever was asked for, a fragment too."""
    response = await page(template, status, **context)
    if partial():
        response.headers["HX-Retarget"] = "body"
        response.headers["HX-Reswap"] = "innerHTML"
    return response


def streamed(written: Callable[[], AsyncGenerator[T, None]], **headers: str) -> Response:
    """An answer that is written as it comes, for as long as it takes.

    `written` runs in the request's context, with what `g` holds now: who asks, and the language.
    """
    kept = {name: g.get(name) for name in g}

    @stream_with_context
    async def parts() -> AsyncIterator[T]:
        for name, value in kept.items():
            setattr(g, name, value)
        async with aclosing(written()) as found:
            async for part in found:
                yield part

    response = Response(parts(), headers=headers)
    response.timeout = None  # else Quart cuts the stream at RESPONSE_TIMEOUT, 60 seconds
    return response


def local_path(target: str, otherwise: str = "/") -> str:
    """`target` when it is a path of this site, else `otherwise`: nobody is sent elsewhere.

    Browsers read a backslash as a slash and drop control characters, so neither may be in it.
    """
    odd = "\\" in target or any(character <= " " or character == "\x7f" for character in target)
    if odd or len(target) > 2_000 or not target.startswith("/") or target.startswith("//"):
        return otherwise
    parts = urlsplit(target)
    return otherwise if parts.scheme or parts.netloc or "//" in parts.path else target
