"""How refusals and breakdowns are shown: one table to statuses, one rendering each way."""

import logging

from quart import Quart, Response, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from chat.errors import (
    ChatError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    OverLimit,
    TooLarge,
    Unavailable,
)
from chat.web.hypermedia import partial
from chat.web.i18n import gettext
from chat.web.templating import render

log = logging.getLogger(__name__)
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
STATUS: dict[type[ChatError], int] = {
    Invalid: 422,
    NotFound: 404,
    Forbidden: 403,
    Conflict: 409,
    TooLarge: 413,
    OverLimit: 429,
    Unavailable: 503,
}


def register(app: Quart) -> None:
    app.register_error_handler(ChatError, refused)
    app.register_error_handler(HTTPException, refused_by_the_framework)
    app.register_error_handler(Exception, broken)


def sentence(error: ChatError) -> str:
    """The refusal in the reader's language."""
    return gettext(error.message, **error.values)


async def refused(error: ChatError) -> Response:
    return marked(await _shown(_status(error), sentence(error), error.code), error)


def marked(response: Response, error: ChatError) -> Response:
    """`response` with the status of a refusal, and when trying again makes sense."""
    response.status_code = _status(error)
    if response.status_code in (429, 503):
        response.headers["Retry-After"] = str(max(1, error.retry_after))
    return response


async def refused_by_the_framework(error: HTTPException) -> Response:
    status = error.code or 500
    if status == 404:
        return await refused(NotFound())
    if status == 413 or isinstance(error, RequestEntityTooLarge):
        return await _shown(413, gettext("That is more than this page accepts."), "too_large")
    if status >= 500:
        return await broken(error)
    response = await _shown(status, gettext("This request makes no sense here."), "")
    if status == 405 and (allowed := dict(error.get_headers()).get("Allow")):
        response.headers["Allow"] = allowed
    return response


async def broken(error: Exception) -> Response:
    log.exception("%s %s failed", request.method, request.path, exc_info=error)
    return await _shown(500, gettext("Something broke on our side. It has been noted."), "")


def _status(error: ChatError) -> int:
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


async def _shown(status: int, message: str, code: str) -> Response:
    context = {"status": status, "message": message, "code": code}
    if partial():
        return Response(render("errors/_notice.html", **context), status)
    return Response(render("errors/show.html", typed=await _typed(), **context), status)


async def _typed() -> str:
    """What the person wrote: a refused form gives it back."""
    if request.method != "POST" or request.mimetype not in FORMS:
        return ""
    try:
        return str((await request.form).get("text", ""))
    except (ChatError, HTTPException):
        return ""
