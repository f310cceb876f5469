"""A model that costs something."""

from dataclasses import replace

import pytest

from chat.providers.catalog import Catalog
from chat.providers.domain import Model, Price
from tests.site import Site

PRICE = Price(input=2_500_000, cached=250_000, output=10_000_000)
TINY = "openai/tiny"


def set_price(site: Site, monkeypatch: pytest.MonkeyPatch, price: Price | None = PRICE) -> None:
    """As if the operator's file had changed: from now on `openai/tiny` has this price."""
    catalog: Catalog = site.app.extensions["parts"].catalog
    find = catalog.find

    def priced(model_id: str) -> Model | None:
        found = find(model_id)
        return replace(found, price=price) if found and model_id == TINY else found

    monkeypatch.setattr(catalog, "find", priced)
