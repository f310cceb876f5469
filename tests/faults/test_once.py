"""One form is one message, however often it is sent, and one conversation has one order."""

import asyncio
import os
import random
import signal
import sqlite3
from collections import Counter
from contextlib import closing

import aiohttp

from tests.faults.installation import Installation, Sent, new_form
from tests.faults.process import until
from tests.faults.spoken import Watcher
from tests.people import PASSWORD, Person, conversation_of, reply_of
from tests.people import Answer as Page

LONG = bool(os.environ.get("CHAOS"))
COPIES = 8
TURNS = 200 if LONG else 8
RESTARTS = 60 if LONG else 2
SENDS, FEW, CONVERSATIONS = 50, 8, 10 if LONG else 1


async def test_eight_copies_at_once_are_one_message_and_one_question_to_the_model(
    installation: Installation,
) -> None:
    for turn in range(TURNS):
        sent = new_form(f"question {turn}")
        answers = await asyncio.gather(*(_send(installation, sent) for _ in range(COPIES)))
        assert Counter(answer.status for answer in answers if answer) == {200: COPIES}
        assert len({_ids(answer) for answer in answers if answer}) == 1
        assert installation.asked(sent) <= 1

    await until(lambda: not installation.disk().running)
    disk = installation.disk()
    assert disk.questions == {f"question {turn}": 1 for turn in range(TURNS)}
    assert Counter(disk.states.values()) == {"complete": TURNS}
    assert len(installation.upstream.asked) == TURNS
    print(f"{TURNS} forms, {COPIES} copies of each at once: {TURNS} messages, {TURNS} answers")


async def test_copies_before_and_after_a_restart_are_one_message(
    installation: Installation,
) -> None:
    chance, before, everything = random.Random("prosa"), 0, list[Sent]()
    for turn in range(RESTARTS):
        sent = new_form(f"question {turn}")
        everything.append(sent)
        first = [asyncio.create_task(_send(installation, sent)) for _ in range(COPIES)]
        await asyncio.sleep(chance.uniform(0, 0.03))
        await _ended_by(installation, (signal.SIGKILL, signal.SIGTERM)[turn % 2])
        acknowledged = [each for each in await asyncio.gather(*first) if each and each.status < 300]
        stored = bool(installation.disk().questions.get(sent.form["text"]))
        before += stored

        await installation.start()
        again = await asyncio.gather(*(_send(installation, sent) for _ in range(COPIES)))
        assert Counter(answer.status for answer in again if answer) == {200: COPIES}
        assert len({_ids(answer) for answer in [*acknowledged, *again] if answer}) == 1
        assert stored or not acknowledged
        assert again[0]
        async with asyncio.timeout(60):
            await Watcher(installation.person, reply_of(again[0])).task
        assert installation.asked(sent) <= 1
        assert installation.asked(sent) == 1 or stored, "what nobody had stored is answered now"

    disk = installation.disk()
    assert disk.questions == {each.form["text"]: 1 for each in everything}
    assert len(disk.states) == RESTARTS
    print(f"{RESTARTS} restarts among {2 * COPIES} copies of a form, {before} stored before it")


async def _ended_by(installation: Installation, number: signal.Signals) -> None:
    assert installation.process
    installation.process.signal(number)
    await installation.process.left()


async def _send(installation: Installation, sent: Sent) -> Page | None:
    """None when the server went away meanwhile."""
    try:
        return await installation.person.partial("/conversations", sent.form)
    except (aiohttp.ClientError, OSError):
        return None


def _ids(answer: Page) -> tuple[str, str]:
    return conversation_of(answer), reply_of(answer)


async def test_fifty_sends_from_two_tabs_are_one_chain_or_are_told_to_wait(
    installation: Installation,
) -> None:
    other = Person(installation.person.base, installation.person.email)
    await other.post("/login", {"email": other.email, "password": PASSWORD})
    total = Counter[int]()
    try:
        for number in range(CONVERSATIONS):
            start = await installation.person.send(f"first {number}")
            place = conversation_of(start)
            await _ended(installation)
            total += await _sent_until_taken(installation, other, place, number)
            _check_chain(installation, place, number)
    finally:
        await other.close()
    assert total[409] > 0
    print(f"{SENDS} sends from two tabs into each of {CONVERSATIONS}: {dict(total)}")


async def _sent_until_taken(
    installation: Installation, other: Person, place: str, number: int
) -> Counter[int]:
    """All at once, then a few of those that were refused, until each is in. What was answered."""
    tabs, total = (installation.person, other), Counter[int]()
    waiting = {n: new_form(f"question {number}.{n}").form for n in range(SENDS)}
    path, at_once = f"/conversations/{place}/messages", SENDS
    while waiting:
        tried = list(waiting)[:at_once]
        answers = await asyncio.gather(*(tabs[n % 2].partial(path, waiting[n]) for n in tried))
        total.update(answer.status for answer in answers)
        for answer in answers:
            assert answer.status == 200 or (
                answer.status == 409 and "still answering" in answer.html.get_text(" ")
            ), (answer.status, answer.text)
        done = [n for n, each in zip(tried, answers, strict=True) if each.status == 200]
        assert done, "all were told to wait, and for nobody"
        waiting = {n: form for n, form in waiting.items() if n not in done}
        at_once = FEW
        await _ended(installation)
    return total


async def _ended(installation: Installation) -> None:
    with closing(_opened(installation)) as db:
        running = "SELECT id FROM replies WHERE state IN ('pending', 'streaming')"
        await until(lambda: not db.execute(running).fetchall())


def _check_chain(installation: Installation, place: str, number: int) -> None:
    """From the newest message up, every message of the conversation, each one once."""
    with closing(_opened(installation)) as db:
        sql = (
            "SELECT id, parent_id, role, text FROM messages WHERE conversation_id = ? ORDER BY seq"
        )
        messages = {row[0]: row[1:] for row in db.execute(sql, [place])}
        sql = "SELECT leaf_id FROM conversations WHERE id = ?"
        at = db.execute(sql, [place]).fetchone()[0]
    chain = list[str]()
    while at:
        chain.append(at)
        at = messages[at][0]
    assert chain[::-1] == list(messages)
    assert [messages[each][1] for each in reversed(chain)] == ["user", "assistant"] * (SENDS + 1)
    asked = Counter(text for _, role, text in messages.values() if role == "user")
    assert asked == {f"first {number}": 1} | {f"question {number}.{n}": 1 for n in range(SENDS)}


def _opened(installation: Installation) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{installation.data / 'chat.db'}?mode=ro", uri=True)
