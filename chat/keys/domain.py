"""Keys that people bring themselves, for one provider each."""

from dataclasses import dataclass, field

from chat.errors import Invalid

SHORTEST, LONGEST = 8, 500  # characters
SHOWN = 4  # characters of a key's end, and never more than a quarter of it


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A key that is there to be used. `version`: another one whenever a key is entered."""

    account_id: str
    provider: str
    version: str
    secret: str = field(repr=False)

    @property
    def end(self) -> str:
        return self.secret[-min(SHOWN, len(self.secret) // 4) :]


@dataclass(frozen=True, slots=True)
class Kept:
    """A key's row. `key` is None when it cannot be read any more."""

    provider: str
    created_at: int  # milliseconds since 1970, UTC
    key: OwnKey | None


def clean_key(value: str) -> str:
    """A key as it becomes a header; Invalid, without repeating it, when it can be none."""
    key = value.strip()
    if not key:
        raise Invalid("Enter a key first.")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise Invalid(
            "A key is one word of plain letters, digits and signs: this has blanks, line breaks "
            "or other characters in it. Copy it once more."
        )
    if not SHORTEST <= len(key) <= LONGEST:
        raise Invalid(
            "A key has from %(least)s to %(most)s characters. Copy it once more.",
            least=SHORTEST,
            most=LONGEST,
        )
    return key
