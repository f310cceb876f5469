"""All tests, as runs side by side: some mostly wait, some mostly count, the others do both.

`python -m tests.run`: what the last run says comes as it is said, the others' words at the end.
"""

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from typing import IO

Run = tuple[subprocess.Popen[bytes], IO[bytes]]  # and what it says
PYTEST = [sys.executable, "-m", "pytest"]
APART = tuple(
    tuple(f"tests/{folder}" for folder in folders.split())
    for folders in ("faults web", "accounts allowance attachments billing db providers stripe")
)


def main() -> int:
    with ExitStack() as opened:
        beside = [(_begun(folders, opened), folders) for folders in APART]
        rest = [f"--ignore={folder}" for _, folders in beside for folder in folders]
        failed = subprocess.run([*PYTEST, *rest], check=False).returncode
        for (run, said), folders in beside:
            failed = run.wait() or failed
            said.seek(0)
            print(f"\n{' '.join(folders)}:", flush=True)
            sys.stdout.buffer.write(said.read())
            sys.stdout.flush()
    return failed


def _begun(folders: tuple[str, ...], opened: ExitStack) -> Run:
    """A run of its own; it does not outlive this one."""
    said = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `opened`)
    opened.callback(said.close)
    run = subprocess.Popen([*PYTEST, *folders], stdout=said, stderr=subprocess.STDOUT)

    def end() -> None:
        run.terminate()
        run.wait()

    opened.callback(end)
    return run, said


if __name__ == "__main__":
    sys.exit(main())
