"""`serve --reload`: the child starts again after a change, and ends with its parent."""

import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
CHILD = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"


def test_a_change_starts_the_server_again_and_a_signal_ends_both(tmp_path: Path) -> None:
    (tmp_path / "chat").mkdir()
    watching = (
        "import sys; from pathlib import Path; from chat.reload import watch; "
        f"sys.exit(watch(['-c', {CHILD!r}], Path({str(tmp_path)!r}), every=0.05) and 3)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", watching], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        first = parent.stdout.readline()
        (tmp_path / "chat" / "new.py").write_text("pass\n")
        second = parent.stdout.readline()
        parent.send_signal(signal.SIGTERM)

        assert parent.wait(10) == 3
    assert first.strip().isdigit()
    assert second.strip().isdigit()
    assert first != second
    assert not Path(f"/proc/{second.strip()}").exists()
