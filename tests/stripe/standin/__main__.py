"""`python -m tests.stripe.standin [--port N] [--tied]`, with the Python of `.venv-stripe`."""

import argparse
import asyncio
import os
import signal

from tests.stripe.standin import annotations

annotations.install()

from tests.stripe.standin.server import serve  # noqa: E402 (the engine needs the line above)


async def main(port: int, tied: bool) -> None:
    leave, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, leave.set)
    if tied:
        loop.add_reader(0, lambda: None if os.read(0, 1024) else leave.set())

    async def ready(base: str) -> None:
        print(f"The stand-in for Stripe is on {base}", flush=True)

    await serve(port, leave, ready)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    parser.add_argument("--tied", action="store_true", help="leaves when its input, a pipe, ends")
    given = parser.parse_args()
    asyncio.run(main(given.port, given.tied))
