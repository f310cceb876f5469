"""The parts of the running app, typed, for routes: what `app.create_app` has put in place."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from quart import current_app

from chat.db.database import Database
from chat.providers.catalog import Catalog
from chat.settings import Settings

Clock = Callable[[], int]


@dataclass(slots=True)
class Parts:
    """`db` is there from start-up to shut-down; `clock` gives milliseconds since 1970, UTC."""

    settings: Settings
    catalog: Catalog
    clock: Clock
    db: Database


def parts() -> Parts:
    return cast(Parts, current_app.extensions["parts"])


def current_db() -> Database:
    return parts().db


def current_settings() -> Settings:
    return parts().settings


def current_catalog() -> Catalog:
    return parts().catalog


def now() -> int:
    """Milliseconds since 1970, UTC."""
    return parts().clock()


def system_clock() -> int:
    return time.time_ns() // 1_000_000
