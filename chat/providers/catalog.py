"""Which models this installation offers: found in the background, never on a page's path."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

import aiohttp

from chat.providers import kept, known
from chat.providers.declared import Declared
from chat.providers.domain import Keyed, Model, Provider, ProviderError
from chat.providers.guide import Guide
from chat.providers.http import Limits, session
from chat.providers.kept import KeptList, Shelf
from chat.providers.listing import usable
from chat.providers.offer import Group, Offer, offer
from chat.providers.presets import Place, configured, places, well_known
from chat.settings import Settings

log = logging.getLogger(__name__)

EVERY = 600  # seconds between two looks at an endpoint that answers
AGAIN = (5, 15, 60, 300)  # after failures; the last one repeats


@dataclass(slots=True)
class _Endpoint:
    provider: Provider
    models: tuple[Model, ...] | None = None  # as it lists them; None: never discovered yet
    silent: bool = False  # it has no list and is not asked for one
    trouble: str = ""
    kept: bool = False  # whether its list is on the shelf


class Catalog:
    """Asking it never waits. `embedded` comes after the real providers, the guide comes last.

    Until `start` it offers the guide alone; then the lists on the `shelf`, until each endpoint has
    told its own. What it lists is completed by what is known, and both by what is `declared`.
    `prepare` is waited for before something else is offered.
    """

    def __init__(
        self,
        settings: Settings,
        embedded: Provider | None = None,
        *,
        declared: Declared = Declared(),  # noqa: B008 (frozen)
        shelf: Shelf | None = None,
        limits: Limits = Limits(),  # noqa: B008 (frozen)
        again: tuple[float, ...] = AGAIN,
        prepare: Callable[[Offer], Awaitable[None]] | None = None,
    ) -> None:
        self._settings = settings
        self._embedded = embedded
        self._declared = declared
        self._shelf = shelf
        self._limits = limits
        self._again = again
        self._prepare = prepare
        self._publishing = asyncio.Lock()
        self._guide = Guide(settings.public_url)
        self._endpoints: dict[str, _Endpoint] = {}
        self.places = {place.key: place for place in places(settings, declared)}
        self._keyed: dict[str, Keyed] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._http: aiohttp.ClientSession | None = None
        self._offer = offer((), {})

    async def start(self) -> None:
        """Begin to look at every endpoint, each on its own; waits for the shelf alone."""
        self._http = session()
        providers = configured(self._settings, self._http, self._limits, self._declared)
        if self._embedded:
            providers.append(self._embedded)
        self._endpoints = {provider.key: _Endpoint(provider) for provider in providers}
        for declared in self._declared.endpoints:
            if not declared.discover:
                silent = self._endpoints[declared.key]
                silent.silent, silent.models = True, ()
        await self._recall()
        await self._publish()
        if self._embedded:  # it says at once what it has: the first page offers it already
            await self._discover(self._endpoints[self._embedded.key])
        for endpoint in self._asked():
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
        await asyncio.gather(*(self._discover(each) for each in self._asked()))

    def offer(self) -> Offer:
        """What the picker shows; another object only when that is another."""
        return self._offer

    def default(self) -> Model:
        """The first model of an endpoint that answers, else of any, else the guide."""
        return self._offer.default

    def find(self, model_id: str) -> Model | None:
        """The model with this id; None when there is none, or it is hidden.

        An endpoint that has never answered may have any model: conversations go on with theirs,
        and its own error tells when the name is wrong.
        """
        if model := self._offer.models.get(model_id):
            return model
        key, _, own_id = model_id.partition("/")
        endpoint = self._endpoints.get(key)
        if endpoint is None or self._declared.hides(model_id):
            return None
        if endpoint.models is not None:  # its list may have come, and not be ready to be shown
            found = (each for each in endpoint.models if each.id == model_id)
            return next(map(self._completed, found), None)
        if not usable(own_id):
            return None
        return self._completed(Model(model_id, endpoint.provider.label, own_id))

    def provider(self, model: Model) -> Provider:
        """Who answers for this model; ProviderError when it is no longer configured."""
        if model.endpoint == self._guide.key:
            return self._guide
        if endpoint := self._endpoints.get(model.endpoint):
            return endpoint.provider
        raise ProviderError("not_found", f"{model.endpoint} is not configured")

    def with_key(self, place: Place, api_key: str) -> Provider:
        """Who answers there for the owner of a key, whether the settings connect it or not."""
        if place.key not in self._keyed:
            if self._http is None:
                raise ProviderError("network", "the catalogue has not been started")
            if endpoint := self._endpoints.get(place.key):
                self._keyed[place.key] = cast(Keyed, endpoint.provider)
            else:
                found = well_known(place, self._settings, self._http, self._limits)
                self._keyed[place.key] = found
        return self._keyed[place.key].with_key(api_key)

    def lists(self, endpoint: str) -> bool:
        """Whether everybody is offered models of this endpoint."""
        groups = self._offer.groups
        return any(each.models and each.models[0].endpoint == endpoint for each in groups)

    def shown(self, models: Iterable[Model]) -> tuple[Model, ...]:
        """A list as the picker has it: completed, without what is hidden, the best first."""
        found = (self._completed(each) for each in models if not self._declared.hides(each.id))
        return tuple(
            sorted(found, key=lambda model: (self._declared.order(model), known.rank(model)))
        )

    def warm(self, model: Model) -> None:
        """A page offers this model as the choice: its first question is likely to come."""
        with suppress(ProviderError):
            self.provider(model).warm()

    def trouble(self) -> Mapping[str, str]:
        """Endpoints that did not answer the last look, each with the kind of its failure."""
        return self._offer.down

    def _asked(self) -> list[_Endpoint]:
        return [each for each in self._endpoints.values() if not each.silent]

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
            models = tuple(await provider.models())
            endpoint.trouble = ""
        except ProviderError as error:
            endpoint.trouble = error.kind
            if error.kind != before:
                log.warning("No list of models from %s: %s", provider.label, error)
        except Exception:  # a mistake in one provider must not end its watch
            endpoint.trouble = "protocol"
            log.exception("No list of models from %s", provider.label)
        if endpoint.trouble:
            if endpoint.trouble != before:
                await self._publish()
            return
        if before:
            log.info("%s answers again: %d models", provider.label, len(models))
        changed, endpoint.models = models != endpoint.models, models
        if before or changed:
            await self._publish()
        if changed or not endpoint.kept:
            endpoint.kept = await self._keep(provider, models)

    async def _recall(self) -> None:
        try:
            lists = await self._shelf.lists() if self._shelf else []
        except Exception:
            log.warning("No list of models could be read", exc_info=True)
            return
        for each in lists:
            endpoint = self._endpoints.get(each.endpoint)
            if endpoint and endpoint.models is None and endpoint.provider.label == each.label:
                endpoint.models = kept.models(each.models)
                endpoint.kept = endpoint.models is not None

    async def _keep(self, provider: Provider, models: tuple[Model, ...]) -> bool:
        if not self._shelf or provider is self._embedded:
            return True
        try:
            text = await asyncio.to_thread(kept.written, models)
            await self._shelf.keep(KeptList(provider.key, provider.label, text))
            return True
        except Exception:  # the next look tries again
            log.warning("The list of %s could not be kept", provider.label, exc_info=True)
            return False

    async def _publish(self) -> None:
        async with self._publishing:  # or an older state could come behind a newer one
            found = await asyncio.to_thread(self._state)
            try:
                if self._prepare:
                    await self._prepare(found)
            except Exception:  # who shows it makes it then
                log.exception("The list of models could not be prepared")
            self._offer = found

    def _state(self) -> Offer:
        endpoints = self._endpoints.items()
        groups = (Group(e.provider.label, self._shown(e), e.trouble) for _, e in endpoints)
        return offer(groups, {key: each.trouble for key, each in endpoints if each.trouble})

    def _shown(self, endpoint: _Endpoint) -> tuple[Model, ...]:
        """Its list; where it has given none, what is declared of it. Orders first, then worth."""
        models: Iterable[Model] = endpoint.models or ()
        if not endpoint.models:
            models = self._declared.of(endpoint.provider.key, endpoint.provider.label)
        return self.shown(models)

    def _completed(self, model: Model) -> Model:
        return self._declared.told(known.completed(model))
