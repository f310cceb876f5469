"""The real server in a child process, and the raw sockets that talk to it."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parent.parent
FORM, UPLOAD = 100_000, 2_000_000  # the limits of bodies, in bytes
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "PYTHONPATH": str(ROOT),
    "PORT": "0",
    "FORM": str(FORM),
    "UPLOAD": str(UPLOAD),
}
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /echo HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


class Served:
    """`tests/served.py` in a child process; `lines` is what it has logged."""

    def __init__(self, **settings: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", str(ROOT / "tests" / "served.py")],
            env=ENVIRONMENT | settings,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=usual_signals,
        )
        self.lines: list[str] = []
        self.port = self._ready()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _ready(self) -> int:
        assert self.process.stderr
        for line in self.process.stderr:
            self.lines.append(line)
            if found := re.search(r"Prosa is on http://127\.0\.0\.1:(\d+)$", line):
                return int(found[1])
        raise AssertionError(f"The server did not start: {self.lines}")

    def _read(self) -> None:
        assert self.process.stderr
        self.lines.extend(self.process.stderr)

    def connect(self, data: bytes = b"") -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        connection.sendall(data)
        return connection

    def ask(self, data: bytes) -> bytes:
        """Everything that comes back for `data` until the server closes."""
        with self.connect() as connection:
            with suppress(ConnectionError):
                connection.sendall(data)
            return received(connection)

    def memory(self) -> int:
        """Resident bytes."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def told(self, line: str, *, within: float = 10) -> None:
        """Returns once it has logged this line."""
        began = time.monotonic()
        while line not in self.lines:
            assert time.monotonic() - began < within, self.lines
            time.sleep(0.01)

    def left(self, *, within: float) -> tuple[int, float]:
        """The exit code, and the seconds it took from now."""
        began = time.monotonic()
        code = self.process.wait(within)
        spent = time.monotonic() - began
        self._reader.join(5)
        return code, spent

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(5)
        assert self.process.stderr
        self.process.stderr.close()


def unready(**settings: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "served.py")],
        env=ENVIRONMENT | settings,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=usual_signals,
    )


def usual_signals() -> None:
    """Whoever runs the tests in the background or under nohup makes children that ignore these."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def received(connection: socket.socket) -> bytes:
    parts = []
    with suppress(ConnectionError):
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts)


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


def until(connection: socket.socket, mark: bytes) -> bytes:
    seen = b""
    while mark not in seen:
        part = connection.recv(4_096)
        assert part, seen
        seen += part
    return seen
