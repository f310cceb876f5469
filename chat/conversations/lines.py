"""Lines of the history as HTML: of thirty, most are as they were when the last page was drawn."""

from functools import lru_cache

from markupsafe import Markup

from chat.conversations.domain import Entry
from chat.web.i18n import language
from chat.web.templating import fragment

REMEMBERED = 5_000


def line(entry: Entry, open_id: str) -> Markup:
    """A filter for templates. `open_id`: the conversation that the page shows, '' for none."""
    return _line(entry, language(), is_open=entry.id == open_id)


@lru_cache(REMEMBERED)
def _line(entry: Entry, tag: str, *, is_open: bool) -> Markup:
    """`tag`: the language, that of the request."""
    html = fragment("conversations/_line.html", conversation=entry, is_open=is_open)
    return Markup(html)  # noqa: S704 (our own template)
