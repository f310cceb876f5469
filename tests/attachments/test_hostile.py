"""Uploads that nobody should make: refused in a moment, and nothing is left of them."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from io import BytesIO

import pytest

from tests.attachments.sending import upload, uploaded
from tests.attachments.test_upload import arriving
from tests.conftest import ON_SQLITE, SiteMaker
from tests.people import Answer, Person
from tests.raw import ask, post_bytes
from tests.rows import count, until
from tests.site import Site
from tests.web.pace import bound

HEAD = 'Content-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'


def multipart(*parts: tuple[str, bytes], end: bool = True) -> tuple[dict[str, str], bytes]:
    """Headers and body of a form of files (name, content)."""
    boundary = secrets.token_hex(8)
    body = b"".join(
        f"--{boundary}\r\n{HEAD.format(name=name)}".encode() + data + b"\r\n"
        for name, data in parts
    )
    last = f"--{boundary}--\r\n".encode() if end else b""
    return {"Content-Type": f"multipart/form-data; boundary={boundary}"}, body + last


async def send(person: Person, headers: dict[str, str], body: object, path: str = "") -> Answer:
    partial = {"HX-Request-Type": "partial"}
    body = BytesIO(body) if isinstance(body, bytes) else body
    return await ask(person, "POST", path or "/attachments", headers | partial, data=body)


async def pieces(data: bytes, times: int) -> AsyncIterator[bytes]:
    for _ in range(times):
        yield data


@ON_SQLITE
async def test_s029_five_times_the_limit_without_a_length_is_cut_off(
    make_site: SiteMaker, people: Callable[..., Person]
) -> None:
    site = await make_site(LIMIT_UPLOAD_MB="1")
    person = people(site)
    await person.register()
    headers, start = multipart(("film.mkv", b""), end=False)

    async def body() -> AsyncIterator[bytes]:
        yield start
        async for piece in pieces(b"x" * 50_000, 100):
            yield piece

    answer = await send(person, headers, body())

    assert answer.status == 413
    assert answer.one(".notice")["data-code"] == "upload_too_large"
    assert "film.mkv" in answer.text
    assert "1 MB" in answer.text
    assert arriving(site) == []
    assert await count(site, "files") == 0


async def test_s050_ids_that_no_database_could_hold_are_nobody_s(ada: Person) -> None:
    for odd in ("a%00b", "%00", "%ED%A0%80", "%22", "%5Cu0000"):
        chips = await ask(ada, "GET", f"/attachments?id={odd}")
        refused = await post_bytes(ada, "/conversations", f"text=&attachment={odd}".encode())

        assert (chips.status, chips.html.select("li")) == (200, [])
        assert refused.status == 404
        assert "A file of this message is gone" in refused.text


@ON_SQLITE
async def test_s094_a_form_of_nothing_but_ids_keeps_nobody_waiting(ada: Person) -> None:
    ids = "".join(f"&attachment=a{n}&discard=b{n}" for n in range(30_000))
    started = time.process_time()

    refused = await post_bytes(ada, "/conversations", f"text=x{ids}".encode())

    assert refused.status == 422
    assert time.process_time() - started < bound(0.5)


async def test_s025_odd_forms_are_refused(site: Site, ada: Person) -> None:
    many = multipart(*((f"{n}", b"x") for n in range(1_000)))
    headers, fine = multipart(("a.txt", b"x"))
    boundary = headers["Content-Type"].partition("boundary=")[2].encode()
    long = {"Content-Type": f"multipart/form-data; boundary={'b' * 300}"}
    heads = b"--" + boundary + b"\r\n" + b"X-Junk: 1\r\n" * 60_000 + b"\r\nx"
    fields = b"".join(
        b"--%b\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n" % boundary
        for _ in range(1_000)
    )
    field = b"--%b\r\nContent-Disposition: form-data; name=a\r\n\r\n" % boundary + b"x" * 1_100_000
    before = await count(site, "attachments")
    for case, given, body in (
        ("1,000 files", *many),
        ("1,000 fields", headers, fields),
        ("no boundary", {"Content-Type": "multipart/form-data"}, fine),
        ("an empty one", {"Content-Type": "multipart/form-data; boundary="}, fine),
        ("a long one", long, fine),
        ("another one", {"Content-Type": "multipart/form-data; boundary=zzz"}, fine),
        ("heads without end", headers, heads),
        ("a field without end", headers, field),
        ("no name", headers, fine.replace(b'name="files"', b"")),
        ("not a form", headers, b"\0" * 10_000),
        ("cut off in a head", headers, fine[:40]),
        ("cut off in a file", headers, fine[:-20]),
        ("empty", headers, b""),
        ("bytes in a name", headers, fine.replace(b"a.txt", b"\xff\xfe")),
        ("an empty file", *multipart(("a.txt", b""))),
        ("no file", {}, b"files=a"),
    ):
        answer = await send(ada, given, body)
        assert answer.status in (413, 422), (case, answer.status, answer.text)
    assert await count(site, "attachments") == before
    assert arriving(site) == []


async def test_r44_an_upload_that_breaks_off_leaves_nothing(site: Site, ada: Person) -> None:
    headers, start = multipart(("half.bin", b"x" * 300_000), end=False)
    sent = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield start
        sent.set()
        await asyncio.sleep(60)

    sending = asyncio.create_task(send(ada, headers, body()))
    await sent.wait()

    async def there() -> bool:
        return len(arriving(site)) == 1

    async def away() -> bool:
        return arriving(site) == []

    await until(there, within=20)
    sending.cancel()
    await until(away, within=20)


async def test_s033_files_that_nobody_asked_for_are_ignored(
    site: Site, ada: Person, people: Callable[..., Person]
) -> None:
    headers, body = multipart(("a.txt", b"x" * 1_000))
    before = await count(site, "attachments")
    nobody = people(site)
    for person, path in ((nobody, "/login"), (nobody, "/attachments"), (ada, "/account/model")):
        answer = await send(person, headers, body, path)
        assert answer.status in (401, 422), (path, answer.status)
    assert await count(site, "attachments") == before
    assert arriving(site) == []


async def test_what_is_full_takes_nothing_more(
    site: Site, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S029: one byte over; what one has already costs nothing more."""
    monkeypatch.setattr("chat.attachments.intake.STORED_BYTES", 1_000)
    data = secrets.token_bytes(600)
    await uploaded(ada, "first.bin", data)
    exact = await upload(ada, ("rest.bin", secrets.token_bytes(400)))
    over = await upload(ada, ("drop.bin", b"x"))

    assert exact.status == 200
    assert over.status == 413
    assert over.words(".notice") == (
        "There is no room left for drop.bin. Delete files on your account page."
    )
    assert over.one(".notice")["data-code"] == "upload_too_large"


async def test_s029_many_small_files_are_bounded(
    ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.attachments.intake.A_MINUTE", 3)
    answers = [await upload(ada, (f"{n}.txt", b"%d" % n)) for n in range(4)]

    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].one(".notice")["data-code"] == "too_many"

    monkeypatch.setattr("chat.attachments.intake.A_MINUTE", 100)
    monkeypatch.setattr("chat.attachments.repository.MOST_UNSENT", 3)
    assert (await upload(ada, ("one more.txt", b"1"))).status == 429


async def test_a_full_disk_is_said_and_leaves_nothing(
    site: Site, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    for place in ("store.os.replace", "keeping.tempfile.mkdtemp", "keeping.tempfile.mkstemp"):
        with monkeypatch.context() as patched:
            patched.setattr(f"chat.attachments.{place}", full)
            answer = await upload(ada, ("a.txt", b"nowhere to go"))

        assert answer.status == 503, place
        assert answer.headers["Retry-After"] == "5"
    mine = "account_id = (SELECT id FROM accounts WHERE email = :e)"
    assert await count(site, "attachments", mine, e=ada.email) == 0
    assert arriving(site) == []
