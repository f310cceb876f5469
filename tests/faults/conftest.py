"""What tests that kill processes share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests import upstream as upstreams
from tests.faults.installation import Installation


@pytest.fixture
async def installation(tmp_path: Path) -> AsyncIterator[Installation]:
    """Started, with a model server of its own and somebody registered."""
    async with upstreams.running() as upstream:
        made = Installation(tmp_path, upstream)
        try:
            await made.start()
            await made.person.register()
            yield made
        finally:
            await made.close()
