"""Each test orders its own answers."""

from collections.abc import Iterator

import pytest

from tests.upstream import Upstream


@pytest.fixture(autouse=True)
def _nothing_left_over(upstream: Upstream) -> Iterator[None]:
    """A reply that is stopped before its model was asked leaves its answer to the next test."""
    yield
    upstream.answers.clear()
