"""nginx in front of several processes, with the lines that the README gives."""

import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.faults.process import ROOT
from tests.needs import require

WRAPPED = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
  access_log {folder}/access.log combined_upstream;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
{readme}
}}
"""


def readme(port: str, upstreams: Sequence[str]) -> str:
    """The README's block with our addresses in it, and without TLS."""
    block = re.search(r"```nginx\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert block
    text = block[1]
    for number, base in enumerate(upstreams, start=5001):
        assert f"127.0.0.1:{number};" in text
        text = text.replace(f"127.0.0.1:{number};", f"{base.removeprefix('http://')};")
    assert "listen 443 ssl;" in text
    return text.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")


@contextmanager
def in_front(folder: Path, port: str, upstreams: Sequence[str]) -> Iterator[Path]:
    """nginx on `port`; yields its access log, whose lines end in the process that answered."""
    program = require("nginx-light")
    folder.mkdir()
    config = WRAPPED.format(folder=folder, readme=readme(port, upstreams))
    config = config.replace(
        "http {\n", "http {\n  log_format combined_upstream '$request $status $upstream_addr';\n", 1
    )
    (folder / "nginx.conf").write_text(config)
    process = subprocess.Popen(
        [program, "-p", str(folder), "-c", str(folder / "nginx.conf")],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield folder / "access.log"
    finally:
        process.terminate()
        process.wait(10)
