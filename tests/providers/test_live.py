"""`make live` itself, tried against stand-ins: what it finds there, and that it can find fault."""

import json
from typing import Any

import aiohttp
import pytest
from llmock.pytest_plugin import LLMock

from chat.providers.http import session
from tests.providers import live
from tests.providers.live_checks import CHECKS, NOBODY, Traced
from tests.providers.test_echoes import ANTHROPIC, GEMINI, ROUTER, Transcript
from tests.providers.wire import Upstream

CONNECTED = {"openai": "OPENAI", "anthropic": "ANTHROPIC", "gemini": "GEMINI"}


def environment(llmock: LLMock) -> dict[str, str]:
    """The three wires of the stand-in, each with a key."""
    return {
        f"{prefix}_{name}": value
        for wire, prefix in CONNECTED.items()
        for name, value in (("API_KEY", "key-1"), ("BASE_URL", llmock.base_url(wire)))
    }


async def test_every_check_holds_on_the_three_wires(llmock: LLMock) -> None:
    refusals: dict[str, Any] = {
        "wrong key": lambda: llmock.fail(401),
        "unknown model": lambda: llmock.fail(404, model=NOBODY),
        "prompt too long": lambda: llmock.context_overflow(),
    }
    rows, traced = [], Traced()
    async with session() as http:
        http.trace_configs.append(traced.config())
        for provider in live.services(environment(llmock), http):
            service = await live.prepared(provider, "", traced)
            for check in CHECKS:
                refusals.get(check, lambda: None)()
                row, used = await live.tried(service, check)
                assert (used.output > 0) == (check in ANSWERED and row.outcome == "held")
                rows.append(row)

    assert len(rows) == 3 * len(CHECKS)
    assert {row.check for row in rows if row.outcome == "held"} == CHECKS.keys() - {
        "thoughts and echo"
    }
    assert not [row for row in rows if row.outcome == "NOT HELD"]
    assert [(row.check, row.service) for row in rows if row.outcome == "not tried"] == [
        *(("thoughts and echo", wire) for wire in CONNECTED),
        ("prompt too long", "gemini"),
    ]


ANSWERED = ("answer and usage", "stop in the middle", "image", "temperature")


@pytest.mark.parametrize(
    ("wire", "name", "listed"),
    [
        (ROUTER, "OPENAI", {"data": [{"id": "gpt-5-mini"}]}),
        (
            ANTHROPIC,
            "ANTHROPIC",
            {"data": [{"id": "m1", "capabilities": {"thinking": {"supported": True}}}]},
        ),
        (
            GEMINI,
            "GEMINI",
            {
                "models": [
                    {
                        "name": "models/m1",
                        "thinking": True,
                        "supportedGenerationMethods": ["generateContent"],
                    }
                ]
            },
        ),
    ],
    ids=CONNECTED,
)
@pytest.mark.parametrize("refused", [False, True], ids=["taken", "refused"])
async def test_thoughts_go_back_or_it_says_that_they_were_refused(
    upstream: Upstream,
    http: aiohttp.ClientSession,
    wire: Transcript,
    name: str,
    listed: dict[str, Any],
    refused: bool,
) -> None:
    traced = Traced()
    http.trace_configs.append(traced.config())
    upstream.answer(json.dumps(listed).encode())
    upstream.answer(*wire.frames)
    if refused:
        refusal = {"error": {"type": "invalid_request_error", "message": wire.refusal}}
        upstream.answer(json.dumps(refusal).encode(), status=400)
    upstream.answer(*wire.frames)
    (provider,) = live.services({f"{name}_BASE_URL": upstream.url}, http)

    row, _ = await live.tried(await live.prepared(provider, "", traced), "thoughts and echo")

    assert row.outcome == ("NOT HELD" if refused else "held"), row
    assert ("refused: [400, 200]" if refused else "8 characters of thoughts") in row.note


async def test_what_does_not_hold_is_in_the_table(llmock: LLMock) -> None:
    """This stand-in takes every key and knows every model."""
    found = await live.report({"OPENAI_BASE_URL": llmock.base_url(), "OPENAI_API_KEY": "key-1"})

    assert found.failed
    bad = [row.check for row in found.rows if row.outcome == "NOT HELD"]
    assert bad == ["wrong key", "unknown model", "prompt too long"]
    assert found.input > 0 and found.output > 0
    lines = found.table().splitlines()
    assert len(lines) == len(CHECKS) + 2
    assert "NOT HELD" in lines[7] and "it was answered" in lines[7]


async def test_a_service_that_is_not_there_is_one_row() -> None:
    found = await live.report({"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"})

    assert [(row.check, row.outcome) for row in found.rows] == [("models", "NOT HELD")]


def test_without_keys_it_says_that_nothing_was_tested(capsys: pytest.CaptureFixture[str]) -> None:
    assert live.main({"SECRET_KEY": "x"}) == 0
    assert capsys.readouterr().out.startswith("NOT TESTED: no real model service. Set one")
