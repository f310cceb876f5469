"""What databases cannot do, in the words of the domain."""

import logging

from chat.errors import NotFound, Unavailable

log = logging.getLogger(__name__)


def unsaved() -> Unavailable:
    return Unavailable(
        "Nothing can be saved at the moment. Try again in a few seconds.",
        code="busy",
        retry_after=5,
    )


def orphaned(error: Exception) -> NotFound:
    """For a row whose account or place was deleted while it was on its way."""
    log.warning("a row came when what it belongs to was gone: %s", error)
    return NotFound()
