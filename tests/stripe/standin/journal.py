"""What was asked of an account, in order: tests count."""

import time
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Call:
    """`key` is the idempotency key; `status` 0 for what was not answered."""

    method: str
    path: str
    query: str
    key: str
    body: str
    at: float = field(default_factory=time.time)
    status: int = 0


class Journal:
    def __init__(self) -> None:
        self._calls: list[Call] = []

    def note(self, call: Call) -> Call:
        self._calls.append(call)
        return call

    def clear(self) -> None:
        self._calls.clear()

    def read(self) -> list[dict[str, Any]]:
        return [asdict(call) for call in self._calls]
