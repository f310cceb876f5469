"""The keys of whoever sent this request: opened once, and what models they can ask with them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast

from quart import current_app, g

from chat.accounts import visitor
from chat.keys.domain import OwnKey
from chat.keys.models import OwnModels
from chat.keys.repository import KeyRepository
from chat.providers.domain import Model, Provider
from chat.providers.offer import Group
from chat.web.current import current_catalog

LAST_RESORTS = ("embedded", "guide")  # what is there when the operator has connected nothing


def keys() -> KeyRepository:
    found: KeyRepository = current_app.extensions["own_keys"]
    return found


def models() -> OwnModels:
    found: OwnModels = current_app.extensions["own_models"]
    return found


async def resolve() -> None:
    """Before each request, once it is known whose it is. Who has no keys pays nothing for it."""
    account = visitor.account()
    if account is None or not account.own_keys:
        return
    kept = await keys().all(account.id)
    found = {each.provider: each.key for each in kept if each.key}
    await models().recall(found.values())
    g.own_keys = found


def groups() -> tuple[Group, ...]:
    """For the picker: models of providers that only their keys open."""
    catalog, found = current_catalog(), list[Group]()
    for key in _keys().values():
        if not catalog.lists(key.provider):
            label = catalog.places[key.provider].label
            found.append(Group(label, models().shown(key), models().trouble(key)))
    return tuple(found)


def find(model_id: str) -> Model | None:
    """As `Catalog.find`, with what their keys open; `own` says that theirs is asked with."""
    catalog, key = current_catalog(), _keys().get(model_id.partition("/")[0])
    model = catalog.find(model_id)
    if key is None:
        return model
    if model is None and not catalog.lists(key.provider):
        model = models().find(key, model_id)
    return replace(model, own=True) if model else None


def default() -> Model:
    """The operator's choice; their own models where that is no real one."""
    usual = current_catalog().default()
    if usual.endpoint in LAST_RESORTS:
        usual = next((group.models[0] for group in groups() if group.models), usual)
    return find(usual.id) or usual


def provider(model: Model) -> Callable[[], Provider]:
    """Who answers for it, when asked: ProviderError when it is not configured any more."""
    catalog, key = current_catalog(), _keys().get(model.endpoint) if model.own else None
    if key is None:
        return lambda: catalog.provider(model)
    place, secret = catalog.places[key.provider], key.secret
    return lambda: catalog.with_key(place, secret)


def _keys() -> Mapping[str, OwnKey]:
    return cast(Mapping[str, OwnKey], g.get("own_keys", {}))
