"""What no file can do to this process: it sees a word, whatever happens in the child."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat.attachments import reading
from chat.attachments.reading import Reading, read
from chat.errors import Unavailable
from chat.settings import child_environment
from tests.attachments.made import (
    encoded,
    opendocument,
    pdf_by_fpdf,
    reading_of,
    saved,
    scene,
    word,
    workbook,
)
from tests.providers.embedded_child import children, runs, until

PARENT = """
import asyncio, sys
from pathlib import Path
from chat.attachments.reading import read
asyncio.run(read(Path(sys.argv[1]), "pipe", Path(sys.argv[2])))
"""


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A file that never says anything: whoever opens it waits."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def instead(monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """Run this as the child: what a child does that was taken over, or killed."""
    run = asyncio.create_subprocess_exec

    async def other(program: str, *words: str, **how: object) -> asyncio.subprocess.Process:
        return await run(program, "-c", source, *words[2:], **how)  # type: ignore[arg-type]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", other)


async def test_a_file_that_takes_too_long_is_given_up(
    pipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "SECONDS", 0.3)
    before = children()

    found = await reading_of(pipe, tmp_path)

    assert (found.kind, found.trouble, found.text) == ("other", "slow", "")
    assert children() == before


async def test_who_stops_waiting_leaves_no_process_behind(pipe: Path, tmp_path: Path) -> None:
    before = children()
    task = asyncio.create_task(read(pipe, "pipe", tmp_path))
    await until(lambda: children() - before, 5)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert children() == before


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_the_child_ends_with_its_parent(how: int, pipe: Path, tmp_path: Path) -> None:
    words = (sys.executable, "-c", PARENT, str(pipe), str(tmp_path))
    parent = await asyncio.create_subprocess_exec(*words)
    tasks = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    await until(lambda: tasks.read_text().split(), 60)
    child = int(tasks.read_text().split()[0])
    parent.send_signal(how)
    await parent.wait()

    await until(lambda: not runs(child), 30)


async def test_only_two_are_read_at_once(pipe: Path, tmp_path: Path) -> None:
    before = children()
    tasks = [asyncio.create_task(read(pipe, "pipe", tmp_path)) for _ in range(5)]
    await until(lambda: len(children() - before) == 2, 5)
    await asyncio.sleep(0.2)  # a third would be there by now

    assert len(children() - before) == 2
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert children() == before


async def test_one_that_said_more_than_anybody_read_ends_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead(monkeypatch, "print('x' * 9_000_000)")
    process = await reading._started(tmp_path / "file", "file", tmp_path)
    assert process.stdout is not None
    await until(lambda: process.stdout._paused, 60)  # type: ignore[union-attr] # nobody reads

    await asyncio.wait_for(reading._end(process), 10)

    assert process.returncode == -signal.SIGKILL


SORTED = 'import json, os; print(json.dumps({"type": "image/png", "kind": "image"}), flush=True); '
ENDS = {
    "time of the processor": ("os.kill(os.getpid(), 24)", "slow"),
    "memory": ("os.kill(os.getpid(), 9)", "too_large"),
    "memory of a library": ("os.abort()", "too_large"),
    "a crash": ("os.kill(os.getpid(), 11)", "broken"),
    "nothing more said": ("", "broken"),
    "half a line": ('os.write(1, b\'{"text": "ab\'); os._exit(0)', "broken"),
    "far too much said": ("print('x' * 9_000_000)", "too_large"),
    "no sense": ("print('[\"text\"]')", "broken"),
}


@pytest.mark.parametrize("end", ENDS)
async def test_however_the_child_ends_there_is_a_word_for_it(
    end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, trouble = ENDS[end]
    instead(monkeypatch, SORTED + source)

    found = await reading_of(b"x", tmp_path)

    assert found == Reading(type="image/png", kind="image", trouble=trouble)  # type: ignore[arg-type]


async def test_a_child_that_was_taken_over_names_no_file_but_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("key")
    said = {
        "type": "text/html; x=\r\n", "kind": "page", "trouble": "none",
        "cut": 1, "pages": -1, "width": 1e300, "height": "9", "model": "../secret",
        "thumb": "thumb.webp", "pages_as_images": ["page-1.jpg", "page-9.jpg", 7, str(secret)],
    }  # fmt: skip
    instead(
        monkeypatch,
        f"import json, os, sys; os.symlink({str(secret)!r}, sys.argv[-1] + '/thumb.webp'); "
        "os.mkdir(sys.argv[-1] + '/page-1.jpg'); print('{}'); "
        f"print(json.dumps({said!r} | {{'text': 'a\\0b\\ud800' * 100_000}}))",
    )

    found = await reading_of(b"x", tmp_path)

    assert len(found.text) <= 200_100 and not set("\0\ud800") & set(found.text)
    assert found == Reading(trouble="broken", text=found.text)


async def test_without_a_process_to_be_had_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))
    with pytest.raises(Unavailable):
        await reading_of(b"x", tmp_path)


def test_the_child_knows_no_secrets_and_loads_only_what_it_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SECRET_KEY", "not for children")
    told = """
