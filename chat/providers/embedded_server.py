"""What the embedded model's child process runs: llama.cpp's own server on a Unix socket.

`python -m chat.providers.embedded_server SOCKET GGUF SHA256 CONTEXT MAX_OUTPUT SLOTS` (SHA256 may
be empty) writes one line to standard output, `ready` or why it cannot be, and serves until
standard input ends, which it does when the parent is gone however that came about.
"""

import ctypes
import hashlib
import os
import shutil
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1  # prctl(2)
SLEEP_SECONDS = 300  # without a request for so long it gives the weights back: 65 MB instead of 250
# A stop is noticed between two batches: 64 tokens make that 0.3 s on a slow core, the default 2,048
# makes it all of the prompt, and costs 12 % of the reading speed.
BATCH_TOKENS = 64


def main(socket: str, gguf: str, sha256: str, context: str, max_output: str, slots: str) -> None:
    _die_with_parent()
    say = _quiet()
    try:
        _check(gguf, sha256)
        server = _serve(socket, gguf, int(context), int(max_output), int(slots))
    except Exception as error:
        os.write(say, " ".join(str(error).split()).encode())
        sys.exit(1)
    folder = Path(socket).parent
    signal.signal(signal.SIGTERM, lambda _signal, _frame: _leave(folder))
    threading.Thread(target=_leave_at_end_of_input, args=[folder], daemon=True).start()
    os.write(say, b"ready\n")
    while server:  # the threads that serve are llama.cpp's
        signal.pause()


def _die_with_parent() -> None:
    """Loading holds the interpreter's lock, so until it is over the kernel has to watch, too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl+C is the parent's to handle
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    os.nice(5)


def _quiet() -> int:
    """Sends what native code prints to nowhere; returns where the parent listens."""
    say = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return say


def _check(gguf: str, sha256: str) -> None:
    if sha256:
        with open(gguf, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256:
            raise ValueError(f"{gguf} is not the file it should be: its SHA-256 is {found}.")


def _serve(socket: str, gguf: str, context: int, max_output: int, slots: int) -> Any:
    # OpenMP spins while it waits: on busy cores that costs up to nine tenths of the speed.
    os.environ["OMP_WAIT_POLICY"] = "passive"
    import xllamacpp  # native code: loaded after the file is checked, and in no other process

    params = xllamacpp.CommonParams()
    params.model.path = gguf
    params.hostnames = [socket]  # a name that ends in .sock is a Unix socket
    params.n_ctx, params.n_parallel = context * slots, slots
    params.n_batch = params.n_ubatch = BATCH_TOKENS
    params.n_predict = max_output
    params.cache_ram_mib = 0  # by default it keeps up to 8 GB of earlier prompts
    params.sleep_idle_seconds = SLEEP_SECONDS
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = min(os.cpu_count() or 1, 4)
    params.sampling.temp, params.sampling.top_p, params.sampling.penalty_repeat = 0.2, 0.9, 1.1
    params.ui = params.endpoint_slots = params.endpoint_metrics = False
    params.offline = True
    return xllamacpp.Server(params)


def _leave_at_end_of_input(folder: Path) -> None:
    with suppress(OSError):
        while os.read(0, 1024):
            pass
    _leave(folder)


def _leave(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)  # at once: an answer in the making must not hold it up


if __name__ == "__main__":
    main(*sys.argv[1:])
