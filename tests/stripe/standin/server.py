"""Serves accounts on loopback: the API, the hosted pages, and what tests order."""

import asyncio
import re
from collections.abc import Awaitable, Callable

from aiohttp import BasicAuth, web
from seahaven.http import HttpRequest, HttpResponse

from tests.stripe.standin import away, control, hosted
from tests.stripe.standin.account import Account
from tests.stripe.standin.api import answer
from tests.stripe.standin.engine import outward
from tests.stripe.standin.journal import Call

KEY = re.compile(r"sk_test_\w{1,64}")
UNKNOWN = '{"error": {"type": "invalid_request_error", "message": "Invalid API Key provided"}}'
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Standin:
    """Every secret key is an account of its own, made by its first use."""

    def __init__(self) -> None:
        self.base = ""
        self.accounts: dict[str, Account] = {}

    def app(self) -> web.Application:
        app = web.Application(client_max_size=2**20)
        app.router.add_route("*", "/v1/{rest:.*}", self.api)
        app.router.add_route("*", "/c/pay/{id}", self.checkout)
        app.router.add_route("*", "/p/session/{id}", self.portal)
        app.router.add_route("*", "/invoice/{id}/{kind:.*}", self.invoice)
        app.router.add_route("*", "/panel/{key}", self.panel)
        app.router.add_post("/_test/{order}", self.control)
        app.on_shutdown.append(self.close)
        return app

    async def close(self, _: web.Application) -> None:
        for account in self.accounts.values():
            await account.close()
        self.accounts.clear()

    def account(self, key: str) -> Account:
        if key not in self.accounts:
            self.accounts[key] = Account(key, self.base)
        return self.accounts[key]

    async def api(self, request: web.Request) -> web.StreamResponse:
        key = _key(request)
        if not KEY.fullmatch(key):
            return web.Response(status=401, text=UNKNOWN, content_type="application/json")
        account = self.account(key)
        body = await request.read()
        idempotency = request.headers.get("Idempotency-Key", "")
        text = body.decode(errors="replace")
        call = Call(request.method, request.path, request.query_string, idempotency, text)
        account.journal.note(call)
        how = account.away.takes(f"{request.method} {request.path}")
        if how in ("error", "limit"):
            call.status, said = (500, away.ERROR) if how == "error" else (429, away.LIMIT)
            return web.Response(status=call.status, text=said, content_type="application/json")
        if how in ("held", "silent"):
            await account.away.back()
        if how in ("cut", "silent"):
            return _broken(request)
        done = answer(account, _asked(request, body))
        account.courier.collect()
        if how == "lost":
            return _broken(request)
        call.status = done.status
        return _given(done, self.base)

    async def checkout(self, request: web.Request) -> web.StreamResponse:
        return await self._page(request, self._keeping("checkout.session"), hosted.show_checkout)

    async def portal(self, request: web.Request) -> web.StreamResponse:
        return await self._page(
            request, self._keeping("billing_portal.session"), hosted.show_portal
        )

    async def invoice(self, request: web.Request) -> web.StreamResponse:
        def owns(account: Account, identity: str) -> bool:
            with account.engine.transaction() as ctx:
                return bool(ctx.db.one("SELECT id FROM invoices WHERE id = ?", identity))

        return await self._page(request, owns, hosted.show_invoice)

    async def panel(self, request: web.Request) -> web.StreamResponse:
        account = self.accounts.get(request.match_info["key"])
        if account is None:
            raise web.HTTPNotFound(text="There is no such account.")
        form = _form(await request.post()) if request.method == "POST" else None
        page = control.panel(account, form)
        account.courier.collect()
        return _shown(page)

    async def control(self, request: web.Request) -> web.StreamResponse:
        account, order = self.account(_key(request)), request.match_info["order"]
        if order == "account":
            await self.accounts.pop(account.key).close()
            return web.json_response({})
        return await control.obey(account, order, await request.json())

    def _keeping(self, kind: str) -> Callable[[Account, str], bool]:
        return lambda account, identity: identity in account.kept[kind]

    async def _page(
        self,
        request: web.Request,
        owns: Callable[[Account, str], bool],
        show: Callable[[Account, str, hosted.Form | None], hosted.Page],
    ) -> web.StreamResponse:
        """Hosted pages say no key: their address is the secret, and tells whose it is."""
        identity = request.match_info["id"]
        form = _form(await request.post()) if request.method == "POST" else None
        for account in self.accounts.values():
            if owns(account, identity):
                page = show(account, identity, form)
                account.courier.collect()
                return _shown(page)
        raise web.HTTPNotFound(text="There is no such page.")


async def serve(port: int, until: asyncio.Event, ready: Callable[[str], Awaitable[None]]) -> None:
    """On loopback until the event; `ready` is told the address."""
    standin = Standin()
    runner = web.AppRunner(standin.app(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        place = web.TCPSite(runner, "127.0.0.1", port)
        await place.start()
        standin.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        await ready(standin.base)
        await until.wait()
    finally:
        await runner.cleanup()


def _key(request: web.Request) -> str:
    given = request.headers.get("Authorization", "")
    if given.startswith("Basic "):
        return str(BasicAuth.decode(given).login)
    return given.removeprefix("Bearer ")


def _asked(request: web.Request, body: bytes) -> HttpRequest:
    headers = tuple(request.headers.items())
    return HttpRequest(request.method, request.path, request.query_string, headers, body)


def _given(done: HttpResponse, base: str) -> web.Response:
    body = outward(done.body_bytes.decode(), base).encode()
    return web.Response(status=done.status, headers=dict(done.headers), body=body)


def _broken(request: web.Request) -> web.Response:
    """Nothing comes, not even a status: aiohttp writes into a connection that is gone."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def _shown(page: hosted.Page) -> web.Response:
    if page.to:
        return web.Response(status=page.status, headers={"Location": page.to})
    return web.Response(status=page.status, text=page.html, content_type="text/html")


def _form(values: object) -> dict[str, str]:
    return {name: str(value) for name, value in dict(values).items()}  # type: ignore[call-overload]
