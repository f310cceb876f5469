"""What people tell every model before they ask: a text, how freely and how long it may answer."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from chat.errors import Invalid
from chat.providers.domain import Prompt
from chat.web.text import clean

LONGEST = 20_000  # characters
HOTTEST = 200  # hundredths
MOST_OUTPUT = 1_000_000  # tokens
LONGEST_NAME = 60
FIELDS = ("name", "model", "system", "temperature", "max_output")
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Instructions:
    """`temperature`: hundredths, None leaves it to the provider; `max_output`: tokens, 0 for any.

    `system` is sent as it is kept, to the byte: providers know a beginning that they have seen.
    """

    system: str = ""
    temperature: int | None = None
    max_output: int = 0

    def followed_by(self, other: "Instructions") -> "Instructions":
        """Both texts, and of the figures the other's where it has any."""
        return Instructions(
            "\n\n".join(text for text in (self.system, other.system) if text),
            self.temperature if other.temperature is None else other.temperature,
            other.max_output or self.max_output,
        )

    def applied(self, prompt: Prompt) -> Prompt:
        """The prompt with these figures; its text is there already."""
        temperature = None if self.temperature is None else self.temperature / 100
        return replace(prompt, temperature=temperature, max_output=self.max_output)

    def typed(self) -> dict[str, str]:
        """As the fields of a form."""
        hot = "" if self.temperature is None else f"{self.temperature / 100:g}"
        longest = str(self.max_output or "")
        return {"system": self.system, "temperature": hot, "max_output": longest}


@dataclass(frozen=True, slots=True)
class Preset:
    """What a conversation can begin with. `model`: the picker's value, '' is whatever is picked."""

    id: str
    name: str
    model: str
    instructions: Instructions

    def typed(self) -> dict[str, str]:
        return {"name": self.name, "model": self.model, **self.instructions.typed()}


def clean_instructions(form: Mapping[str, str]) -> Instructions:
    """What a form says; Invalid with the first thing that cannot be."""
    system = clean(form.get("system", "")).strip()
    if len(system) > LONGEST:
        raise Invalid(
            "Instructions have at most %(most)s characters, and these have %(count)s.",
            most=LONGEST,
            count=len(system),
        )
    return Instructions(
        system, _temperature(form.get("temperature", "")), _length(form.get("max_output", ""))
    )


def clean_name(value: str) -> str:
    name = _SPACES.sub(" ", clean(value)).strip()
    if not name:
        raise Invalid("Give the preset a name.")
    if len(name) > LONGEST_NAME:
        raise Invalid("A name has at most %(most)s characters.", most=LONGEST_NAME)
    return name


def typed(form: Mapping[str, str]) -> dict[str, str]:
    """What was typed, to be shown again."""
    return {name: clean(form.get(name, "")) for name in FIELDS}


def _temperature(value: str) -> int | None:
    """With a point or a comma, as people write it."""
    text = value.strip().replace(",", ".")
    if not text:
        return None
    hundredths = -1
    if re.fullmatch(r"[0-9]{1,3}(\.[0-9]{0,10})?|\.[0-9]{1,10}", text, re.ASCII):
        hundredths = round(float(text) * 100)
    if not 0 <= hundredths <= HOTTEST:
        raise Invalid("A temperature is a number from 0 to 2, like 0.7.")
    return hundredths


def _length(value: str) -> int:
    text = value.strip()
    if not text:
        return 0
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) or not 1 <= int(text) <= MOST_OUTPUT:
        raise Invalid(
            "The longest answer is a whole number of tokens from 1 to %(most)s.", most=MOST_OUTPUT
        )
    return int(text)
