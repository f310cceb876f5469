"""How the server starts and how it ends, whatever hangs on it."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.serving import GET, POST, Served, received, unready, until


@pytest.fixture
def start() -> Iterator[Callable[..., Served]]:
    with ExitStack() as stack:

        def started(**settings: str) -> Served:
            served = Served(**settings)
            stack.callback(served.close)
            return served

        yield started


def test_g8_streams_uploads_and_never_readers_cannot_hold_the_exit(
    start: Callable[..., Served],
) -> None:
    served = start()
    with ExitStack() as stack:
        streams = [
            stack.enter_context(served.connect(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n"))
            for _ in range(20)
        ]
        for stream in streams:
            assert b"data: first" in until(stream, b"first")
        for _ in range(3):
            stack.enter_context(served.connect(POST + b"Content-Length: 90000\r\n\r\n" + b"x" * 9))
            flood = served.connect(b"GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert stack.enter_context(flood).recv(100)
        idle = stack.enter_context(served.connect())
        served.signal(signal.SIGTERM)
        code, spent = served.left(within=9)

        assert (code, spent < 5) == (0, True)
        assert all(received(stream).endswith(b"data: last\n\n\r\n0\r\n\r\n") for stream in streams)
        assert received(idle) == b""
    assert "drained\n" in served.lines
    assert not [line for line in served.lines if "Traceback" in line or " ERROR " in line]


def test_g8_readers_who_get_their_last_words_one_by_one_all_get_them(
    start: Callable[..., Served],
) -> None:
    """Hundreds of final pages take longer on a slow machine than one moment of grace."""
    served = start(APART="0.2")
    with ExitStack() as stack:
        streams = [
            stack.enter_context(served.connect(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n"))
            for _ in range(8)
        ]
        for stream in streams:
            until(stream, b"first")
        served.signal(signal.SIGTERM)

        assert served.left(within=9)[0] == 0
        assert all(received(stream).endswith(b"data: last\n\n\r\n0\r\n\r\n") for stream in streams)


def test_nothing_is_accepted_while_draining(start: Callable[..., Served]) -> None:
    served = start(DRAINING="3")
    with served.connect(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n") as stream:
        until(stream, b"first")
        served.signal(signal.SIGTERM)
        assert received(stream).endswith(b"0\r\n\r\n")
        with pytest.raises(ConnectionError):
            served.ask(GET + b"\r\n")
    assert served.process.poll() is None
    assert served.left(within=9)[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_r34_a_second_signal_leaves_after_the_flush(
    start: Callable[..., Served], number: int
) -> None:
    served = start(DRAINING="0.5", GRACE="4")
    with served.connect(b"GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n") as never_read:
        assert never_read.recv(100)
        began = time.monotonic()
        while served.process.poll() is None and time.monotonic() - began < 9:
            served.signal(number)
            time.sleep(0.1)
        code, _ = served.left(within=1)
    assert (code, time.monotonic() - began < 3.5) == (0, True)
    assert "drained\n" in served.lines
    assert not [line for line in served.lines if "Traceback" in line]


def test_draining_that_hangs_is_given_up_before_the_deadline(start: Callable[..., Served]) -> None:
    served = start(DRAINING="60")
    served.signal(signal.SIGTERM)
    code, spent = served.left(within=9)
    assert (code, spent < 7.5) == (1, True)
    assert "drained\n" not in served.lines
    assert [line for line in served.lines if "Draining took more than 4 s" in line]
    assert not [line for line in served.lines if "cut off" in line]


def test_a_stuck_loop_cannot_outlive_the_deadline(start: Callable[..., Served]) -> None:
    served = start(DEADLINE="1")
    with served.connect(b"GET /stuck HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        served.told("stuck\n")
        served.signal(signal.SIGTERM)
        code, spent = served.left(within=9)
    assert (code, spent < 6) == (1, True)


def test_r34_a_signal_during_the_start_is_a_clean_end() -> None:
    with unready(STARTING="3") as process:
        assert process.stderr
        assert process.stderr.readline() == "starting\n"
        process.terminate()
        assert process.wait(9) == 0
        assert process.stderr.read() == ""


def test_a_start_that_fails_ends_in_one_clear_line_and_no_stack_trace() -> None:
    with unready(UNSTARTED="The database is newer than this version.") as process:
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 1
    *before, last = errors.splitlines()
    assert "Prosa could not start: " in last
    assert "The database is newer than this version." in last
    assert len(before) == 2  # "starting", and where in the code it failed, which Quart logs


def test_a_port_in_use_is_one_clear_line(start: Callable[..., Served]) -> None:
    port = str(start().port)
    with unready(PORT=port) as process:
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 1
    assert errors.count("\n") == 1
    assert f"127.0.0.1 port {port} is in use" in errors
