"""What the model of one reply thinks while it is being asked: how much, how long, what is kept."""

import asyncio

from chat.conversations.thoughts import LONGEST


class Thinking:
    """`had`: what it had thought when it was gone on with. `bytes`: of what came since, all of it.

    `echo`: what the provider wants back with this answer, '' when nothing.
    """

    def __init__(self, had: str) -> None:
        self.bytes = 0
        self.echo = ""
        self._size = len(had)
        self._begun = False
        self._spent = 0.0
        self._since: float | None = None  # it began to think, if it does

    def take(self, thought: str) -> str:
        """What of it is kept: nothing behind the longest size, no white space to begin with.

        What comes after something else is a new paragraph.
        """
        self.bytes += len(thought.encode())
        thought = thought.replace("\r", "")
        if self._since is None:
            thought = thought.lstrip()
            if not thought:
                return ""
            self._begun, self._since = True, asyncio.get_running_loop().time()
            thought = "\n\n" + thought if self._size else thought
        thought = thought[: LONGEST - self._size]
        self._size += len(thought)
        return thought

    def pause(self) -> bool:
        """Something else came, or the end; False when it was not thinking."""
        if self._since is None:
            return False
        self._spent += asyncio.get_running_loop().time() - self._since
        self._since = None
        return True

    @property
    def milliseconds(self) -> int:
        """How long it has thought, up to the last pause."""
        return max(1, round(self._spent * 1000)) if self._begun else 0
