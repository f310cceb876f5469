"""A model that costs something."""

from dataclasses import replace

import pytest

from chat.providers.catalog import Catalog
from chat.providers.domain import Price
from tests.site import Site

PRICE = Price(input=2_500_000, cached=250_000, output=10_000_000)
TINY = "openai/tiny"


def set_price(site: Site, monkeypatch: pytest.MonkeyPatch, price: Price | None = PRICE) -> None:
    """As the operator would have written it: from now on `openai/tiny` has this price."""
    catalog: Catalog = site.app.extensions["parts"].catalog
    found = catalog.find(TINY)
    assert found is not None
    monkeypatch.setitem(catalog._models, TINY, replace(found, price=price))
