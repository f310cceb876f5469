"""What is wrong with a setting's value: how a sentence goes on that begins with its name, or ''."""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

PLACEHOLDERS = {
    "changeme",
    "change-me",
    "secret",
    "secret-key",
    "dev",
    "development",
    "your-secret",
}
BUCKET = re.compile(
    r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(/(?P<prefix>[A-Za-z0-9._/-]*))?"
)


def http(value: str) -> str:
    if address(value):
        return ""
    return f"must be an http:// or https:// address, not {without_password(value)!r}."


def ollama(value: str) -> str:
    """Ollama itself reads the setting as where it listens: scheme, host and port may be missing."""
    scheme, _, place = value.rpartition("://")
    place = f"localhost{place}" if place.startswith(":") and not scheme else place
    if address(f"{scheme or 'http'}://{place}"):
        return ""
    return f"must be an address, like localhost:11434, not {without_password(value)!r}."


def address(value: str) -> bool:
    """Whether it is one of HTTP to which paths can be added."""
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return False
    whole = parts.scheme in ("http", "https") and bool(parts.hostname)
    return whole and not parts.query and not re.search(r"[\s\x00-\x1f]", value)


def without_password(value: str) -> str:
    """An address as it may be shown."""
    return re.sub(r"(^|//)[^/@]*@", r"\1…@", value)


def database(value: str) -> str:
    if value.startswith(("sqlite:///", "postgresql://", "postgres://")):
        return ""
    return "must begin with sqlite:/// or postgresql://."


def place(value: str) -> str:
    if "://" not in value or BUCKET.fullmatch(value):
        return ""
    return f"must be a folder or s3://bucket/prefix, not {value!r}."


def secret(value: str) -> str:
    if value.lower() in PLACEHOLDERS or value.lower().startswith(("changeme", "your-", "<")):
        return "is a placeholder: put at least 32 random characters there (openssl rand -hex 32)."
    return "" if len(value.encode()) >= 32 else "is too short: at least 32 characters are needed."


def key(value: str) -> str:
    """It becomes a header: what is no key there fails each question, and late."""
    usable = value.isascii() and value.isprintable() and " " not in value
    return "" if usable else "must be one word of ASCII characters, as the provider gave it."


def embedded(value: str) -> str:
    if value in ("auto", "off") or Path(value).is_file():
        return ""
    return f"must be auto, off, or the path of a GGUF file, not {value!r}."


def _shape(shape: str, words: str) -> Callable[[str], str]:
    return lambda value: "" if re.fullmatch(shape, value, re.ASCII) else f"must be {words}."


# No stricter: the shapes are Stripe's to change.
stripe_key = _shape(r"(sk|rk)_(test|live)_[^\s,]+", "a secret key of Stripe (sk_…)")
stripe_secrets = _shape(
    r"whsec_[^\s,]+( *, *whsec_[^\s,]+)*", "the webhook's secret (whsec_…), or a list"
)
stripe_price = _shape(r"[\w-]+", "the id of a price at Stripe (price_…)")
_LOOPBACK = r"https?://(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?/?"
loopback = _shape(_LOOPBACK, "an address of this machine")
