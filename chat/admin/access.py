"""Who may see what is about everybody: for the others it is not there."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from quart_auth import login_required

from chat.accounts import visitor
from chat.errors import NotFound

P = ParamSpec("P")
T = TypeVar("T")


def admin_required(route: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Around a route: whoever is not signed in is asked to, and everybody else gets NotFound."""

    @wraps(route)
    async def guarded(*values: P.args, **names: P.kwargs) -> T:
        account = visitor.account()
        if account is None or account.role != "admin":
            raise NotFound
        return await route(*values, **names)

    return login_required(guarded)
