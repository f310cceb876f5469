"""Whether the process answers, and whether it can work."""

from quart import Blueprint, Response, current_app

from chat.db.queries import load_queries
from chat.errors import ChatError

SQL = load_queries("health")
blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
async def healthz() -> Response:
    return Response("ok", content_type="text/plain; charset=utf-8")


@blueprint.get("/readyz")
async def readyz() -> Response:
    """200 when the database answers and is migrated; without it the app does not start at all."""
    try:
        await current_app.extensions["parts"].db.value(SQL["ready"])
    except ChatError:
        return Response("the database does not answer", 503, headers={"Retry-After": "5"})
    return Response("ok", content_type="text/plain; charset=utf-8")
