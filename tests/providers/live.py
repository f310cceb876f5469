"""`make live`: what only the real services can answer, asked as Prosa asks it.

It wants a network and the keys of Prosa's own settings, one or more of them: OPENAI_API_KEY,
ANTHROPIC_API_KEY, GEMINI_API_KEY, OPENROUTER_API_KEY (and OPENAI_BASE_URL and so on, for the same
wire elsewhere). Without any it says so and tries nothing. It asks short questions of the cheapest
model that will do: cents in all, most of them for a prompt that is meant to be refused. What it
prints is what to write down: which requests were refused first, and in what words.
LIVE_MODELS="openai/gpt-5-nano anthropic/claude-haiku-4-5" says whom to ask instead.
"""

import asyncio
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

import aiohttp

from chat import settings
from chat.providers import known
from chat.providers.domain import Keyed, Model, ProviderError, Usage
from chat.providers.http import Limits, session
from chat.providers.presets import configured
from tests.providers import live_checks
from tests.providers.live_checks import CHECKS, NotTried, Service

KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY")
URLS = ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "GEMINI_BASE_URL")
LONGEST = 180  # seconds for one check
_CHEAP = re.compile(r"\bnano\b|\bflash-lite\b|\bhaiku\b|\bmini\b|\bflash\b|\bsmall\b")
_OFTEN_SILENT = re.compile(r"\blite\b|\bnano\b")  # they think only when they are told to


@dataclass(frozen=True)
class Row:
    """`outcome`: held, NOT HELD, or not tried."""

    service: str
    check: str
    outcome: str
    note: str = ""


@dataclass
class Report:
    rows: list[Row] = field(default_factory=list)
    input: int = 0  # tokens
    output: int = 0

    @property
    def failed(self) -> bool:
        return any(row.outcome == "NOT HELD" for row in self.rows)

    def table(self) -> str:
        rows = [
            ("service", "what", "", ""),
            *((r.service, r.check, r.outcome, r.note) for r in self.rows),
        ]
        widths = [max(len(row[at]) for row in rows) for at in range(3)]
        lines = ["  ".join((*map(str.ljust, row, widths), row[3])).rstrip() for row in rows]
        return "\n".join([*lines, f"Used: {self.input} tokens in, {self.output} out."])


def services(env: Mapping[str, str], http: aiohttp.ClientSession) -> list[Keyed]:
    """Those that the environment connects, made as the app makes them."""
    given = {name: env[name] for name in (*KEYS, *URLS) if env.get(name)}
    read = settings.read(given)
    return [cast(Keyed, each) for each in configured(read, http, Limits(models=20))]


async def prepared(provider: Keyed, wanted: str, traced: live_checks.Traced) -> Service:
    """With whom to ask of it; ProviderError when it has no list. `wanted`: ids, with spaces."""
    listed = [known.completed(model) for model in await provider.models()]
    if not listed:
        raise ProviderError("not_found", "its list is empty")
    chosen = [model for model in listed if model.id in wanted.split()]
    plain = chosen or sorted(listed, key=_cost)
    thinking = sorted((m for m in listed if m.reasons), key=lambda m: (_lazy(m), _cost(m)))
    return Service(
        provider=provider,
        traced=traced,
        count=len(listed),
        plain=next((model for model in plain if not model.reasons), plain[0]),
        thinking=next((m for m in (*chosen, *thinking) if m.reasons), None),
        seeing=next((m for m in plain if m.sees), None),
        narrow=min((m for m in plain if m.context), key=lambda m: m.context, default=None),
    )


async def tried(service: Service, check: str) -> tuple[Row, Usage]:
    """One check; whatever happens is a row."""
    label, used = service.provider.key, Usage()
    service.traced.begin()
    try:
        async with asyncio.timeout(LONGEST):
            note = await CHECKS[check](service)
    except NotTried as reason:
        row = Row(label, check, "not tried", str(reason))
    except TimeoutError:
        row = Row(label, check, "NOT HELD", f"no end after {LONGEST} s")
    except ProviderError as error:
        waits = error.kind == "rate_limit"
        outcome = "not tried" if waits else "NOT HELD"
        row = Row(label, check, outcome, f"{service.traced} {error}")
    except AssertionError as error:
        row = Row(label, check, "NOT HELD", f"{service.traced} {error}")
    else:
        row = Row(label, check, "held", f"{service.traced} {note}")
    for each in service.traced.used:
        used = replace(used, input=used.input + each.input, output=used.output + each.output)
    return row, used


async def report(env: Mapping[str, str]) -> Report:
    made, traced = Report(), live_checks.Traced()
    async with session() as http:
        http.trace_configs.append(traced.config())
        for provider in services(env, http):
            try:
                service = await prepared(provider, env.get("LIVE_MODELS", ""), traced)
            except ProviderError as error:
                made.rows.append(Row(provider.key, "models", "NOT HELD", str(error)))
                continue
            for check in CHECKS:
                row, used = await tried(service, check)
                made.rows.append(row)
                made.input, made.output = made.input + used.input, made.output + used.output
    return made


def main(env: Mapping[str, str]) -> int:
    if not any(env.get(name) for name in (*KEYS, *URLS)):
        print(f"NOT TESTED: no real model service. Set one or more of {', '.join(KEYS)}.")
        return 0
    found = asyncio.run(report(env))
    print(found.table())
    absent = [name for name in KEYS if not env.get(name)]
    if absent:
        print(f"NOT TESTED: what {', '.join(absent)} would connect.")
    return 1 if found.failed else 0


def _cost(model: Model) -> tuple[bool, int, bool]:
    """The cheapest first: by its price, else by its name; what costs nothing is often not there."""
    price = model.price.input + 3 * model.price.output if model.price else 0
    return not price and not _CHEAP.search(model.own_id), price, known.rank(model)[0]


def _lazy(model: Model) -> bool:
    return bool(_OFTEN_SILENT.search(model.own_id))


if __name__ == "__main__":
    try:
        sys.exit(main(settings.environment()))
    except settings.BadSettings as error:
        sys.exit(str(error))
