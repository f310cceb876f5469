"""How it is shown that a plan does not hold something: below the composer, where one is."""

from quart import Quart, Response, request

from chat.billing.current import shortage
from chat.billing.refusals import REFUSALS, Refusal
from chat.web.failures import marked
from chat.web.failures import refused as refused_elsewhere
from chat.web.hypermedia import partial
from chat.web.templating import render


def register(app: Quart) -> None:
    for kind in REFUSALS:
        app.register_error_handler(kind, refused)


async def refused(error: Refusal) -> Response:
    """Routes answer a whole page themselves, with everything typed in it."""
    if not partial():
        return await refused_elsewhere(error)
    error.place = error.place or str((request.view_args or {}).get("conversation_id", ""))
    return marked(Response(render("billing/_refused.html", shortage=shortage(error))), error)
