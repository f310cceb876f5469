"""All tests, as two runs side by side: faults mostly wait, the others mostly work.

`python -m tests.run`: what the first run says comes as it is said, what the second says at the end.
"""

import subprocess
import sys
import tempfile

PYTEST = [sys.executable, "-m", "pytest"]


def main() -> int:
    with tempfile.TemporaryFile() as said:
        faults = subprocess.Popen([*PYTEST, "tests/faults"], stdout=said, stderr=subprocess.STDOUT)
        try:
            others = subprocess.run([*PYTEST, "--ignore=tests/faults"], check=False).returncode
            failed = faults.wait()
        except BaseException:
            faults.terminate()
            faults.wait()
            raise
        said.seek(0)
        sys.stdout.flush()
        sys.stdout.buffer.write(said.read())
    return others or failed


if __name__ == "__main__":
    sys.exit(main())
