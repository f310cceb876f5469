"""Sign up, log in, log out, and the account's own page."""

import re
from typing import Any

from quart import Blueprint, Response, redirect, request, url_for
from quart_auth import Unauthorized, login_required
from werkzeug.datastructures import MultiDict

from chat.accounts import visitor
from chat.accounts.domain import clean_email, email_key
from chat.accounts.passwords import clean_password, hashed, matches
from chat.accounts.repository import AccountRepository, SessionRepository
from chat.accounts.throttle import HOUR, MINUTE, Throttle
from chat.errors import ChatError, Forbidden, Invalid, NotFound
from chat.web.current import current_db, current_settings, now
from chat.web.failures import sentence
from chat.web.hypermedia import Answer, instead, local_path, page, partial
from chat.web.i18n import LANGUAGES, N_, gettext

blueprint = Blueprint("accounts", __name__)
THEMES = ("", "light", "dark")
# The paths that a message is posted to, and what such a form carries.
_SENDING = re.compile(r"/conversations(/[^/?]+/messages)?|/messages/[^/?]+/versions")
_SENT = ("text", "key", "parent", "preset")


@blueprint.get("/register")
async def register() -> Answer:
    if visitor.account():
        return redirect("/", 303)
    return await page("accounts/register.html", form={"email": "", "problem": ""})


@blueprint.post("/register")
async def sign_up() -> Answer:
    form = await request.form
    try:
        if current_settings().sign_up != "open":
            raise Forbidden("New accounts are not open here. Ask whoever runs this installation.")
        email = clean_email(form.get("email", ""))
        password = clean_password(form.get("password", ""), email)
        await _throttle().count(
            f"sign-up {request.remote_addr}",
            current_settings().limit_sign_ups,
            HOUR,
            "Too many accounts were made from this address. Try again in an hour.",
        )
        await visitor.begin_session(await _new_or_known(email, password))
    except (Invalid, Forbidden) as error:
        shown = {"email": form.get("email", ""), "problem": sentence(error)}
        status = 403 if isinstance(error, Forbidden) else 422
        return await page("accounts/register.html", status, form=shown)
    return redirect("/", 303)


@blueprint.get("/login")
async def login() -> Answer:
    target = local_path(request.args.get("next", ""))
    if visitor.account():
        return redirect(target, 303)
    return await page("accounts/login.html", form=_login_form(next=target))


@blueprint.post("/login")
async def log_in() -> Answer:
    form = await request.form
    email, target = form.get("email", "")[:1000], local_path(form.get("next", ""))
    await _count_log_in(email)
    account_id = await _account_of(email, form.get("password", "")[:1000])
    if account_id is None:
        problem = gettext("The e-mail address or the password is not right.")
        shown = _login_form(email=email, next=target, problem=problem, held=_held(form))
        return await page("accounts/login.html", 422, form=shown)
    await visitor.begin_session(account_id)
    if held := _held(form):  # 307: the browser sends the same form on, with the message in it
        return redirect(held["action"], 307)
    return redirect(target, 303)


@blueprint.post("/logout")
async def logout() -> Answer:
    await visitor.end_session()
    return redirect("/", 303)


@blueprint.get("/account")
@login_required
async def show() -> Answer:
    done = gettext("The password is changed. Other devices are signed out.")
    return await _account_page(done=done if "changed" in request.args else "")


@blueprint.post("/account")
@login_required
async def preferences() -> Answer:
    form = await request.form
    language, theme = form.get("language", ""), form.get("theme", "")
    if language not in ("", *LANGUAGES) or theme not in THEMES:
        raise Invalid("Choose one of the languages and themes that are offered.")
    await _accounts().set_preferences(visitor.account_id(), language, theme)
    return redirect(url_for(".show"), 303)


@blueprint.post("/account/password")
@login_required
async def password() -> Answer:
    form = await request.form
    account_id = visitor.account_id()
    try:
        await _throttle().count(
            f"password {account_id}",
            current_settings().limit_log_ins,
            MINUTE,
            "Too many attempts. Wait a minute, then try again.",
        )
        if not await matches(
            form.get("current", "")[:1000], await _accounts().password(account_id)
        ):
            raise Invalid("Your current password is not right.")
        account = visitor.account()
        new = clean_password(form.get("password", ""), account.email if account else "")
    except Invalid as error:
        return await _account_page(422, problems={"password": sentence(error)})
    await _accounts().set_password(account_id, await hashed(new))
    await _sessions().end_others(visitor.session_id(), account_id)
    await visitor.begin_session(account_id)
    return redirect(url_for(".show", changed=1), 303)


