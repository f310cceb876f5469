"""The only place that knows a driver.

The interpreter's own SQLite is often years old; where a wheel with a fresh one is installed it
takes its place, and it has to do so before anything here imports `sqlite3`.
"""

import sys

try:
    import pysqlite3

    sys.modules["sqlite3"] = pysqlite3
except ImportError:
    pass
