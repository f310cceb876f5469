"""A file goes out: to its owner, whole or in part, never as something that runs."""

from collections.abc import AsyncIterator
from urllib.parse import unquote

import pytest

from tests.attachments.made import encoded, scanned, scene
from tests.attachments.sending import upload, uploaded
from tests.conftest import ON_SQLITE
from tests.people import Person
from tests.raw import ask
from tests.site import Site

pytestmark = ON_SQLITE
DATA = bytes(range(256)) * 2_000 + b"end"
RANGES = [  # what is asked, of 512,003 bytes; from, up to; None: unsatisfiable
    ("bytes=0-0", 0, 1),
    ("bytes=5-", 5, len(DATA)),
    ("bytes=-1", len(DATA) - 1, len(DATA)),
    ("bytes=-9999999", 0, len(DATA)),
    ("bytes=262140-262150", 262_140, 262_151),
    ("bytes=512002-600000", 512_002, 512_003),
    ("bytes=512003-", None, None),
    ("bytes=-0", None, None),
    ("bytes=999999999999999999-", None, None),
]
WHOLE = [
    "bytes=0-1,5-6",
    "bytes=-",
    "bytes=9-5",
    "lines=1-2",
    "bytes=a-b",
    "bytes=9999999999999999999-",
]
NAMES = [
    ("Relatório de férias.txt", "Relatório de férias.txt"),
    ("تقرير.txt", "تقرير.txt"),
    ("报告 2026.txt", "报告 2026.txt"),
    ("%22quoted%22.txt", '"quoted".txt'),
    ("a%0D%0ASet-Cookie: x=1.txt", "a Set-Cookie: x=1.txt"),
    ("../../etc/passwd", "passwd"),
    ("C:\\Users\\ada\\cv.doc", "cv.doc"),
    ("..", "file"),
    ("exe\u202etxt.scr", "exetxt.scr"),
    ("\u061cexe\u200b.txt", "exe.txt"),
    ("\u200b\u2060", "file"),
    ("نمی\u200cخواهم 👩\u200d💻.txt", "نمی\u200cخواهم 👩\u200d💻.txt"),
    ("<img src=x onerror=alert(1)>.txt", "<img src=x onerror=alert(1)>.txt"),
    ("x" * 300 + ".tar", "x" * 196 + ".tar"),
]


@pytest.fixture(scope="module")
async def person(site: Site) -> AsyncIterator[Person]:
    found = Person(site.base)
    await found.register()
    yield found
    await found.close()


@pytest.fixture(scope="module")
async def file(person: Person) -> str:
    return await uploaded(person, "data.bin", DATA)


@pytest.mark.parametrize(("asked", "start", "stop"), RANGES)
async def test_ranges_are_right(
    person: Person, file: str, asked: str, start: int | None, stop: int | None
) -> None:
    url = f"{person.base}/attachments/{file}"
    async with person._http.get(url, headers={"Range": asked}) as response:
        body = await response.read()
        if start is None or stop is None:
            assert response.status == 416
            assert response.headers["Content-Range"] == f"bytes */{len(DATA)}"
            return
        assert response.status == 206
        assert response.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(DATA)}"
        assert body == DATA[start:stop]


@pytest.mark.parametrize("asked", WHOLE)
async def test_several_ranges_or_odd_ones_get_the_whole(
    person: Person, file: str, asked: str
) -> None:
    async with person._http.get(
        f"{person.base}/attachments/{file}", headers={"Range": asked}
    ) as response:
        assert response.status == 200
        assert await response.read() == DATA


