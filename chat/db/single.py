"""One PostgreSQL connection for a command, whose work may take as long as it needs."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import asyncpg

from chat.db.ends import shown
from chat.settings import BadSettings

PATIENCE = 10.0  # seconds until the server has answered, and until others leave


@asynccontextmanager
async def connected(url: str) -> AsyncIterator["asyncpg.Connection"]:
    """What is not committed at the end is undone. Errors, also within: BadSettings."""
    with speaking(shown(url)):
        connection = await _connect(url)
        try:
            yield connection
        finally:
            with suppress(Exception):  # it may be broken
                await connection.close(timeout=PATIENCE)


@contextmanager
def speaking(name: str) -> Iterator[None]:
    """What the driver complains of, as one line for the operator."""
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        said = str(error).partition("\n")[0] or type(error).__name__
        raise BadSettings([f"The database {name} cannot be used: {said}."]) from error


async def _connect(url: str) -> "asyncpg.Connection":
    settings = {
        "application_name": "prosa command",
        "statement_timeout": "0",
        "idle_in_transaction_session_timeout": "0",
        "lock_timeout": f"{PATIENCE:.0f}s",
    }
    try:
        return await asyncpg.connect(url, timeout=PATIENCE, server_settings=settings)
    except ValueError as error:  # it may repeat a part of the password
        raise BadSettings([f"The address of {shown(url)} makes no sense."]) from error
