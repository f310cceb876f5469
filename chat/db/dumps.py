"""A whole PostgreSQL database in one file and back, by PostgreSQL's own programs."""

import asyncio
import re
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import asyncpg

from chat.db.copies import COUNTED, Contents
from chat.db.ends import check_version, shown
from chat.db.migrations import migrations, version_postgres
from chat.db.single import connected
from chat.settings import BadSettings, environment

TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"


async def dump_postgres(url: str, target: Path) -> Contents:
    """Writes the database of this address into `target` as of now; it holds up no writer.

    Errors: BadSettings, also when `pg_dump` is missing or older than the server.
    """
    async with connected(url) as connection:
        await _check_program("pg_dump", "dump", connection)
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        contents = await _contents(connection)
        check_version(shown(url), contents.version, len(migrations("postgres")))
        view = await connection.fetchval("SELECT pg_export_snapshot()")
        await _run(url, "pg_dump", "--format=custom", f"--snapshot={view}", f"--file={target}")
    return contents


async def check_loadable(url: str, dump: Path) -> None:
    """BadSettings unless this file can become the database of this address, which is empty."""
    async with connected(url) as connection:
        await _check_program("pg_restore", "restore into", connection)
        if await connection.fetchval(TABLES):
            raise BadSettings([f"There are tables in {shown(url)}: restore where nothing is."])
    await _run("", "pg_restore", "--list", str(dump))


async def load_postgres(url: str, dump: Path) -> Contents:
    """What the database of this address holds, once it is what was dumped: all of it or nothing."""
    words = "--single-transaction --exit-on-error --no-owner --no-privileges".split()
    await _run(url, "pg_restore", *words, str(dump))
    async with connected(url) as connection:
        await connection.execute("ANALYZE")
        return await _contents(connection)


async def _contents(connection: "asyncpg.Connection") -> Contents:
    version = await version_postgres(connection)
    counts = {
        table: await connection.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608 (constants)
        for table in (COUNTED if version else ())
    }
    return Contents(version, counts)


async def _check_program(name: str, what: str, connection: "asyncpg.Connection") -> None:
    """BadSettings when it is not there or older than the server: it would not understand it."""
    server = connection.get_server_version().major
    found = re.search(r"\(PostgreSQL\) (\d+)", await _run("", name, "--version"))
    if found and int(found[1]) < server:
        raise BadSettings([f"{name} {found[1]} cannot {what} a server of version {server}."])


async def _run(url: str, name: str, *words: str) -> str:
    """What the program says; BadSettings with its first complaint.

    The password is in its environment: everybody on the machine can read command lines.
    """
    if not (path := shutil.which(name)):
        raise BadSettings([f"{name} is not on the PATH: PostgreSQL's client programs are needed."])
    address, password = _parted(url) if url else ("", "")
    env = {**environment(), "LC_ALL": "C", **({"PGPASSWORD": password} if password else {})}
    where = [f"--dbname={address}"] if address else []
    process = await asyncio.create_subprocess_exec(
        path, *where, *words, env=env, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
    )
    try:
        said, complaints = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise BadSettings([_complaint(name, complaints.decode(errors="replace"))])
    return said.decode(errors="replace")


def _complaint(name: str, said: str) -> str:
    lines = [line for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(f"{name}: error: ")]
    line = (errors or lines or ["it failed."])[0]
    return f"{name}: {line.removeprefix(f'{name}: ').removeprefix('error: ')}"


def _parted(url: str) -> tuple[str, str]:
    """The address without the password, and the password."""
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    user, _, password = user.partition(":")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    found = query.pop("password", "") or unquote(password)
    rest = f"?{urlencode(query, quote_via=quote)}" if query else ""
    return f"{parts.scheme}://{user}{at}{hosts}{parts.path}{rest}", found
