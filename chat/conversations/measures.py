"""What was learnt of models by asking them: how large their windows are, and how they count."""

import logging
from dataclasses import replace

from quart import current_app

from chat.conversations.context import Measure, clamped, limit_in, window
from chat.db.database import Database
from chat.db.queries import load_queries
from chat.errors import Unavailable
from chat.providers.domain import Model

SQL = load_queries("model_measures")
NEW = 0.3  # what the last figure weighs in a ratio
WORTH = 0.1  # by which share a ratio must have moved to be stored again
LEAST_SAMPLE = 50  # tokens: smaller prompts are mostly what a provider puts around them
LEAST_WINDOW = 512  # tokens; a model that takes less is of no use in a conversation
SMALLER = 0.75  # of a window that was too large, where the provider does not say how large it is
log = logging.getLogger(__name__)


class Measures:
    """In memory, and in the database for the next start. Each process learns by itself."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[str, Measure] = {}
        self._stored: dict[str, Measure] = {}

    async def open(self) -> None:
        rows = await self._db.all(SQL["all"])
        self._stored = {row["model"]: Measure(row["size"], row["ratio"] / 1000) for row in rows}
        self._known = dict(self._stored)

    def of(self, model: Model) -> Measure:
        return self._known.get(model.id, Measure())

    async def heard(self, model: Model, estimated: int, said: int) -> None:
        """A prompt of so many tokens, by our estimate, had so many by the provider's count."""
        if estimated < LEAST_SAMPLE or not said:
            return
        known = self.of(model)
        ratio = clamped((1 - NEW) * known.ratio + NEW * clamped(said / estimated))
        self._known[model.id] = replace(known, ratio=ratio)
        before = self._stored.get(model.id, Measure())
        if abs(ratio - before.ratio) > WORTH * before.ratio:
            await self._store(model)

    async def overflowed(self, model: Model, words: str) -> None:
        """A prompt that should have fitted was too long, as the provider's words say."""
        known, said = self.of(model), limit_in(words)
        if LEAST_WINDOW <= said < window(model, known):
            learnt = replace(known, window=said)
        elif said >= LEAST_WINDOW:  # it is as large as we thought: it counts more than we thought
            learnt = replace(known, ratio=clamped(known.ratio * 1.3))
        else:
            smaller = int(window(model, known) * SMALLER)
            learnt = replace(known, window=max(LEAST_WINDOW, smaller))
        self._known[model.id] = learnt
        log.info("%s: window %s tokens, ratio %.2f", model.id, learnt.window, learnt.ratio)
        await self._store(model)

    async def _store(self, model: Model) -> None:
        learnt = self._stored[model.id] = self._known[model.id]
        try:
            ratio = round(learnt.ratio * 1000)
            await self._db.run(SQL["keep"], model=model.id, size=learnt.window, ratio=ratio)
        except Unavailable:
            log.warning("what was learnt of %s cannot be stored now", model.id)


def current_measures() -> Measures:
    found: Measures = current_app.extensions["measures"]
    return found
