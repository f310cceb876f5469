"""What is deleted leaves the page at once, and the disk when nobody else holds it."""

import asyncio
import hashlib
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from chat.attachments.cleaning import DAY, Cleaning
from chat.attachments.domain import UNSENT
from chat.attachments.keeping import Files
from tests.attachments.made import encoded, scene
from tests.attachments.sending import uploaded
from tests.conftest import SiteMaker
from tests.people import Person, conversation_of, reply_of
from tests.rows import change, count, until
from tests.site import Site

MINE = "account_id = (SELECT id FROM accounts WHERE email = :e)"


def place(site: Site, data: bytes) -> Path:
    digest = hashlib.sha256(data).hexdigest()
    assert site.settings.uploads.folder
    return site.settings.uploads.folder / digest[:2] / digest


def gone(path: Path) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return not path.exists()

    return check


def cleaning(site: Site, later: int = 0) -> Cleaning:
    files: Files = site.app.extensions["files"]
    clock = site.app.extensions["parts"].clock
    return Cleaning(site.db, files, lambda: clock() + later)


async def test_a_conversation_takes_its_files_with_it_that_nobody_else_holds(
    site: Site, ada: Person, eve: Person
) -> None:
    own, both = b"only in Ada's conversation", b"in Eve's as well"
    first, second = await uploaded(ada, "own.txt", own), await uploaded(ada, "both.txt", both)
    hers = await uploaded(eve, "both.txt", both)
    answer = await ada.send("Read", attachment=first)
    await ada.watched(reply_of(answer))
    conversation = conversation_of(answer)
    await ada.watched(reply_of(await ada.send("This too", conversation, attachment=second)))
    await ada.partial(f"/conversations/{conversation}/deletion")

    assert (await ada.get(f"/attachments/{first}")).status == 404
    await until(gone(place(site, own)), within=20)
    assert place(site, both).exists()
    assert (await eve.get(f"/attachments/{hers}")).text == both.decode()
    assert await count(site, "attachments", MINE, e=ada.email) == 0


async def test_an_account_takes_everything_with_it(site: Site, ada: Person) -> None:
    data = b"of an account that is deleted"
    await uploaded(ada, "a.txt", data)
    await change(site, "DELETE FROM accounts WHERE email = :e", e=ada.email)
    await cleaning(site).remove_unheld()

    assert not place(site, data).exists()
    assert await count(site, "files", "sha256 = :d", d=place(site, data).name) == 0


async def test_the_list_shows_what_takes_space_and_deletes_it(site: Site, ada: Person) -> None:
    data = b"x" * 1_234
    answer = await ada.send("About x", attachment=await uploaded(ada, "x.txt", data))
    unsent = await uploaded(ada, "y.txt", b"y" * 66)
    await uploaded(ada, "x again.txt", data)
    page = await ada.get("/account/files")

    assert [line.text for line in page.html.select(".line bdi")] == [
        "x again.txt", "y.txt", "x.txt", "About x",
    ]  # fmt: skip
    assert page.one("meter")["value"] == "1300"
    assert page.words("#space") == "1 kB of 1 GB are used"
    where = str(page.one(".line small a")["href"])
    assert conversation_of(await ada.get(where)) == conversation_of(answer)
    after = await ada.post(f"/attachments/{unsent}/deletion")
    assert after.url.endswith("/account/files")
    assert [line.text for line in after.html.select(".line .what > a bdi")] == [
        "x again.txt",
        "x.txt",
    ]
    assert (await ada.get("/account")).one("a[href='/account/files']")


async def test_the_list_has_pages(ada: Person) -> None:
    for number in range(51):
        await uploaded(ada, f"{number}.txt", b"%d" % number)
    first = await ada.get("/account/files")
    second = await ada.get(str(first.one("a[href*=before]")["href"]))

    assert len(first.html.select(".line")) == 50
    assert [line.text for line in second.html.select(".line bdi")] == ["0.txt"]
    assert (await ada.get("/account/files?before=x-y")).status == 422


async def test_the_same_content_may_come_again_at_that_moment(site: Site, ada: Person) -> None:
    """A file is never held by anybody and gone from the disk, whoever comes first."""
    data = b"deleted and sent at once"

    async def again(number: int) -> None:
        chip = await uploaded(ada, f"{number}.txt", data)
        assert (await ada.get(f"/attachments/{chip}")).status == 200
        await ada.partial(f"/attachments/{chip}/deletion")

    async def sweep() -> None:
        for _ in range(60):
            await cleaning(site).remove_unheld()
            await asyncio.sleep(0)

    await asyncio.gather(sweep(), sweep(), *(again(n) for n in range(12)))
    await cleaning(site).remove_unheld()
    await until(gone(place(site, data)), within=20)  # the installation's own may be at it
    last = await uploaded(ada, "last.txt", data)
    assert (await ada.get(f"/attachments/{last}")).text == data.decode()


