"""A server to order answers from, a client, and the provider between them."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from chat.providers.http import session
from chat.providers.openai import OpenAI
from tests.providers.wire import FAST, Upstream


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    made = Upstream()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    yield made
    server.close()
    await server.wait_closed()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with session() as made:
        yield made


@pytest.fixture
def provider(upstream: Upstream, http: aiohttp.ClientSession) -> OpenAI:
    return OpenAI("openai", "Ordered", upstream.url, "", http, limits=FAST)
