"""Models that only somebody's own key opens: listed in the background, as the catalogue does."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from chat.keys.domain import OwnKey
from chat.keys.repository import KeyRepository
from chat.providers import kept
from chat.providers.catalog import AGAIN, EVERY, Catalog
from chat.providers.domain import Model, ProviderError
from chat.providers.listing import usable

log = logging.getLogger(__name__)
AT_ONCE = 8  # lists that are asked for at the same time
MOST = 50_000  # models of all people together that are held in memory; the rest is in the database


@dataclass(slots=True)
class _List:
    """`models`: as the provider lists them, None before it has. `due`: of the loop's clock."""

    models: tuple[Model, ...] | None = None
    shown: tuple[Model, ...] = ()
    trouble: str = ""
    failures: int = 0
    due: float = 0.0
    asked: bool = False


class OwnModels:
    """Asking it never waits. Lists that nobody has looked at for long are forgotten here first."""

    def __init__(
        self, catalog: Catalog, keys: KeyRepository, again: tuple[float, ...] = AGAIN
    ) -> None:
        self._catalog = catalog
        self._keys = keys
        self._again = again
        self._lists: OrderedDict[str, _List] = OrderedDict()  # by the version of the key
        self._looks: set[asyncio.Task[None]] = set()
        self._free = asyncio.Semaphore(AT_ONCE)

    async def recall(self, keys: Iterable[OwnKey]) -> None:
        """Reads what was kept of lists that are not in memory: waits for the database alone."""
        for key in keys:
            if key.version not in self._lists:
                written = await self._keys.listed(key)
                self._put(key, _List(models=kept.models(written) if written else None))

    def shown(self, key: OwnKey) -> tuple[Model, ...]:
        """What is known now. What is not known yet, or old, is asked for."""
        self.look(key)
        return self._lists[key.version].shown

    def find(self, key: OwnKey, model_id: str) -> Model | None:
        """As `Catalog.find`: before the first list a provider may have any model."""
        found = self._lists.get(key.version)
        if found and found.models is not None:
            return next((model for model in found.shown if model.id == model_id), None)
        place, own_id = self._catalog.places[key.provider], model_id.partition("/")[2]
        if not usable(own_id):
            return None
        return next(iter(self._catalog.shown([Model(model_id, place.label, own_id)])), None)

    def trouble(self, key: OwnKey) -> str:
        """The kind of failure of the last look, '' when there was none."""
        found = self._lists.get(key.version)
        return found.trouble if found else ""

    def look(self, key: OwnKey) -> None:
        """Asks for the list in the background, if it is time to."""
        if key.version not in self._lists:
            self._put(key, _List())
        self._lists.move_to_end(key.version)
        found = self._lists[key.version]
        if not found.asked and asyncio.get_running_loop().time() >= found.due:
            found.asked = True
            look = asyncio.create_task(self._discover(key, found))
            self._looks.add(look)
            look.add_done_callback(self._looks.discard)

    async def settled(self) -> None:
        """Waits until nothing is being asked for."""
        while self._looks:
            await asyncio.wait(set(self._looks))

    async def close(self) -> None:
        for look in set(self._looks):
            look.cancel()
            with suppress(asyncio.CancelledError):
                await look

    async def _discover(self, key: OwnKey, found: _List) -> None:
        try:
            async with self._free:
                await self._ask(key, found)
        finally:
            wait = self._again[min(found.failures, len(self._again)) - 1]
            found.due = asyncio.get_running_loop().time() + (wait if found.failures else EVERY)
            found.asked = False

    async def _ask(self, key: OwnKey, found: _List) -> None:
        place = self._catalog.places[key.provider]
        try:
            models = tuple(await self._catalog.with_key(place, key.secret).models())
        except ProviderError as error:
            found.trouble, found.failures = error.kind, found.failures + 1
            log.info("No list of models from %s with somebody's own key: %s", place.label, error)
            return
        except Exception:  # a mistake in one provider: as in the catalogue
            found.trouble, found.failures = "protocol", found.failures + 1
            log.exception("No list of models from %s with somebody's own key", place.label)
            return
        found.trouble, found.failures = "", 0
        if models != found.models:
            found.models = models
            self._put(key, found)
            try:
                await self._keys.keep(key, kept.written(models))
            except Exception:  # it is in memory; the next process asks again
                log.warning("A list of models could not be kept", exc_info=True)

    def _put(self, key: OwnKey, found: _List) -> None:
        found.shown = self._catalog.shown(found.models or ())
        self._lists[key.version] = found
        self._lists.move_to_end(key.version)
        held = sum(len(each.shown) + 1 for each in self._lists.values())
        while held > MOST and len(self._lists) > 1:
            _, oldest = self._lists.popitem(last=False)
            held -= len(oldest.shown) + 1