import os, resource, sys
from pathlib import Path
from chat.attachments import child
child._limit()
child._look(Path("pyproject.toml"), ".toml", Path("."), os.open(os.devnull, os.O_WRONLY))
print(*os.environ, *sys.modules)
print(resource.getrlimit(resource.RLIMIT_AS)[0], resource.getrlimit(resource.RLIMIT_CORE)[0])
"""
    output = subprocess.run(
        [sys.executable, "-c", told], env=child_environment(), capture_output=True, check=True
    ).stdout.decode()

    known = set(output.split())
    assert not {"SECRET_KEY", "PIL", "pypdfium2", "python_calamine", "asyncio", "socket"} & known
    assert output.splitlines()[-1] == "1200000000 0"


def test_this_process_loads_no_decoder() -> None:
    told = "import sys, chat.attachments.reading, chat.attachments.prompting; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", told], capture_output=True, check=True).stdout
    assert not {b"PIL", b"pypdfium2", b"python_calamine", b"charset_normalizer", b"zipfile"} & set(
        loaded.split()
    )


MAKERS: list[Callable[[], bytes]] = [
    *(lambda kind=kind: encoded(scene(60, 30), kind) for kind in "PNG JPEG GIF WEBP TIFF".split()),
    lambda: pdf_by_fpdf("Hello", "World"),
    word,
    lambda: saved(workbook()),
    lambda: opendocument("text", "<text:p>Hello</text:p>"),
    lambda: b"<html><body><table><tr><td>a</table><p>b<script>c",
]
WHOLE = [make() for make in MAKERS]


@st.composite
def mutilated(draw: st.DrawFn) -> bytes:
    """A good file with bytes changed, a piece lost, doubled, or that of another in its place."""
    content = bytearray(draw(st.sampled_from(WHOLE)))
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, len(content)))
        end = at + draw(st.integers(1, 40))
        change = draw(st.sampled_from(["bytes", "cut", "double", "foreign", "tail"]))
        if change == "bytes":
            content[at:end] = draw(st.binary(min_size=1, max_size=8))
        elif change == "cut":
            del content[at:end]
        elif change == "double":
            content[at:at] = content[at:end] * 3
        elif change == "foreign":
            other = draw(st.sampled_from(WHOLE))
            content[at:end] = other[at % len(other) :][:60]
        else:
            del content[max(8, at) :]
    return bytes(content)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(mutilated(), min_size=2, max_size=2))
async def test_no_bytes_get_more_out_of_a_reader_than_a_word(files: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = await asyncio.gather(*(reading_of(each, Path(folder)) for each in files))
        for each in found:
            assert each.trouble != "slow"
            assert len(each.text) <= 200_100 and "\0" not in each.text
            assert each.trouble or each.text or each.model
            for path in (each.model, each.thumb, *each.pages_as_images):
                assert path is None or 0 < path.stat().st_size <= 3_500_000
