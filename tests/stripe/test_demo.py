"""`make demo` starts both, says where they are, and leaves nothing running."""

import asyncio
import os
import re
import signal
import socket
import sys
from pathlib import Path

import aiohttp

from tests.stripe import installed


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


async def test_the_demo_starts_both_and_ends_both(tmp_path: Path) -> None:
    installed.require()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.stripe.demo"),
        cwd=installed.ROOT,
        env={
            "PATH": os.environ["PATH"],
            "PORT": str(free_port()),
            "DATA": str(tmp_path),
            "EMBEDDED_MODEL": "off",
        },
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    try:
        said = (await asyncio.wait_for(process.stdout.readuntil(b"Ctrl-C"), 180)).decode()
        app, panel = re.findall(r"(http://127\.0\.0\.1:\S+)$", said, re.MULTILINE)
        async with aiohttp.ClientSession() as client:
            for url in (app, panel):
                async with client.get(url) as answer:
                    assert answer.status == 200, url
                    shown = await answer.text()
        assert "Nobody has subscribed yet" in shown
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 60) == 0
        for url in (app, panel):
            port = int(re.findall(r":(\d+)", url)[0])
            with socket.socket() as asked:
                assert asked.connect_ex(("127.0.0.1", port)) != 0
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
