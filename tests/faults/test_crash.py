"""R01, R04, R05: the process is killed at any moment, and nothing acknowledged is lost."""

import asyncio
import os
import random
import time
from collections.abc import Sequence

import aiohttp

from tests.faults.installation import (
    BEHIND,
    Installation,
    Sent,
    check_after_kill,
    check_everything,
    new_form,
)
from tests.faults.spoken import Spoken
from tests.people import conversation_of, reply_of
from tests.screen import Screen
from tests.upstream import Answer, Thought

# With those at a chosen write (test_system_calls.py) the long form makes a thousand.
KILLS = 600 if os.environ.get("CHAOS") else 15
PAUSE = 0.01  # seconds between two words


async def test_killed_at_any_moment_it_loses_and_doubles_nothing(
    installation: Installation,
) -> None:
    chance = random.Random(os.environ.get("SEED", "prosa"))
    late, marked, everything = list[float](), list[float](), list[Sent]()
    for number in range(KILLS):
        spoken, sent = await _killed_while_speaking(installation, number, chance)
        behind, after = await check_after_kill(installation, sent, spoken)
        late.append(behind)
        marked.append(after)
        everything += sent

    check_everything(installation, everything)
    assert [installation.asked(each) for each in everything].count(1) > KILLS
    print(
        f"{KILLS} kills, {len(everything)} messages, disk behind by at most {max(late):.2f} s,"
        f" all marked {max(marked):.2f} s after a start"
    )


async def _killed_while_speaking(
    installation: Installation, number: int, chance: random.Random
) -> tuple[Sequence[Spoken], list[Sent]]:
    """Three questions: a long answer, one that ends about now, and one that is being sent."""
    moment = chance.uniform(0.02, 1.6 if number % 3 == 0 else 0.8)
    short = max(1, int(moment / (PAUSE * 1.15)) - chance.randrange(12))
    spoken = [Spoken(f"{number}.{n}", length) for n, length in enumerate((600, short, 600))]
    installation.upstream.will(*(Answer(words, pause=PAUSE) for words in spoken))
    sent = [new_form(f"question {number}.{n}") for n in range(3)]
    kill_at = time.monotonic() + moment
    await installation.send(sent[0])
    await installation.send(sent[1])
    sending = asyncio.create_task(_sent_too_late(installation, sent[2], kill_at, chance))
    await asyncio.sleep(kill_at - time.monotonic())
    assert installation.process
    await installation.process.kill()
    await sending
    installation.upstream.answers.clear()
    return spoken, sent


async def _sent_too_late(
    installation: Installation, sent: Sent, kill_at: float, chance: random.Random
) -> None:
    await asyncio.sleep(kill_at - time.monotonic() - chance.uniform(0, 0.04))
    try:
        await installation.send(sent)
    except (aiohttp.ClientError, OSError):
        assert sent.watcher is None


async def test_killed_while_it_thinks_it_keeps_what_was_thought(installation: Installation) -> None:
    """No text has come yet: what the model thought is all there is of its answer."""
    person, words = installation.person, [Thought(f"thought{n} ") for n in range(1_000)]
    installation.upstream.will(Answer(words, pause=PAUSE))
    sent = await person.send("Think")
    screen, seen = Screen(sent, reply_of(sent)), list[tuple[float, list[str]]]()
    async for event in person.events(reply_of(sent)):
        screen.apply(event)
        seen.append((time.monotonic(), screen.thoughts.removesuffix("</p>").split()))
        enough = seen[-1][0] - BEHIND - 0.5
        if any(when < enough and len(thoughts) > 5 for when, thoughts in seen):
            break
    assert installation.process
    await installation.process.kill()
    killed_at = installation.process.asked_at
    await installation.start()

    page = await person.get(f"/conversations/{conversation_of(sent)}")

    stored = page.words("[data-part=reasoning] .thoughts").split()
    shown = [thoughts for when, thoughts in seen if when < killed_at - BEHIND][-1]
    assert page.one("[data-reply]")["data-state"] == "interrupted"
    assert stored == [word.strip() for word in words[: len(stored)]]
    assert len(stored) >= len(shown) > 5
    assert page.words("[data-part=reasoning] summary") == "Thoughts"
