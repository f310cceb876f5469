"""What is installed from a lock today can be installed from it when newer things are released."""

import re
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCK = Path(__file__).parents[1] / "requirements-dev.lock"
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[([^\]]*)\])?==", re.MULTILINE)


def test_a_lock_names_every_extra_that_something_in_it_wants() -> None:
    """Where it does not, pip goes by the newest release of it, and finds no hash for that."""
    locked = {
        canonicalize_name(name): set(filter(None, extras.split(",")))
        for name, extras in PINNED.findall(LOCK.read_text())
    }

    wanted = [
        (each.name, requirement)
        for each in distributions()
        if (name := canonicalize_name(each.name)) in locked
        for requirement in map(Requirement, each.requires or ())
        if _applies(requirement, locked[name])
    ]
    lacking = [
        f"{requirement.name}[{','.join(requirement.extras)}] of {by}"
        for by, requirement in wanted
        if requirement.extras - locked[canonicalize_name(requirement.name)]
    ]

    assert any(requirement.extras for _, requirement in wanted)
    assert not lacking


def _applies(requirement: Requirement, extras: set[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in {"", *extras})
