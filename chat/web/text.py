"""What people type becomes text that every database, page and model can hold."""

import re

from chat.errors import Invalid

LONGEST_PROMPT = 200_000  # bytes of UTF-8
LONGEST_TITLE = 200
_UNWANTED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SPACES = re.compile(r"\s+")


def clean(value: str) -> str:
    """Line ends as \\n; no control characters, no lone surrogates."""
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    return _UNWANTED.sub("", text).encode("utf-8", "replace").decode("utf-8")


def clean_prompt(value: str, *, alone: bool = True) -> str:
    """A message as it is kept; Invalid when over 200 kB, or empty and `alone`: without files."""
    text = clean(value).strip("\n")
    if not text.strip():
        if alone:
            raise Invalid("Type a message first.")
        return ""
    if len(text.encode()) > LONGEST_PROMPT:
        raise Invalid("This message is longer than 200 kB. Shorten it, or send it in parts.")
    return text


def clean_title(value: str) -> str:
    """One line; Invalid when empty or over 200 characters."""
    title = _SPACES.sub(" ", clean(value)).strip()
    if not title:
        raise Invalid("A title needs at least one character.")
    if len(title) > LONGEST_TITLE:
        raise Invalid("A title has at most %(most)s characters.", most=LONGEST_TITLE)
    return title


def first_words(text: str, most: int = 60) -> str:
    """The beginning of a text as a title, cut between words where there are any."""
    line = _SPACES.sub(" ", text).strip()
    if len(line) <= most:
        return line
    cut = line[:most].rsplit(" ", 1)[0] if " " in line[20:most] else line[:most]
    return cut.rstrip(" ,.;:-") + "…"
