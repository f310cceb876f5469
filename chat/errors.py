"""What can go wrong, in the words of the domain. `web/failures.py` has the table to statuses."""


class ChatError(Exception):
    """A refusal that its reader can act on.

    `message` is an English sentence and the key of its translations; `values` fill its
    `%(name)s` places. `code` is the `data-code` that programs may rely on (see the contract in
    the README), `retry_after` the seconds after which trying again makes sense.
    """

    def __init__(
        self, message: str, *, code: str = "", retry_after: int = 0, **values: object
    ) -> None:
        super().__init__(message % values if values else message)
        self.message = message
        self.values = values
        self.code = code
        self.retry_after = retry_after


class Invalid(ChatError):
    """The input cannot be accepted as it is."""


class NotFound(ChatError):
    """Absent, or not yours: nobody can tell which."""

    def __init__(self, message: str = "This page does not exist, or it is not yours.") -> None:
        super().__init__(message)


class Forbidden(ChatError):
    """Known, and not allowed."""


class Conflict(ChatError):
    """True a moment ago, or true elsewhere: the state does not allow it now."""


class OverLimit(ChatError):
    """Too much of something; `retry_after` says when it is all right again."""


class TooLarge(ChatError):
    """More bytes than are taken."""


class Unavailable(ChatError):
    """Nothing is wrong with the request: it should be tried again."""
