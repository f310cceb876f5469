"""A Stripe that is out of reach: what its API does instead of answering."""

import asyncio
from dataclasses import dataclass, field

ERROR = '{"error": {"type": "api_error", "message": "An unknown error occurred."}}'
LIMIT = (
    '{"error": {"type": "invalid_request_error", "code": "rate_limit",'
    ' "message": "Too many requests made to the API too quickly."}}'
)
# error: 500. limit: 429. cut: the connection breaks, nothing was done. lost: it breaks after the
# work was done. silent: no answer, nothing done. held: done, and answered, but only afterwards.
HOWS = ("error", "limit", "cut", "lost", "silent", "held")


@dataclass
class Away:
    """`how` is '' while it is there; `only` the beginning of "METHOD /path" that suffers."""

    how: str = ""
    only: str = ""
    times: int = 0  # how many calls; 0 for all of them
    _back: asyncio.Event = field(default_factory=asyncio.Event)

    def go(self, how: str, only: str = "", times: int = 0) -> None:
        if how not in HOWS:
            raise ValueError(f"{how} is not one of {', '.join(HOWS)}.")
        self.end()
        self.how, self.only, self.times = how, only, times
        self._back = asyncio.Event()

    def end(self) -> None:
        """Whoever waited is let go."""
        self.how = ""
        self._back.set()

    def takes(self, call: str) -> str:
        """How this call suffers, '' when it does not."""
        how = self.how
        if not how or not call.startswith(self.only):
            return ""
        if self.times:
            self.times -= 1
            if not self.times:
                self.how = ""
        return how

    async def back(self) -> None:
        await self._back.wait()
