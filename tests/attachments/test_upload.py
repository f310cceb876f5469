"""Files come in: kept once, as chips, within limits."""

import asyncio
import hashlib
import secrets
from pathlib import Path

from chat.attachments.domain import Limits
from chat.attachments.reading import Reading
from chat.attachments.repository import AttachmentRepository, Content
from tests.attachments.sending import ids_of, upload, uploaded
from tests.conftest import SiteMaker
from tests.people import Person
from tests.rows import count, rows
from tests.site import Site


def kept(site: Site) -> list[str]:
    folder = site.settings.uploads.folder
    assert folder
    return sorted(path.name for path in folder.glob("[0-9a-f][0-9a-f]/*"))


def arriving(site: Site) -> list[Path]:
    folder = site.settings.uploads.folder
    assert folder
    return list((folder / ".tmp").iterdir())


async def test_becomes_a_chip_and_is_kept_under_its_content(site: Site, ada: Person) -> None:
    data = b"Some notes of Ada's.\n"
    answer = await upload(ada, ("notes.txt", data))

    assert answer.status == 200
    assert answer.words(".chip bdi") == "notes.txt"
    assert answer.words(".chip small") == "21 bytes"
    digest = hashlib.sha256(data).hexdigest()
    assert digest in kept(site)
    assert digest not in answer.text
    assert arriving(site) == []
    folder = site.settings.uploads.folder
    assert folder
    path = folder / digest[:2] / digest
    assert path.read_bytes() == data
    assert path.stat().st_mode & 0o777 == 0o600


async def test_the_same_content_is_kept_once(site: Site, ada: Person, eve: Person) -> None:
    data = b"The same for everybody."
    first = await uploaded(ada, "a.txt", data)
    second = await uploaded(eve, "b.txt", data)
    again = await asyncio.gather(*(uploaded(ada, f"{n}.txt", data) for n in range(5)))

    assert len({first, second, *again}) == 7
    digest = hashlib.sha256(data).hexdigest()
    assert await count(site, "files", "sha256 = :d", d=digest) == 1
    assert await count(site, "attachments", "file = :d", d=digest) == 7


async def test_nobody_changes_how_somebody_else_s_file_is_read(ada: Person, eve: Person) -> None:
    page = b"<p>Two <b>lions</b></p>" + secrets.token_hex(8).encode()
    chip = await uploaded(ada, "page.txt", page)
    before = await ada.get(f"/attachments/{chip}/text")
    await uploaded(eve, "page.html", page)

    assert before.one("pre").text == page.decode()
    assert (await ada.get(f"/attachments/{chip}/text")).one("pre").text == page.decode()
    assert (await ada.get(f"/attachments/{chip}")).headers["Content-Type"].startswith("text/plain")


async def test_what_was_read_once_is_not_forgotten_on_a_bad_day(site: Site, ada: Person) -> None:
    data = secrets.token_hex(8).encode()
    chip = await uploaded(ada, "a.txt", data)
    mine = "SELECT id FROM accounts WHERE email = :email"
    account = str((await rows(site, mine, email=ada.email))[0]["id"])
    repository, none = AttachmentRepository(site.db), Limits(10**6, 10, 10**9)
    digest = hashlib.sha256(data).hexdigest()
    slow = Content(digest, len(data), Reading(trouble="slow"), "")
    await repository.add(slow, "b.txt", account, 1, none)

    assert (await ada.get(f"/attachments/{chip}/text")).one("pre").text == data.decode()


async def test_several_come_at_once_and_in_order(ada: Person) -> None:
    answer = await upload(ada, *((f"{n}.txt", f"number {n}".encode()) for n in range(3)))

    assert [chip.text for chip in answer.html.select(".chip bdi")] == ["0.txt", "1.txt", "2.txt"]
    assert len(set(ids_of(answer))) == 3
    assert (await upload(ada, ("x.txt", b"x"))).words(".chip small") == "1 byte"


async def test_a_file_too_large_is_named_with_the_limit(
    make_site: SiteMaker, tmp_path: Path
) -> None:
    site = await make_site(LIMIT_UPLOAD_MB="1")
    person = Person(site.base)
    await person.register()
    exact = await upload(person, ("exact.bin", b"x" * 1_000_000))
    refused = await upload(person, ("small.txt", b"x"), ("Férias.bin", b"x" * 1_000_001))
    await person.close()

    assert exact.status == 200
    assert refused.status == 413
    assert refused.one(".notice")["data-code"] == "upload_too_large"
    assert refused.words(".notice") == "Férias.bin is too large: a file may have at most 1 MB."
    assert await count(site, "attachments") == 1, "neither of the two"
    assert arriving(site) == []
