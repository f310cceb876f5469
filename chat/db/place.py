"""One process for one SQLite file: a second one would take the first one's replies for dead."""

import fcntl
import os
from pathlib import Path

from chat.settings import BadSettings


def take_place(database: Path) -> int:
    """Locks the database for serving, until this process ends; BadSettings when it is served.

    The lock is on a file of its own: SQLite's locks on the database would go when it is closed.
    """
    path = database.with_name(f"{database.name}.serving")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        place = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise BadSettings([f"The data folder cannot be used: {error}."]) from error
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(place)
        raise BadSettings([f"Another Prosa serves {database} already: stop it first."]) from error
    return place