@blueprint.post("/account/sessions/<session_id>/end")
@login_required
async def end_session(session_id: str) -> Answer:
    if session_id == visitor.session_id():
        return await logout()
    await _sessions().end(session_id, visitor.account_id())
    return redirect(url_for(".show"), 303)


@blueprint.post("/account/sessions/end")
@login_required
async def end_others() -> Answer:
    await _sessions().end_others(visitor.session_id(), visitor.account_id())
    return redirect(url_for(".show"), 303)


async def ask_to_log_in(_: Unauthorized) -> Answer:
    """Nobody is signed in (any more): log in first, and what was typed comes along."""
    if request.method == "POST":
        shown = _login_form(next=_referring_path(), held=_held(await _sent(), request.path))
        return await instead("accounts/login.html", 401, form=shown)
    target = url_for("accounts.login", next=local_path(request.full_path.rstrip("?")))
    if partial() or request.accept_mimetypes.best == "text/event-stream":
        return Response("", 401, headers={"HX-Redirect": url_for("accounts.login")})
    return redirect(target, 303)


async def _new_or_known(email: str, password: str) -> str:
    """The id of a new account, or of the one that has this address *and* this password.

    Anything else is refused in words that do not say whether the address is known; both ways
    cost one bcrypt.
    """
    known = await _accounts().credentials(email)
    if known is None:
        try:
            return (await _accounts().add(email, await hashed(password), now())).id
        except NotFound:  # taken while the password was hashed
            known = await _accounts().credentials(email)
    if known and await matches(password, known[1]):
        return known[0]
    raise Invalid("This address and password cannot be used. If you have an account, log in.")


async def _count_log_in(email: str) -> None:
    """By account and address: whoever guesses from elsewhere locks nobody out."""
    limit = current_settings().limit_log_ins
    message = N_("Too many attempts. Wait a minute, then try again.")
    where = f"log-in {request.remote_addr}"
    await _throttle().count(where, 4 * limit, MINUTE, message)
    await _throttle().count(f"{where} {email_key(email)}", limit, MINUTE, message)


async def _account_of(email: str, password: str) -> str | None:
    known = await _accounts().credentials(email)
    right = await matches(password, known[1] if known else None)
    return known[0] if known and right else None


async def _account_page(
    status: int = 200, problems: dict[str, str] | None = None, done: str = ""
) -> Response:
    sessions = await _sessions().all(visitor.account_id(), now())
    return await page(
        "accounts/show.html",
        status,
        sessions=sessions,
        current_session=visitor.session_id(),
        problems=problems or {},
        done=done,
        languages=LANGUAGES,
    )


def _login_form(
    email: str = "", next: str = "/", problem: str = "", held: dict[str, Any] | None = None
) -> dict[str, object]:
    return {"email": email, "next": next, "problem": problem, "held": held}


def _held(form: MultiDict[str, str], action: str = "") -> dict[str, Any] | None:
    """The message that waits for its sender to log in: what the form carried, and where it goes."""
    action = local_path(action or form.get("held", ""), "")
    if not _SENDING.fullmatch(action) or not (form.get("text") or form.get("attachment")):
        return None
    kept = {name: form.get(name, "") for name in _SENT}
    many = {"models": form.getlist("model"), "attachments": form.getlist("attachment")}
    return {"action": action, **many, **kept}


async def _sent() -> MultiDict[str, str]:
    """The form that came; a damaged one holds nothing that could wait."""
    try:
        form: MultiDict[str, str] = await request.form
    except ChatError:
        return MultiDict()
    return form


def _referring_path() -> str:
    origin = request.host_url.rstrip("/")
    return local_path((request.referrer or "").removeprefix(origin))


def _accounts() -> AccountRepository:
    return AccountRepository(current_db())


def _sessions() -> SessionRepository:
    return SessionRepository(current_db())


def _throttle() -> Throttle:
    return Throttle(current_db(), now())
