"""A payment that failed is said on every page, until it is mended."""

from quart import g, request

from chat.accounts import visitor
from chat.billing.access import Access
from chat.billing.parts import access_of, current_selling
from chat.web.hypermedia import partial

STATES = ("past_due", "grace_over")
WITHOUT = ("assets", "health", "watching", "webhook", "billing")


async def resolve() -> None:
    """Before each page that may show it."""
    if request.method != "GET" or request.blueprint in WITHOUT or partial():
        return
    account = visitor.account()
    if account and current_selling():
        standing = g.get("standing")  # where a composer is shown it has been looked up already
        found = standing.access if standing else await access_of(account.id)
        g.banner = found if found.state in STATES else None


def banner() -> Access | None:
    found: Access | None = g.get("banner")
    return found
