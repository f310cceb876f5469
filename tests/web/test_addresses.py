"""The quick way to an address says what the framework says."""

from typing import Any

import pytest
from quart import url_for

from chat.web.addresses import address
from tests.site import Site

ID = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("endpoint", "values"),
    [
        ("conversations.new", {}),
        ("conversations.show", {"conversation_id": ID}),
        ("conversations.show", {"conversation_id": "0conversation_id0"}),
        ("conversations.show", {"conversation_id": "a/b?c#d e%"}),
        ("conversations.older", {"conversation_id": ID, "before": "0before0"}),
        ("conversations.index", {"before": "123-abc", "q": "olá & adeus"}),
        ("conversations.index", {"before": "123-abc", "q": None}),
        ("conversations.index", {"before": "-", "q": ""}),
        ("conversations.show", {"conversation_id": "a-b", "at": None}),
    ],
)
async def test_it_is_what_url_for_says(site: Site, endpoint: str, values: dict[str, Any]) -> None:
    async with site.app.test_request_context("/"):
        for _ in range(2):  # the second time from memory
            assert address(endpoint, **values) == url_for(endpoint, **values)
