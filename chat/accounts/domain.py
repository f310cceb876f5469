"""People and their sessions."""

import unicodedata
from dataclasses import dataclass

from chat.errors import Invalid
from chat.web.i18n import gettext
from chat.web.text import clean

DAY = 24 * 60 * 60 * 1000
IDLE = 30 * DAY  # a session unused for so long has ended
OLDEST = 90 * DAY  # and so has one this old
SEEN_EVERY = 5 * 60 * 1000  # a write on every request would be waste
LONGEST_EMAIL = 254
# What gives a browser and a system away, the more telling mark first: most claim to be others too.
BROWSERS = {"Edg": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome"}
BROWSERS |= {"CriOS/": "Chrome", "FxiOS/": "Firefox", "Safari/": "Safari"}
SYSTEMS = {"iPhone": "iPhone", "iPad": "iPad", "Android": "Android", "CrOS": "ChromeOS"}
SYSTEMS |= {"Windows": "Windows", "Mac OS X": "macOS", "Linux": "Linux"}


@dataclass(frozen=True, slots=True)
class Account:
    id: str
    email: str
    role: str  # user, admin
    language: str  # '' follows the browser
    theme: str  # '' follows the system, light, dark
    model: str  # what a new conversation begins with; '' is the default
    own_keys: int = 0  # whether it has brought any


@dataclass(frozen=True, slots=True)
class Session:
    """Times are milliseconds since 1970, UTC."""

    id: str
    user_agent: str
    created_at: int
    seen_at: int

    @property
    def device(self) -> str:
        """What people call it: "Firefox on Windows"; a stranger by its own words."""
        browser, system = _named(self.user_agent, BROWSERS), _named(self.user_agent, SYSTEMS)
        if browser and system:
            return gettext("%(browser)s on %(system)s", browser=browser, system=system)
        return self.user_agent or gettext("Unknown device")


def clean_email(value: str) -> str:
    """An address as it is kept; Invalid unless it has the shape of one."""
    email = _trimmed(value)
    local, _, domain = email.rpartition("@")
    odd = any(character.isspace() or not character.isprintable() for character in email)
    if not local or not domain or "@" in local or odd or len(email) > LONGEST_EMAIL:
        raise Invalid("This does not look like an e-mail address.")
    return email


def email_key(email: str) -> str:
    """The same for every way of typing one address."""
    return unicodedata.normalize("NFKC", _trimmed(email).casefold())


def _named(user_agent: str, marks: dict[str, str]) -> str:
    return next((name for mark, name in marks.items() if mark in user_agent), "")


def _trimmed(email: str) -> str:
    return unicodedata.normalize("NFKC", clean(email)).strip()