async def test_whoever_died_removing_a_file_holds_nobody_up_for_long(
    site: Site, ada: Person
) -> None:
    data = b"marked by a process that died"
    chip = await uploaded(ada, "a.txt", data)
    await change(site, "DELETE FROM attachments WHERE id = :id", id=chip)
    sql = "UPDATE files SET deleting_at = 5 WHERE sha256 = :d"
    await change(site, sql, d=place(site, data).name)

    chip = await uploaded(ada, "a.txt", data)
    assert (await ada.get(f"/attachments/{chip}")).status == 200
    await cleaning(site).remove_unheld()
    assert place(site, data).exists()


async def test_r45_what_no_row_knows_is_swept_after_a_day(site: Site, ada: Person) -> None:
    """R44, R45: half of an upload, a content without a row, and nothing of anybody's."""
    data = b"kept by a row"
    chip = await uploaded(ada, "a.txt", data)
    unknown = place(site, b"nobody knows this")
    unknown.parent.mkdir(exist_ok=True)
    beside = unknown.with_name(f"{unknown.name}.thumb")
    foreign = unknown.with_name("readme.txt")
    half = place(site, data).parents[1] / ".tmp" / "half"
    old = time.time() - 2 * DAY / 1000
    for path in (unknown, beside, foreign, half):
        path.write_bytes(b"?")
        os.utime(path, (old, old))
    young = place(site, b"this one is new")
    young.parent.mkdir(exist_ok=True)
    young.write_bytes(b"?")
    os.utime(place(site, data), (old, old))
    await cleaning(site).sweep()

    assert [path.exists() for path in (unknown, beside, half)] == [False] * 3
    assert foreign.exists()
    assert young.exists()
    assert (await ada.get(f"/attachments/{chip}")).text == data.decode()
    young.unlink()


async def test_everything_is_swept_at_the_start_and_every_hour_though_much_is_deleted(
    site: Site, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a process left that was killed after a deletion, and on an installation in use."""
    monkeypatch.setattr("chat.attachments.cleaning.EVERY", 0.3)
    monkeypatch.setattr("chat.attachments.cleaning.SOON", 0.01)
    data = b"left by a process that was killed"
    chip = await uploaded(ada, "a.txt", data)
    await change(site, "DELETE FROM attachments WHERE id = :id", id=chip)
    half = place(site, data).parents[1] / ".tmp" / "half of an upload"
    files: Files = site.app.extensions["files"]
    old = time.time() - 2 * DAY / 1000

    async def swept() -> bool:
        files.freed.set()  # as if people deleted files all the time
        return not half.exists()

    running = asyncio.create_task(cleaning(site).forever())
    await until(gone(place(site, data)), within=20)
    for _ in range(2):
        half.write_bytes(b"?")
        os.utime(half, (old, old))
        await until(swept, within=20)
    running.cancel()


async def test_what_was_never_sent_goes_after_a_week(
    make_site: SiteMaker, people: Callable[..., Person]
) -> None:
    site = await make_site()
    person = people(site)
    await person.register()
    sent, unsent = await uploaded(person, "s.txt", b"sent"), await uploaded(person, "u.txt", b"un")
    await person.send("Keep", attachment=sent)
    await cleaning(site, UNSENT - 60_000).sweep()
    assert place(site, b"un").exists()
    await cleaning(site, UNSENT + 60_000).sweep()

    assert not place(site, b"un").exists()
    assert (await person.get(f"/attachments/{unsent}")).status == 404
    assert (await person.get(f"/attachments/{sent}")).status == 200


@pytest.mark.parametrize("path", ["", "?size=", "/text"])
async def test_a_file_that_was_lost_is_said_to_be_missing(
    site: Site, ada: Person, path: str
) -> None:
    data = f"lost {path}".encode()
    chip = await uploaded(ada, "lost.txt", data)
    answer = await ada.send("Read", attachment=chip)
    place(site, data).unlink()
    shown = await ada.get(f"/attachments/{chip}{path}")

    if path == "/text":
        assert shown.one("pre").text == data.decode()  # the database has it
    else:
        assert shown.status == 404
        assert "This file is missing" in shown.text
    page = await ada.get(f"/conversations/{conversation_of(answer)}")
    assert "the file is missing" in page.words(".message .card small")
    listed = (await ada.get("/account/files")).html.select(".line")
    said = [line.select("bdi")[0].text for line in listed if "is missing" in line.get_text()]
    assert said == ["lost.txt"]


async def test_an_image_that_was_lost_leaves_a_card_that_says_so(site: Site, ada: Person) -> None:
    data = encoded(scene(321, 123), "PNG")
    answer = await ada.send("Look", attachment=await uploaded(ada, "sea.png", data))
    before = answer.html.select(".message .picture")
    place(site, data).unlink()
    page = await ada.get(f"/conversations/{conversation_of(answer)}")

    assert len(before) == 1
    assert page.html.select(".message .picture") == []
    assert page.words(".message .card") == "sea.png 494 bytes · the file is missing"
