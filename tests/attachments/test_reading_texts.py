"""Text in the encodings that people's files are in, and the end of very long ones."""

import asyncio
from pathlib import Path

import pytest

from tests.attachments.made import reading_of

ENGLISH = "plain words\nand more\n"
LISBON = "nome;endereço;preço\nJoão;Rua São Tomé, 5;12,50\nInês;Praça da Ação;3,00\n"
BERLIN = "Straße;Größe\nMüllerstraße;groß\n"
WARSAW = "Zażółć gęślą jaźń, proszę państwa, złoty"
MOSCOW = "Привет, как дела? Это обычный русский текст о погоде."
TOKYO = "これは日本語のテキストです。今日は天気がいいですね。"
ENCODED = [
    *((ENGLISH, "ascii"), (LISBON, "utf-8"), (LISBON, "utf-8-sig"), (LISBON, "utf-16")),
    *((LISBON, "utf-16-le"), (LISBON, "utf-16-be"), (LISBON, "utf-32"), (LISBON, "latin-1")),
    *((BERLIN, "latin-1"), ("Preço: 5 € – “olá”", "cp1252"), ("café", "latin-1")),
    *((WARSAW, "cp1250"), (MOSCOW, "cp1251"), (MOSCOW, "koi8_r"), (TOKYO, "shift_jis")),
    *(("Ana;ação\n", "latin-1"), ("niño;año\n", "latin-1"), ("nº;1ª via\n", "cp1252")),
    *(("Preço (€);10,00\n", "cp1252"), ("王小明;臺北\n", "big5"), ("カメラ;レンズ\n", "cp932")),
    ("coração, " * 20_000, "latin-1"),  # in one line, longer than what is looked at
    *((TOKYO, "utf-8"), (TOKYO, "euc_jp"), ("x = 1\r\ny = 2\r\n" * 9, "utf-16")),
]


async def test_text_in_any_sensible_encoding_is_read(tmp_path: Path) -> None:
    readings = await asyncio.gather(
        *(reading_of(text.encode(encoding), tmp_path) for text, encoding in ENCODED)
    )

    for (text, encoding), reading in zip(ENCODED, readings, strict=True):
        assert (reading.kind, reading.trouble, reading.cut) == ("text", "", False), encoding
        assert reading.text == text.replace("\r\n", "\n"), encoding
        assert reading.type == "text/plain"


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("Lista final.CSV", LISBON.encode("latin-1"), "text/csv"),
        ("notes.md", b"# Title\n", "text/markdown"),
        ("a.json", b'{"a": 1}', "application/json"),
        ("a.html.exe", b"x = 1", "text/plain"),
        ('../../\x00\n"a.py', b"import os", "text/plain"),
        ("a.svg", b"<svg/>", "text/xml"),
    ],
)
async def test_a_name_tells_one_text_from_another(
    name: str, content: bytes, kind: str, tmp_path: Path
) -> None:
    reading = await reading_of(content, tmp_path, name)
    assert (reading.type, reading.kind) == (kind, "text")


async def test_a_page_is_read_without_what_browsers_run(tmp_path: Path) -> None:
    page = """<!DOCTYPE html><html><head><title>Título</title><style>p{}</style>
        <script>alert("no")</script></head><body><!-- no --><h2>One &amp; two</h2>
        <p>A   line<br>another <a href="javascript:no">link</a></p><noscript>no</noscript>
        <ul><li>first<ul><li>inner</ul><li>second</ul><table><tr><th>a<th>b</tr><tr><td>1<td>2
        <tr><td><p>3</p><td><p>4</p><p>5</p></table><p>six</p><p>seven</p>
        <pre>  kept
          so</pre><img alt="a cat" src=x><template>no</template></body></html>"""
    reading = await reading_of(page.encode("cp1252"), tmp_path, "page.txt")

    assert (reading.type, reading.kind) == ("text/html", "text")
    assert [line for line in reading.text.splitlines() if line.strip()] == [
        *("Título", "## One & two", "A line", "another link", "- first", "  - inner"),
        *(
            "- second",
            "a | b",
            "1 | 2",
            "3 | 4",
            "5",
            "six",
            "seven",
            "  kept",
            "          so",
            "a cat",
        ),
    ]


async def test_an_encoding_that_a_page_makes_up_is_not_believed(tmp_path: Path) -> None:
    for name in (b"zlib", b"utf-16", b"idna", b"nonsense"):
        page = b'<html><meta charset="' + name + b'"><p>a\xe7\xe3o de Lisboa</p></html>'
        assert (await reading_of(page, tmp_path)).text.strip() == "ação de Lisboa", name


async def test_of_a_log_of_200_mb_beginning_and_end_are_read(tmp_path: Path) -> None:
    path = tmp_path / "log"
    block = b"".join(b"2026-11-22 INFO request %07d took a while\n" % n for n in range(25_000))
    with path.open("wb") as file:
        file.write(b"2026 the first line\n")
        file.writelines([block] * 200)
        file.write(b"2026 the last line\n")
    assert path.stat().st_size > 200_000_000

    reading = await reading_of(path, tmp_path, "server.log")

    assert (reading.kind, reading.trouble, reading.cut) == ("text", "", True)
    assert 190_000 < len(reading.text) <= 200_000
    *lines, last = reading.text.splitlines()
    (note,) = (line for line in lines if not line.startswith("2026"))
    assert (lines[0], last) == ("2026 the first line", "2026 the last line")
    assert note == f"[… the middle of {path.stat().st_size / 1e6:.1f} MB is left out …]"


async def test_long_text_of_wide_characters_keeps_them_whole(tmp_path: Path) -> None:
    text = "日本語の行\n" * 60_000
    for encoding in ("utf-8", "utf-16", "cp932"):
        reading = await reading_of(text.encode(encoding), tmp_path)
        assert reading.cut and "\ufffd" not in reading.text, encoding
        kept = [line for line in reading.text.splitlines() if "[" not in line]
        assert set(kept) == {"日本語の行"}, encoding


async def test_what_cannot_be_stored_or_seen_is_left_out(tmp_path: Path) -> None:
    log = b"\x1b[31mred\x1b[0m and \x07bell\x0bok" + b"." * 500
    reading = await reading_of(log, tmp_path)
    assert reading.text == "red and bellok" + "." * 500

    empty = await reading_of(b"", tmp_path)
    assert (empty.kind, empty.text, empty.trouble) == ("text", "", "no_text")


async def test_bytes_with_zeros_are_no_text_whatever_their_name(tmp_path: Path) -> None:
    for content in (b"text\0" * 100, bytes(range(256)) * 9, b"\xff\xfe\0\xd8" * 99):
        reading = await reading_of(content, tmp_path, "notes.txt")
        assert (reading.kind, reading.trouble, reading.text) == ("other", "unknown", "")
