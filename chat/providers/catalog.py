"""Which models this installation offers: found in the background, never on a page's path."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass

import aiohttp

from chat.providers import known
from chat.providers.domain import Model, Provider, ProviderError
from chat.providers.guide import MODEL as GUIDE
from chat.providers.guide import Guide
from chat.providers.http import Limits, session
from chat.providers.listing import usable
from chat.providers.presets import configured
from chat.settings import Settings

log = logging.getLogger(__name__)

EVERY = 600  # seconds between two looks at an endpoint that answers
AGAIN = (5, 15, 60, 300)  # after failures; the last one repeats


@dataclass(slots=True)
class _Endpoint:
    provider: Provider
    models: tuple[Model, ...] | None = None  # None: never discovered yet
    trouble: str = ""


class Catalog:
    """Asking it never waits. `embedded` comes after the real providers, the guide comes last.

    Until `start`, and while nothing is discovered, it offers the guide alone.
    """

    def __init__(
        self,
        settings: Settings,
        embedded: Provider | None = None,
        *,
        limits: Limits = Limits(),  # noqa: B008 (frozen)
        again: tuple[float, ...] = AGAIN,
    ) -> None:
        self._settings = settings
        self._embedded = embedded
        self._limits = limits
        self._again = again
        self._guide = Guide(settings.public_url)
        self._endpoints: dict[str, _Endpoint] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._http: aiohttp.ClientSession | None = None
        self._groups: tuple[tuple[str, tuple[Model, ...]], ...] = ()
        self._models: dict[str, Model] = {}
        self._publish()

    async def start(self) -> None:
        """Begin to look at every endpoint, each on its own; returns at once."""
        self._http = session()
        providers = configured(self._settings, self._http, self._limits)
        if self._embedded:
            providers.append(self._embedded)
        self._endpoints = {provider.key: _Endpoint(provider) for provider in providers}
        if self._embedded:  # it says at once what it has: the first page offers it already
            await self._discover(self._endpoints[self._embedded.key])
        for endpoint in self._endpoints.values():
            self._tasks.append(asyncio.create_task(self._watch(endpoint)))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()
        for endpoint in self._endpoints.values():
            await endpoint.provider.close()
        if self._http:
            await self._http.close()

    async def refresh(self) -> None:
        """Look at every endpoint now, and wait for it: some seconds at most."""
        await asyncio.gather(*(self._discover(each) for each in self._endpoints.values()))

    def groups(self) -> tuple[tuple[str, tuple[Model, ...]], ...]:
        """What the picker shows: (provider's label, its models)."""
        return self._groups

    def default(self) -> Model:
        """The first real model found, else the embedded one, else the guide."""
        return self._groups[0][1][0]

    def find(self, model_id: str) -> Model | None:
        """The model with this id; None when there is none.

        An endpoint that has never answered may have any model: conversations go on with theirs,
        and its own error tells when the name is wrong.
        """
        if model := self._models.get(model_id):
            return model
        key, _, own_id = model_id.partition("/")
        endpoint = self._endpoints.get(key)
        if endpoint is None or endpoint.models is not None or not usable(own_id):
            return None
        return known.completed(Model(model_id, endpoint.provider.label, own_id))

    def provider(self, model: Model) -> Provider:
        """Who answers for this model; ProviderError when it is no longer configured."""
        if model.endpoint == self._guide.key:
            return self._guide
        if endpoint := self._endpoints.get(model.endpoint):
            return endpoint.provider
        raise ProviderError("not_found", f"{model.endpoint} is not configured")

    def warm(self, model: Model) -> None:
        """A page offers this model as the choice: its first question is likely to come."""
        with suppress(ProviderError):
            self.provider(model).warm()

    def trouble(self) -> dict[str, str]:
        """Endpoints that did not answer the last look, each with the kind of its failure."""
        return {key: each.trouble for key, each in self._endpoints.items() if each.trouble}

    async def _watch(self, endpoint: _Endpoint) -> None:
        failures = 0
        while True:
            await self._discover(endpoint)
            failures = failures + 1 if endpoint.trouble else 0
            last = len(self._again)
            await asyncio.sleep(self._again[min(failures, last) - 1] if failures else EVERY)

    async def _discover(self, endpoint: _Endpoint) -> None:
        provider, before = endpoint.provider, endpoint.trouble
        try:
            models = await provider.models()
        except ProviderError as error:
            endpoint.trouble = error.kind
            if error.kind != before:
                log.warning("No list of models from %s: %s", provider.label, error)
            return
        except Exception:  # a mistake in one provider must not end its watch
            endpoint.trouble = "protocol"
            log.exception("No list of models from %s", provider.label)
            return
        endpoint.trouble = ""
        endpoint.models = tuple(sorted(map(known.completed, models), key=known.rank))
        if before:
            log.info("%s answers again: %d models", provider.label, len(models))
        self._publish()

    def _publish(self) -> None:
        groups = [(each.provider.label, each.models) for each in self._endpoints.values()]
        self._groups = (
            *((label, models) for label, models in groups if models),
            (self._guide.label, (GUIDE,)),
        )
        self._models = {model.id: model for _, models in self._groups for model in models}
