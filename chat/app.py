"""Builds the parts and registers the slices: the whole app on one screen."""

import asyncio
import logging
import os
from contextlib import AsyncExitStack

from quart import Quart
from quart_auth import Unauthorized

from chat.accounts import routes as accounts
from chat.accounts import visitor
from chat.accounts.repository import SessionRepository
from chat.accounts.throttle import Throttle
from chat.admin import billing as admin_billing
from chat.attachments import routes as attachments
from chat.attachments.cleaning import Cleaning
from chat.attachments.keeping import Files
from chat.attachments.opening import open_store, temporary
from chat.billing import allowance, banner, current, refused
from chat.billing import routes as billing
from chat.billing.declaring import begun_with
from chat.billing.parts import Selling
from chat.conversations import instructing, lines, presets
from chat.conversations import routes as conversations
from chat.conversations.measures import Measures
from chat.conversations.model_lists import ModelLists
from chat.conversations.picking import preparing
from chat.db.connect import connect
from chat.db.database import Database
from chat.db.place import take_place
from chat.keys import own
from chat.keys import routes as keys
from chat.keys.models import OwnModels
from chat.keys.repository import KeyRepository
from chat.keys.sealing import Sealer
from chat.leaving import routes as leaving
from chat.providers.catalog import Catalog
from chat.providers.declared import Declared
from chat.providers.embedded import Embedded
from chat.replies import editing, watching
from chat.replies import routes as replies
from chat.replies.generations import Generations
from chat.replies.streams import Streams
from chat.settings import Settings, secret_key
from chat.usage import routes as usage
from chat.web import assets, failures, i18n
from chat.web.current import Clock, Parts, system_clock
from chat.web.health import blueprint as health
from chat.web.multipart import Request
from chat.web.templating import Templates

SWEEP_EVERY = 300.0  # seconds
log = logging.getLogger(__name__)


def create_app(settings: Settings, clock: Clock = system_clock) -> Quart:
    """The app of these settings; its database is opened when it starts to serve."""
    models, plans = begun_with(settings)
    for line in plans.mistakes:
        log.error("%s Nothing is sold until that is mended.", line)
    app = Quart("chat", template_folder=None, static_folder=None)
    app.request_class = Request
    app.url_map.merge_slashes = False  # else Werkzeug redirects to where the request's Host says
    app.secret_key = secret_key(settings)
    app.session_interface = visitor.NoSession()  # type: ignore[assignment] # theirs is too narrow
    # The guard counts bodies, and times them by their pace: slow is not broken.
    app.config.update(MAX_CONTENT_LENGTH=None, BODY_TIMEOUT=None, PROVIDE_AUTOMATIC_OPTIONS=False)
    _set_up_templates(app)
    app.extensions["plans"] = plans
    _set_up_parts(app, settings, models, clock)
    visitor.extension(settings).init_app(app)
    app.before_request(visitor.resolve)
    app.before_request(own.resolve)
    app.before_request(current.resolve)
    app.before_request(banner.resolve)
    failures.register(app)
    refused.register(app)
    app.register_error_handler(Unauthorized, accounts.ask_to_log_in)
    for blueprint in (
        health,
        assets.blueprint,
        accounts.blueprint,
        keys.blueprint,
        instructing.blueprint,
        presets.blueprint,
        attachments.blueprint,
        billing.blueprint,
        conversations.blueprint,
        usage.blueprint,
        replies.blueprint,
        editing.blueprint,
        watching.blueprint,
        leaving.blueprint,
        admin_billing.blueprint,
    ):
        app.register_blueprint(blueprint)
    if settings.billing:
        from chat.billing import webhook  # brings the SDK

        app.register_blueprint(webhook.blueprint)
    return app


async def drain(app: Quart) -> None:
    """Before the server leaves: every reply is ended and stored, and its streams with it."""
    if generations := app.extensions.get("generations"):
        await generations.drain()


def _set_up_templates(app: Quart) -> None:
    bundle = app.extensions["assets"] = assets.Assets()
    app.extensions["templates"] = Templates(
        bundle,
        lambda: {
            "account": visitor.account(),
            "language": i18n.language(),
            "nearly": current.nearly,
            "banner": banner.banner(),
        },
        line=lines.line,
    )


def _set_up_parts(app: Quart, settings: Settings, said: Declared, clock: Clock) -> None:
    closing = AsyncExitStack()

    @app.before_serving
    async def open_parts() -> None:
        async with AsyncExitStack() as opened:  # what is open when a later step fails is closed
            if not settings.postgres:
                opened.callback(os.close, take_place(settings.database_file))
            db = await connect(settings, serving=True)
            opened.push_async_callback(db.close)
            shelf = ModelLists(db)
            catalog = Catalog(
                settings,
                Embedded.available(settings),
                declared=said,
                shelf=shelf,
                prepare=preparing(app),
            )
            opened.push_async_callback(catalog.close)
            measures = app.extensions["measures"] = Measures(db)
            await measures.open()
            brought = KeyRepository(db, Sealer(str(app.secret_key)), catalog.places)
            own_models = OwnModels(catalog, brought)
            opened.push_async_callback(own_models.close)
            generations = Generations(db, measures, clock)
            opened.push_async_callback(generations.drain)
            app.extensions["parts"] = Parts(settings, catalog, clock, db)
            app.extensions["own_keys"], app.extensions["own_models"] = brought, own_models
            streams = Streams(settings.limit_streams, SessionRepository(db))
            opened.callback(asyncio.create_task(streams.look_forever()).cancel)
            app.extensions["streams"] = streams
            app.extensions["generations"] = generations
            files = Files(db, open_store(settings), temporary(settings), clock)
            app.extensions["files"] = files
            await _sweep(db, clock)
            opened.callback(asyncio.create_task(_sweep_forever(db, clock)).cancel)
            cleaning = Cleaning(db, files, clock)
            opened.callback(asyncio.create_task(cleaning.forever()).cancel)
            if settings.billing:
                app.extensions["selling"] = await _start_to_sell(app, opened)
            await generations.open()
            await catalog.start()
            closing.push_async_callback(opened.pop_all().aclose)
        app.add_background_task(app.extensions["templates"].warm)

    @app.after_serving
    async def close_parts() -> None:
        await closing.aclose()


async def _start_to_sell(app: Quart, opened: AsyncExitStack) -> Selling:
    """Only here the SDK of Stripe is imported: it has its weight."""
    from chat.billing.gateway import Gateway
    from chat.billing.worker import Worker

    found: Parts = app.extensions["parts"]
    gateway = Gateway(found.settings)
    opened.push_async_callback(gateway.close)
    worker = Worker(found.db, gateway, app.extensions["plans"], found.clock)
    opened.push_async_callback(worker.close)
    worker.start()
    return Selling(gateway, worker)


async def _sweep(db: Database, clock: Clock) -> None:
    """Sessions that have ended, tries that no limit counts any more, reservations of nothing."""
    await SessionRepository(db).end_old(clock())
    await Throttle(db, clock()).forget()
    await allowance.sweep(db, clock())


async def _sweep_forever(db: Database, clock: Clock) -> None:
    while True:
        await asyncio.sleep(SWEEP_EVERY)
        try:
            await _sweep(db, clock)
        except Exception:
            log.warning("nothing could be swept", exc_info=True)
