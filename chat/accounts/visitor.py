"""Who sent this request: the cookie's session, looked up once, or nobody."""

from typing import Any, cast

from quart import after_this_request, g, has_request_context, request
from quart.sessions import SessionInterface
from quart_auth import Action, AuthUser, QuartAuth, current_user, login_user, logout_user

from chat.accounts.domain import DAY, Account
from chat.accounts.repository import SessionRepository
from chat.errors import NotFound
from chat.settings import Settings
from chat.web.current import current_db, now
from chat.web.i18n import use_language

__all__ = [
    "NoSession", "account", "account_id", "begin_session", "end_session", "extension", "session_id",
]  # fmt: skip


class NoSession(SessionInterface):
    """Quart's own session is a signed cookie that nobody could end: ours are rows."""

    async def open_session(self, app: Any, request: Any) -> None:
        return None


class Visitor(AuthUser):
    """`auth_id` is the random value of the cookie; what it opens is a row that can be ended."""

    def __init__(self, auth_id: str | None, action: Action = Action.PASS) -> None:
        super().__init__(auth_id, action)
        self.account: Account | None = None
        self.session_id = ""

    async def resolve(self) -> None:
        if isinstance(self.auth_id, str):
            found = await SessionRepository(current_db()).find(self.auth_id, now())
            if found:
                self.account, self.session_id = found
                use_language(self.account.language)

    @property
    async def is_authenticated(self) -> bool:
        return self.account is not None


def extension(settings: Settings) -> QuartAuth:
    """The cookie: `__Host-` and Secure with TLS, a plain name without (loopback, LAN)."""
    return QuartAuth(
        cookie_name="__Host-sid" if settings.secure else "sid",
        cookie_secure=settings.secure,
        cookie_samesite="Lax",
        duration=90 * DAY // 1000,
        salt="prosa session",
        user_class=Visitor,
    )


async def resolve() -> None:
    """Before each request that may need to know."""
    if request.blueprint != "assets":
        await _visitor().resolve()


def account() -> Account | None:
    return _visitor().account


def account_id() -> str:
    """Whose request this is; only behind `login_required`."""
    found = account()
    if found is None:
        raise NotFound
    return found.id


def session_id() -> str:
    return _visitor().session_id


async def begin_session(account_id: str) -> None:
    """Signs this browser in under a new session; the one it came with ends."""
    await _end_row()
    agent = request.headers.get("User-Agent", "")
    token = await SessionRepository(current_db()).begin(account_id, agent, now())
    login_user(Visitor(token, Action.WRITE_PERMANENT))
    g.pop("visitor", None)
    await _visitor().resolve()


async def end_session() -> None:
    """The browser forgets the files that it kept, too."""
    await _end_row()
    logout_user()
    g.pop("visitor", None)

    @after_this_request
    def forget(response: Any) -> Any:
        response.headers["Clear-Site-Data"] = '"cache"'
        return response


async def _end_row() -> None:
    visitor = _visitor()
    if visitor.account:
        await SessionRepository(current_db()).end(visitor.session_id, visitor.account.id)


def _visitor() -> Visitor:
    if not has_request_context():
        return Visitor(None)
    if found := g.get("visitor"):  # a page asks a dozen times, and the proxy takes its time
        return cast(Visitor, found)
    proxy: Any = current_user
    g.visitor = proxy._get_current_object()
    return cast(Visitor, g.visitor)