async def test_a_head_tells_the_size_and_an_etag_saves_the_body(person: Person, file: str) -> None:
    url = f"{person.base}/attachments/{file}"
    async with person._http.head(url, headers={"Range": "bytes=0-0"}) as response:
        assert response.status == 200
        assert response.headers["Content-Length"] == str(len(DATA))
        etag = response.headers["ETag"]
    async with person._http.get(url, headers={"If-None-Match": etag}) as response:
        assert (response.status, await response.read()) == (304, b"")
        assert response.headers.get("Content-Length", str(len(DATA))) == str(len(DATA))
    stale = {"Range": "bytes=0-0", "If-Range": '"another"'}
    async with person._http.get(url, headers=stale) as response:
        assert (response.status, len(await response.read())) == (200, len(DATA))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("page.html", b"<!doctype html><script>alert(1)</script>\0"),
        ("page.htm", b"<b>no</b>"),
        ("drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>\0'),
        ("photo.png", b"\x89PNG\r\n\x1a\n<script>alert(1)</script>"),
        ("polyglot.gif", b"GIF89a/*\xff*/=1;alert(1)"),
        ("feed.xml", b'<?xml version="1.0"?><x/>\0'),
        ("script.js", b"alert(1)\0"),
    ],
)
async def test_s019_what_could_run_is_only_downloaded(
    person: Person, name: str, data: bytes
) -> None:
    answer = await ask(person, "GET", f"/attachments/{await uploaded(person, name, data)}")

    assert answer.status == 200
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["Content-Type"] in ("application/octet-stream", "image/png", "image/gif")
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"].startswith("private")


async def test_plain_text_is_shown_as_text(person: Person) -> None:
    answer = await person.get(f"/attachments/{await uploaded(person, 'a.txt', b'1 < 2 and words')}")

    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("inline;")
    assert "sandbox" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(("given_name", "kept"), NAMES)
async def test_names_arrive_as_they_are(person: Person, given_name: str, kept: str) -> None:
    answer = await upload(person, (given_name, b"anything"))
    assert answer.one(".chip bdi").text == kept

    chip = str(answer.one(".chip")["data-id"])
    header = (await person.get(f"/attachments/{chip}")).headers["Content-Disposition"]
    assert unquote(header.partition("filename*=UTF-8''")[2]) == kept
    assert header.isascii()


async def test_s023_a_path_finds_nothing(person: Person, file: str) -> None:
    for odd in ("..%2f..%2fetc%2fpasswd", "..%252f", "..%5c", f"{file}%00", f"{file}x"):
        assert (await ask(person, "GET", f"/attachments/{odd}")).status == 404
    for size in ("../model", "model", "thumb", ".", "%00"):
        assert (await ask(person, "GET", f"/attachments/{file}?size={size}")).status == 404


async def test_nobody_else_gets_it(person: Person, eve: Person, file: str) -> None:
    for path in (f"/attachments/{file}", f"/attachments/{file}/text"):
        foreign = await eve.get(path)
        absent = await eve.get(path.replace(file, "0" * 32))

        assert foreign.status == absent.status == 404
        assert foreign.text == absent.text


async def test_what_the_model_reads_is_a_page(person: Person) -> None:
    read = await uploaded(person, "notes.txt", "<b>Olá</b> & more".encode())
    page = await person.get(f"/attachments/{read}/text")

    assert page.one("pre").text == "<b>Olá</b> & more"
    binary = await person.get(f"/attachments/{await uploaded(person, 'x.bin', DATA)}/text")
    assert "nothing of this file but its name" in binary.text


async def test_a_scan_says_who_can_read_it_and_shows_its_pages(person: Person) -> None:
    answer = await upload(person, ("scan.pdf", scanned(2)), ("sea.png", encoded(scene(), "PNG")))
    scan, sea = answer.html.select(".chip")
    page = await person.get(str(scan.select("a")[0]["href"]))
    image = await person.get(str(sea.select("a")[0]["href"]))

    assert "no text in it: only models that see images can read it" in scan.get_text()
    assert [chip["data-kind"] for chip in (scan, sea)] == ["image", "image"]  # who is blind is told
    shown = [str(each["src"]) for each in page.html.select("img.sheet")]
    assert [each.partition("size=")[2] for each in shown] == ["page1", "page2"]
    assert (await ask(person, "GET", shown[1])).headers["Content-Type"] == "image/jpeg"
    assert "reads nothing" not in page.text + image.text
    assert len(image.html.select("img.sheet")) == 1
    sent = await person.send("Read", attachment=str(scan["data-id"]))
    assert sent.one(".card small a")["href"] == f"/attachments/{scan['data-id']}/text"
