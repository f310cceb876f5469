"""Builds the parts and registers the slices: the whole app on one screen."""

from quart import Quart
from quart_auth import Unauthorized

from chat.accounts import routes as accounts
from chat.accounts import visitor
from chat.accounts.repository import SessionRepository
from chat.accounts.throttle import Throttle
from chat.conversations import routes as conversations
from chat.db.database import connect
from chat.providers.catalog import Catalog
from chat.providers.embedded import Embedded
from chat.replies import routes as replies
from chat.replies import watching
from chat.replies.generations import Generations
from chat.replies.streams import Streams
from chat.settings import Settings, secret_key
from chat.web import assets, failures, i18n
from chat.web.current import Clock, Parts, system_clock
from chat.web.health import blueprint as health
from chat.web.templating import Templates


def create_app(settings: Settings, clock: Clock = system_clock) -> Quart:
    """The app of these settings; its database is opened when it starts to serve."""
    app = Quart("chat", template_folder=None, static_folder=None)
    app.secret_key = secret_key(settings)
    # The guard counts bodies, and times them by their pace: slow is not broken.
    app.config.update(MAX_CONTENT_LENGTH=None, BODY_TIMEOUT=None, PROVIDE_AUTOMATIC_OPTIONS=False)
    _set_up_templates(app)
    _set_up_parts(app, settings, clock)
    visitor.extension(settings).init_app(app)
    app.before_request(visitor.resolve)
    failures.register(app)
    app.register_error_handler(Unauthorized, accounts.ask_to_log_in)
    for blueprint in (
        health,
        assets.blueprint,
        accounts.blueprint,
        conversations.blueprint,
        replies.blueprint,
        watching.blueprint,
    ):
        app.register_blueprint(blueprint)
    return app


async def drain(app: Quart) -> None:
    """Before the server leaves: every reply is ended and stored, and its streams with it."""
    if generations := app.extensions.get("generations"):
        await generations.drain()


def _set_up_templates(app: Quart) -> None:
    bundle = app.extensions["assets"] = assets.Assets()
    app.extensions["templates"] = Templates(
        bundle, lambda: {"account": visitor.account(), "language": i18n.language()}
    )


def _set_up_parts(app: Quart, settings: Settings, clock: Clock) -> None:
    @app.before_serving
    async def open_parts() -> None:
        db = await connect(settings)
        embedded = Embedded.available(settings)
        catalog = Catalog(settings, embedded)
        app.extensions["parts"] = Parts(settings, catalog, clock, db)
        app.extensions["streams"] = Streams(settings.limit_streams)
        generations = app.extensions["generations"] = Generations(db, clock)
        await SessionRepository(db).end_old(clock())
        await Throttle(db, clock()).forget()
        await generations.recover()
        generations.open()
        await catalog.start()
        app.add_background_task(app.extensions["templates"].warm)

    @app.after_serving
    async def close_parts() -> None:
        parts: Parts | None = app.extensions.get("parts")
        if parts:
            await drain(app)
            await parts.catalog.close()
            await parts.db.close()
