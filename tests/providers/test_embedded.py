"""The embedded model, for real: SmolLM2 under llama.cpp in its child process."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import replace
from importlib import util
from pathlib import Path

import httpx2
import openai
import pytest
import pytest_asyncio

from chat.providers.domain import Done, Image, Prompt, ProviderError, TextDelta, Turn, Usage
from chat.providers.embedded import CLOSE_SECONDS, SLOTS, Embedded
from chat.settings import read
from tests.providers.embedded_child import (
    answer_of,
    asked,
    children,
    cpu_ticks,
    idle,
    inside,
    installed,
    runs,
    socket_of,
    sockets,
    text_of,
    until,
)

pytestmark = pytest.mark.model

PARENT = """
import asyncio
from tests.providers.embedded_child import answer_of, installed

async def main():
    model = installed()
    await answer_of(model, "Say hello.")
    print(model.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest_asyncio.fixture(scope="module")
async def model() -> AsyncIterator[Embedded]:
    model = installed()
    yield model
    await model.close()


@pytest_asyncio.fixture(scope="module")
async def brief() -> AsyncIterator[Embedded]:
    """Says no more than eight tokens."""
    weights = installed().weights
    brief = Embedded(replace(weights, model=replace(weights.model, max_output=8)))
    yield brief
    await brief.close()


@pytest_asyncio.fixture
async def fresh(folder: Path) -> AsyncIterator[Embedded]:
    model = installed()
    yield model
    await model.close()


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary folders are made during the test (pytest's own is too long for a socket)."""
    with tempfile.TemporaryDirectory() as name:
        monkeypatch.setattr(tempfile, "tempdir", name)
        yield Path(name)


async def test_an_image_is_refused_by_its_kind(model: Embedded) -> None:
    image = Image("image/png", b"\x89PNG")
    with pytest.raises(ProviderError) as caught:
        async with aclosing(
            model.stream(Prompt(model.model, (Turn("user", "What is this?", (image,)),)))
        ) as events:
            await anext(events)

    assert caught.value.kind == "unsupported"


async def test_an_english_sentence_comes_in_pieces_and_is_counted(model: Embedded) -> None:
    events = await answer_of(model, "In one sentence: what is the sea?")

    pieces = [event for event in events if isinstance(event, TextDelta)]
    assert len(pieces) > 5
    assert re.search(r"\b(sea|ocean|water)\b", text_of(events))
    assert isinstance(events[-1], Done)
    usage = next(event for event in events if isinstance(event, Usage))
    assert usage.input > 10
    assert 5 < usage.output <= 256


async def test_an_answer_ends_at_the_cap(brief: Embedded) -> None:
    events = await answer_of(brief, "Write a long story about a fox.")

    usage = next(event for event in events if isinstance(event, Usage))
    assert (events[-1], usage.output) == (Done("length"), 8)


async def test_an_answer_that_was_begun_is_gone_on_with(model: Embedded) -> None:
    turns = Turn("user", "Count from one to ten."), Turn("assistant", "one, two, three, four,")

    async with aclosing(model.stream(replace(asked(model, ""), turns=turns))) as events:
        told = [event async for event in events]

    assert text_of(told).lstrip().startswith("five")


async def test_a_stop_ends_the_work_and_the_next_question_is_answered(model: Embedded) -> None:
    async def first_words() -> None:
        async with aclosing(
            model.stream(asked(model, "Write a long story about a fox."))
        ) as events:
            await anext(event async for event in events if isinstance(event, TextDelta))

    await asyncio.gather(*(first_words() for _ in range(SLOTS)))

    stopped = cpu_ticks(model.pid)
    await idle(model.pid, within=60)
    assert cpu_ticks(model.pid) - stopped < 100  # the whole stories take nine seconds' worth
    assert text_of(await answer_of(model, "Say hello."))


async def test_a_stop_is_noticed_while_a_long_prompt_is_read(brief: Embedded) -> None:
    await answer_of(brief, "Say hello.")
    start = cpu_ticks(brief.pid)
    await answer_of(brief, "The hare runs around the lake again. " * 100)
    whole = cpu_ticks(brief.pid) - start

    before = cpu_ticks(brief.pid)
    reading = asyncio.create_task(answer_of(brief, "The fox jumps over the river again. " * 100))
    await until(lambda: cpu_ticks(brief.pid) > before + whole / 20, within=60)
    reading.cancel()

    await idle(brief.pid, within=60)
    assert cpu_ticks(brief.pid) - before < whole * 0.7
    assert text_of(await answer_of(brief, "Say hello."))


async def test_a_prompt_beyond_the_window_is_too_long(model: Embedded) -> None:
    with pytest.raises(ProviderError) as caught:
        await answer_of(model, "word " * 3000)

    assert caught.value.kind == "context"


async def test_the_official_client_is_understood_by_the_same_server(model: Embedded) -> None:
    await answer_of(model, "Say hello.")
    transport = httpx2.AsyncHTTPTransport(uds=socket_of(model.pid))
    async with openai.AsyncOpenAI(
        api_key="none",
        base_url="http://embedded/v1",
        http_client=httpx2.AsyncClient(transport=transport),
    ) as client:
        stream = await client.chat.completions.create(
            model="any",
            messages=[{"role": "user", "content": "Say hello in English."}],
            max_tokens=32,
            stream=True,
        )
        pieces = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]

    assert len(pieces) > 2
    assert "".join(pieces).strip()


async def test_first_questions_at_once_start_one_child(fresh: Embedded) -> None:
    before = children()

    answers = await asyncio.gather(*(answer_of(fresh, "Say hello.") for _ in range(4)))

    assert all(text_of(answer) for answer in answers)
    assert children() - before == {fresh.pid}


async def test_a_child_killed_while_it_answers_is_an_error_and_then_replaced(
    fresh: Embedded,
) -> None:
    with pytest.raises(ProviderError) as caught:
        async with aclosing(fresh.stream(asked(fresh, "Write a long story."))) as events:
            await anext(events)
            killed = fresh.pid
            assert killed
            os.kill(killed, signal.SIGKILL)
            async for _ in events:
                pass

    assert caught.value.kind == "network"
    assert "SIGKILL" in caught.value.message
    assert text_of(await answer_of(fresh, "Say hello."))
    assert fresh.pid not in (None, killed)


async def test_a_child_killed_while_it_rests_is_replaced(fresh: Embedded) -> None:
    await answer_of(fresh, "Say hello.")
    killed = fresh.pid
    assert killed
    os.kill(killed, signal.SIGTERM)
    await until(lambda: fresh.pid is None, within=20)

    assert text_of(await answer_of(fresh, "Say hello."))


async def test_the_terminal_cannot_interrupt_the_child(model: Embedded) -> None:
    await answer_of(model, "Say hello.")
    pid = model.pid
    assert pid
    os.kill(pid, signal.SIGINT)

    assert text_of(await answer_of(model, "Say hello."))
    assert model.pid == pid
    assert os.getsid(pid) != os.getsid(0)


async def test_it_warms_up_in_the_background_and_closing_leaves_nothing(
    fresh: Embedded, folder: Path
) -> None:
    fresh.warm()
    await until(lambda: fresh.pid, within=120)
    pid, (private,) = fresh.pid, inside(folder)
    assert private.stat().st_mode & 0o777 == 0o700
    began = time.monotonic()

    await fresh.close()

    assert CLOSE_SECONDS < 1
    assert time.monotonic() - began < 15  # what a busy machine adds
    assert pid and not runs(pid)
    assert inside(folder) == []


async def test_closing_while_it_starts_leaves_nothing(fresh: Embedded, folder: Path) -> None:
    before = children()
    fresh.warm()
    await until(lambda: children() - before, within=5)

    await fresh.close()

    assert children() == before
    assert inside(folder) == []


async def test_the_child_goes_when_its_parent_is_killed(folder: Path) -> None:
    installed()
    environment = {**os.environ, "TMPDIR": str(folder)}
    with subprocess.Popen(  # noqa: ASYNC220 (to be killed, not waited for)
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, env=environment
    ) as parent:
        assert parent.stdout
        pid = int(await asyncio.to_thread(parent.stdout.readline))
        assert runs(pid)

        parent.kill()

        await until(lambda: not runs(pid), within=20)
    assert inside(folder) == []


async def test_nothing_listens_on_the_network(model: Embedded) -> None:
    await answer_of(model, "Say hello.")
    ours = sockets(model.pid)

    def held(table: str) -> set[str]:
        return ours & set(Path(f"/proc/net/{table}").read_text().split())

    assert held("unix")
    assert [held(table) for table in ("tcp", "tcp6", "udp", "udp6")] == [set()] * 4


async def test_an_operators_own_file_is_used_unchecked_under_its_own_name(model: Embedded) -> None:
    own = Embedded.available(read({"EMBEDDED_MODEL": str(model.weights.path)}))
    assert own is not None

    assert text_of(await answer_of(own, "Say hello."))

    (offered,) = await own.models()
    assert offered.id == "embedded/smollm2-135m-instruct.q4_1"
    assert offered.name == "SmolLM2-135M-Instruct.Q4_1"
    await own.close()


@pytest.mark.parametrize("sha256", ["0" * 64, ""], ids=["of another file", "of no model"])
async def test_a_wrong_file_is_refused_with_a_line_in_the_log(
    sha256: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    weights = installed().weights
    (notes := tmp_path / "notes.gguf").write_text("Buy milk.")
    wrong = Embedded(replace(weights, path=weights.path if sha256 else notes, sha256=sha256))

    with pytest.raises(ProviderError) as caught:
        await answer_of(wrong, "Say hello.")

    assert caught.value.kind == "not_found"
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert ("SHA-256" if sha256 else "did not start") in record.getMessage()
    assert record.exc_info is None
    assert wrong.pid is None


def test_it_can_be_switched_off() -> None:
    assert Embedded.available(read({"EMBEDDED_MODEL": "off"})) is None


def test_without_its_packages_it_is_not_offered_and_the_log_says_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    caplog.set_level("INFO")

    assert Embedded.available(read({})) is None

    (record,) = caplog.records
    assert "xllamacpp is not installed" in record.getMessage()
    assert record.exc_info is None
