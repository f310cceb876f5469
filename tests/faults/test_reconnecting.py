"""R28: a stream is cut anywhere and gone on with by its last id, and nothing shows it."""

import asyncio
import copy
import os
import random
from dataclasses import dataclass, field

from tests.faults.installation import Installation
from tests.people import Answer as Page
from tests.people import Person, reply_of
from tests.raw import received, streamed
from tests.screen import Screen, normal
from tests.upstream import Answer

READERS = 12 if os.environ.get("CHAOS") else 3
REPLIES = 5 if os.environ.get("CHAOS") else 1
PARTS = 8 if os.environ.get("CHAOS") else 5
LAST = "That was all."
PART = """## Part {n}

They *breathe* air & sing, "{n}" times:

- blue {n}
- grey <b>{n}</b>
  - young {n}

```python
def sing_{n}(whale):
    return f"{{whale}} & <song>"
```

| whale | length |
|---|---|
| blue | {n} m |

A paragraph about number {n}, whale ü {n}, 鯨 {n}.

"""


@dataclass
class Reader:
    """A page whose connection breaks after any number of bytes, and what it held at each id."""

    screen: Screen
    cuts: int = 0
    at: dict[str, Screen] = field(default_factory=dict)

    async def read(self, person: Person, reply: str, chance: random.Random) -> None:
        """Until the mark is shown. Half an event is nothing, as to a browser."""
        while "ENDMARK" not in self.screen.blocks:
            size = chance.choice((1, 40, 300, 2_000, 9_000))
            size, seconds = chance.randint(1, size * 2), chance.uniform(0.1, 1)
            raw = await received(person, reply, self.screen.held, size, seconds)
            self.cuts += 1
            for event in streamed(raw):
                self.screen.apply(event)
                self.at.setdefault(self.screen.held, copy.deepcopy(self.screen))


async def test_cut_anywhere_and_continued_from_any_id_it_reads_the_same(
    installation: Installation,
) -> None:
    chance, cuts, ids = random.Random(os.environ.get("SEED", "prosa")), 0, 0
    for _ in range(REPLIES):
        text = "".join(PART.format(n=n) for n in range(PARTS)) + "A last one, ENDMARK\n\n"
        held = asyncio.Event()
        installation.upstream.will(Answer([*_pieces(text, chance), LAST], pause=0.01, held=held))
        sent = await installation.person.send("Tell me about whales")
        readers = await _all_read(installation, sent, chance)
        cuts += sum(reader.cuts for reader in readers)
        ids += await _check_every_id(installation.person, sent, readers)
        held.set()
        await _check_end(installation, sent, text + LAST)
    assert cuts > 10 * REPLIES * READERS / 4
    print(f"{REPLIES * READERS} readers cut off {cuts} times, continued from {ids} ids")


async def _all_read(installation: Installation, sent: Page, chance: random.Random) -> list[Reader]:
    """Many who are cut off while it grows; what they show in the end is the same."""
    reply, readers = reply_of(sent), [Reader(Screen(sent, reply_of(sent))) for _ in range(READERS)]
    async with asyncio.timeout(60):
        await asyncio.gather(
            *(reader.read(installation.person, reply, chance) for reader in readers)
        )
    return readers


async def _check_every_id(person: Person, sent: Page, readers: list[Reader]) -> int:
    """From each place that a page may be at, the stream leads to where a fresh page is."""
    fresh = await _until_mark(person, Screen(sent, reply_of(sent)), sent)
    for reader in readers:
        assert _shown(reader.screen) == _shown(fresh)
    held = {ident: screen for reader in readers for ident, screen in reader.at.items()}
    for screen in held.values():
        assert _shown(await _until_mark(person, screen, sent)) == _shown(fresh)
    assert len(held) > 2  # a slow machine shows fewer places, not other ones
    return len(held)


async def _check_end(installation: Installation, sent: Page, text: str) -> None:
    reply, screen = reply_of(sent), Screen(sent, reply_of(sent))
    for event in await installation.person.watched(reply):
        screen.apply(event)
    page = await installation.person.get(f"/replies/{reply}")
    stored = page.one("[data-part=text]").decode_contents()
    assert normal(screen.html) == normal(stored)
    assert installation.disk().texts[reply] == text


async def _until_mark(person: Person, screen: Screen, sent: Page) -> Screen:
    async for event in person.events(reply_of(sent), screen.held):
        screen.apply(event)
        if "ENDMARK" in screen.blocks:
            break
    return screen


def _shown(screen: Screen) -> tuple[str, str]:
    return normal(screen.blocks), normal(screen.tail)


def _pieces(text: str, chance: random.Random) -> list[str]:
    found, at = list[str](), 0
    while at < len(text):
        found.append(text[at : at + chance.randint(1, 12)])
        at += len(found[-1])
    return found
