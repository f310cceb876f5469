"""What `make live` tries of one service: each check says in a few words what it saw."""

import io
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
from PIL import Image as Pictures

from chat.providers.domain import (
    Done,
    Echo,
    Event,
    Image,
    Keyed,
    Kind,
    Model,
    Prompt,
    Provider,
    ProviderError,
    TextDelta,
    Turn,
    Usage,
)
from tests.providers.wire import text_of, thought_of

ENOUGH = 1_000  # tokens of an answer, thoughts among them
FOR_THOUGHTS = 4_096
WIDEST = 200_000  # tokens of a window beyond which a prompt is asked: more is not cheap
WRONG_KEY = "sk-this-is-no-key-of-anybody-0000"
NOBODY = "prosa-asks-for-no-such-model"


class NotTried(Exception):
    """Why a check says nothing about this service."""


class Traced:
    """What was asked over HTTP since `begin`, and what that used."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.used: list[Usage] = []

    def begin(self) -> None:
        self.statuses, self.used = [], []

    def config(self) -> aiohttp.TraceConfig:
        made = aiohttp.TraceConfig()

        async def ended(_: object, __: object, params: aiohttp.TraceRequestEndParams) -> None:
            self.statuses.append(params.response.status)

        made.on_request_end.append(ended)
        made.freeze()
        return made

    def __str__(self) -> str:
        return f"[{' '.join(map(str, self.statuses))}]"


@dataclass(frozen=True)
class Service:
    """One endpoint, and which of its models are asked; None where it has none of the kind."""

    provider: Keyed
    traced: Traced
    count: int
    plain: Model
    thinking: Model | None
    seeing: Model | None
    narrow: Model | None

    async def told(self, prompt: Prompt, provider: Provider | None = None) -> list[Event]:
        """Every event of an answer that ends well."""
        async with aclosing((provider or self.provider).stream(prompt)) as stream:
            events = [event async for event in stream]
        self.traced.used += [event for event in events if isinstance(event, Usage)]
        return events

    async def refused(self, prompt: Prompt, provider: Provider | None = None) -> ProviderError:
        try:
            events = await self.told(prompt, provider)
        except ProviderError as error:
            return error
        raise AssertionError(f"it was answered: {text_of(events)[:60]!r}")


def asked(model: Model, text: str, **more: Any) -> Prompt:
    return Prompt(model, (Turn("user", text),), **{"max_output": ENOUGH, **more})


async def models(service: Service) -> str:
    found = await service.provider.models()
    assert found, "the list is empty"
    return f"{service.count} listed"


async def answer(service: Service) -> str:
    events = await service.told(asked(service.plain, "Answer with the one word: blue"))

    assert text_of(events).strip(), f"no text: {events}"
    assert events[-1] == Done("stop"), f"it ended with {events[-1]}"
    usage = next((event for event in events if isinstance(event, Usage)), Usage())
    assert usage.input and usage.output, f"counted: {usage}"
    return f"{service.plain.own_id}: {text_of(events).strip()[:20]!r}, {usage.input}+{usage.output}"


async def stop(service: Service) -> str:
    """The connection is closed in the middle, and the next question is answered."""
    long = asked(service.plain, "Write the numbers from 1 to 300 in words, one a line.")
    text = ""
    async with aclosing(service.provider.stream(long)) as stream:
        async for event in stream:
            assert not isinstance(event, Done), f"it ended before it could be stopped: {text!r}"
            if isinstance(event, TextDelta):
                text += event.text
                break
    again = await service.told(asked(service.plain, "Answer with the one word: green"))
    assert text_of(again).strip(), "nothing was answered after a stop"
    return f"after {len(text)} characters"


async def thoughts(service: Service) -> str:
    """It thinks, and what it wants back with its answer goes along with the next question."""
    if service.thinking is None:
        raise NotTried("no model here is known to think first")
    question = "How many times does the letter r stand in 'strawberry'? Count before you answer."
    first = asked(service.thinking, question, max_output=FOR_THOUGHTS)
    events = await service.told(first)
    reasoning = thought_of(events)
    counted = sum(event.reasoning for event in events if isinstance(event, Usage))
    assert reasoning or counted, f"{service.thinking.own_id} thought nothing"
    echo = next((event.data for event in reversed(events) if isinstance(event, Echo)), "")

    service.traced.statuses.append(0)  # between the two
    turns = (*first.turns, Turn("assistant", text_of(events), echo=echo), Turn("user", "And p?"))
    more = await service.told(replace(first, turns=turns))
    assert text_of(more).strip(), "nothing was answered to the second question"
    second = service.traced.statuses[service.traced.statuses.index(0) + 1 :]
    assert not echo or second == [200], f"what was to go back was refused: {second}"
    told = f"{len(reasoning)} characters of thoughts, {counted} tokens, {len(echo)} to go back"
    return f"{service.thinking.own_id}: {told}"


async def image(service: Service) -> str:
    if service.seeing is None:
        raise NotTried("no model here is known to see images")
    written = io.BytesIO()
    Pictures.new("RGB", (64, 64), "red").save(written, "PNG")
    turn = Turn(
        "user", "Which colour is this? One word.", (Image("image/png", written.getvalue()),)
    )
    events = await service.told(Prompt(service.seeing, (turn,), max_output=ENOUGH))
    assert text_of(events).strip(), "no text"
    return f"{service.seeing.own_id}: a red square is {text_of(events).strip()[:20]!r}"


async def temperature(service: Service) -> str:
    """Taken, or turned down and asked again without."""
    asking = service.thinking or service.plain
    events = await service.told(asked(asking, "Answer with the one word: grey", temperature=0.2))
    assert isinstance(events[-1], Done)
    taken = service.traced.statuses == [200]
    return f"{asking.own_id}: {'taken' if taken else 'turned down, asked again without'}"


async def wrong_key(service: Service) -> str:
    prompt = asked(service.plain, "Hello")
    return _is(await service.refused(prompt, service.provider.with_key(WRONG_KEY)), "auth")


async def unknown_model(service: Service) -> str:
    nobody = replace(service.plain, id=f"{service.provider.key}/{NOBODY}")
    return _is(await service.refused(asked(nobody, "Hello")), "not_found")


async def too_long(service: Service) -> str:
    """Refused prompts cost nothing; one that is taken costs as many tokens as the window has."""
    if service.narrow is None or service.narrow.context > WIDEST:
        raise NotTried(f"no window here is known to be under {WIDEST} tokens: not cheap")
    words = "word " * int(service.narrow.context * 1.3)
    error = await service.refused(asked(service.narrow, words, max_output=16))
    return f"{service.narrow.own_id}: {_is(error, 'context')}"


CHECKS: Mapping[str, Callable[[Service], Awaitable[str]]] = {
    "models": models,
    "answer and usage": answer,
    "stop in the middle": stop,
    "thoughts and echo": thoughts,
    "image": image,
    "temperature": temperature,
    "wrong key": wrong_key,
    "unknown model": unknown_model,
    "prompt too long": too_long,
}


def _is(error: ProviderError, kind: Kind) -> str:
    if error.kind == "rate_limit":
        raise error
    assert error.kind == kind, f"taken for {error}"
    return error.message[:100]
