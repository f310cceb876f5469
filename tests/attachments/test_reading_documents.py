"""Documents as text that a model can read: PDF, Word, spreadsheets, slides, books."""

import asyncio
import io
import struct
import zipfile
import zlib
from pathlib import Path

import openpyxl
import pytest
from PIL import Image

from tests.attachments.made import (
    WORD_SPACE,
    WORD_TYPES,
    libreoffice_word,
    opendocument,
    pdf_by_fpdf,
    pdf_by_pypdf,
    pdf_by_reportlab,
    reading_of,
    saved,
    scanned,
    word,
    workbook,
    zipped,
)

WORD_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize("maker", ["reportlab", "fpdf", "pypdf"])
async def test_a_pdf_of_any_maker_is_read_page_by_page(maker: str, tmp_path: Path) -> None:
    pages = ("Olá, coração", "The end")
    made = {
        "reportlab": lambda: pdf_by_reportlab(*pages),
        "fpdf": lambda: pdf_by_fpdf(*pages),
        "pypdf": lambda: pdf_by_pypdf(pdf_by_fpdf(*pages), password=""),
    }[maker]()
    reading = await reading_of(made, tmp_path, "a.exe")

    assert (reading.type, reading.kind) == ("application/pdf", "document")
    assert (reading.trouble, reading.cut, reading.pages) == ("", False, 2)
    assert reading.text == "[page 1]\nOlá, coração\n\n[page 2]\nThe end"


async def test_a_locked_or_broken_pdf_says_so(tmp_path: Path) -> None:
    whole = pdf_by_fpdf("Hello")
    locked = pdf_by_pypdf(whole, password="secret")
    half, bare = whole[: len(whole) // 3], b"%PDF-1.7\n" + b"\xff\xfe" * 50
    readings = await asyncio.gather(*(reading_of(each, tmp_path) for each in (locked, half, bare)))

    assert [each.trouble for each in readings] == ["encrypted", "broken", "broken"]
    assert {each.type for each in readings} == {"application/pdf"}
    assert {each.text for each in readings} == {""}


async def test_pages_without_text_are_offered_as_images(tmp_path: Path) -> None:
    reading = await reading_of(scanned(6), tmp_path)

    assert (reading.trouble, reading.text, reading.pages) == ("no_text", "", 6)
    assert [path.name for path in reading.pages_as_images] == [f"page-{n}.jpg" for n in range(1, 6)]
    for path in reading.pages_as_images:
        with Image.open(path) as page:
            assert (page.format, max(page.size)) == ("JPEG", 1_568)


async def test_a_pdf_that_is_longer_than_anyone_reads_is_cut(tmp_path: Path) -> None:
    reading = await reading_of(pdf_by_reportlab(*["word " * 800] * 60), tmp_path)

    assert reading.cut and reading.pages == 60
    assert 190_000 < len(reading.text) < 200_100
    assert reading.text.endswith("[the rest is left out]")


async def test_word_is_read_in_its_order(tmp_path: Path) -> None:
    reading = await reading_of(word(), tmp_path, "report")

    assert (reading.type, reading.kind, reading.trouble) == (WORD_TYPE, "document", "")
    assert reading.text.splitlines() == [
        *("# Relatório", "## Ação", "Before the table.", "- first", "- second"),
        *("name | age", "Ana | 41", "After the table."),
    ]


async def test_word_of_libreoffice_is_read_with_its_notes(tmp_path: Path) -> None:
    styles = (
        f'<w:styles {WORD_SPACE}><w:style w:styleId="Ttulo1"><w:name w:val="heading 1"/></w:style>'
        '<w:style w:styleId="Lista"><w:pPr><w:numPr/></w:pPr></w:style></w:styles>'
    )
    notes = (
        f'<w:footnotes {WORD_SPACE}><w:footnote w:id="0"><w:p/></w:footnote>'
        '<w:footnote w:id="2"><w:p><w:r><w:t>Below.</w:t></w:r></w:p></w:footnote></w:footnotes>'
    )
    body = """
        <w:p><w:pPr><w:pStyle w:val="Ttulo1"/></w:pPr><w:r><w:t>Top</w:t></w:r></w:p>
        <w:p><w:pPr><w:pStyle w:val="Lista"/></w:pPr><w:r><w:t>styled</w:t></w:r></w:p>
        <w:p><w:pPr><w:numPr><w:ilvl w:val="1"/><w:numId w:val="3"/></w:numPr></w:pPr>
          <w:r><w:t>inner</w:t><w:tab/><w:t>x</w:t><w:br/><w:t>y</w:t></w:r></w:p>
        <w:p><w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:ins><w:r><w:t>come</w:t></w:r>
          </w:ins><w:r><w:footnoteReference w:id="2"/></w:r></w:p>
        <w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p><w:p><w:r><w:t>b</w:t></w:r></w:p>
          </w:tc><w:tc><w:tbl><w:tr><w:tc><w:p><w:r><w:t>in</w:t></w:r></w:p></w:tc></w:tr></w:tbl>
          <w:p/></w:tc></w:tr></w:tbl>"""
    made = libreoffice_word(body, "word/document2.xml", styles=styles, footnotes=notes)

    reading = await reading_of(made, tmp_path)

    assert reading.text.splitlines() == [
        *("# Top", "- styled", "  - inner\tx", "y", "come[note 1]", "a / b | in"),
        *("", "[note 1] Below."),
    ]


async def test_sheets_are_rows_under_their_names(tmp_path: Path) -> None:
    made = zipped(_repacked(saved(workbook())), zipfile.ZIP_STORED)
    reading = await reading_of(made, tmp_path, "x.txt")

    assert reading.type.endswith("spreadsheetml.sheet")
    assert (reading.kind, reading.trouble, reading.pages) == ("document", "", 3)
    assert reading.text.splitlines() == [
        *("[sheet Preços]", '"pão, ""d\'água""",2,2.5,TRUE', "[sheet Last]", "x"),
    ]


def _repacked(made: bytes) -> dict[str, str | bytes]:
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


async def test_opendocument_slides_and_books_are_read_too(tmp_path: Path) -> None:
    text = opendocument(
        "text",
        """<office:text><text:tracked-changes><text:p>gone</text:p></text:tracked-changes>
        <text:h text:outline-level="2">Título</text:h><text:p>Um<text:s/><text:span>dois</text:span>
        </text:p><text:list><text:list-item><text:p>item</text:p></text:list-item></text:list>
        <table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell>
        <table:table-cell><text:p>b</text:p></table:table-cell></table:table-row></table:table>
        </office:text>""",
    )
    sheet = opendocument(
        "spreadsheet",
        '<office:spreadsheet><table:table table:name="Um"><table:table-row><table:table-cell '
        'office:value-type="string"><text:p>olá</text:p></table:table-cell></table:table-row>'
        "</table:table></office:spreadsheet>",
        "<m/>",
    )
    slide = '<p:sld xmlns:p="p" xmlns:a="a"><a:p><a:r><a:t>{}</a:t></a:r></a:p></p:sld>'
    slides = zipped(
        {
            "[Content_Types].xml": "presentationml.presentation.main+xml",
            "ppt/slides/slide10.xml": slide.format("Last"),
            "ppt/slides/slide2.xml": slide.format("First"),
        }
    )
    book = zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<c><rootfile full-path="OPS/p.opf"/></c>',
            "OPS/p.opf": """<package><manifest><item id="b" href="two%20x.xhtml"/><item id="a"
                href="one.xhtml"/></manifest><spine><itemref idref="a"/><itemref idref="b"/>
                <itemref idref="lost"/></spine></package>""",
            "OPS/one.xhtml": "<html><head><title>T</title></head><body><h1>One</h1></body></html>",
            "OPS/two x.xhtml": "<html><body><p>Dois &amp; três</p></body></html>",
        }
    )
    readings = await asyncio.gather(
        *(reading_of(each, tmp_path) for each in (text, sheet, slides, book))
    )

    assert [each.trouble for each in readings] == [""] * 4
    assert [each.text.splitlines() for each in readings] == [
        ["## Título", "Um dois", "- item", "a | b"],
        ["[sheet Um]", "olá"],
        ["[slide 2]", "First", "[slide 10]", "Last"],
        ["T", "", "# One", "Dois & três"],
    ]


def lying(made: bytes) -> bytes:
    """An archive all of whose parts claim to unpack to ten bytes."""
    out = bytearray(made)
    for mark, at in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        found = out.find(mark)
        while found >= 0:
            out[found + at : found + at + 4] = struct.pack("<I", 10)
            found = out.find(mark, found + 4)
    return bytes(out)


GROWING = (
    "<?xml version='1.0'?><!DOCTYPE d [<!ENTITY a 'lollollol'><!ENTITY b '&a;&a;&a;&a;&a;'>]>"
    f"<w:document {WORD_SPACE}><w:p><w:t>&b;</w:t></w:p></w:document>"
)
OUTSIDE = (
    "<?xml version='1.0'?><!DOCTYPE d [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>"
    f"<w:document {WORD_SPACE}><w:p><w:t>&a;</w:t></w:p></w:document>"
)
TYPES: dict[str, str | bytes] = {"[Content_Types].xml": WORD_TYPES.format("word/document.xml")}
COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600


def hostile() -> dict[str, tuple[bytes, str, str]]:
    """What it is, what kind it is taken for, and the trouble with it."""
    far = openpyxl.Workbook()
    far.active["A1"], far.active["XFD1048576"] = 1, 2
    spaces = libreoffice_word("<w:p><w:r><w:t>" + " " * 25_000_000 + "</w:t></w:r></w:p>")
    return {
        "spaces by the million": (spaces, "document", "too_large"),
        "parts that lie": (lying(libreoffice_word("<w:p/>" * 999)), "other", "broken"),
        "too many parts": (
            zipped({f"word/{n}.xml": b"" for n in range(10_050)}),
            "other",
            "too_large",
        ),
        "entities that grow": (
            zipped(TYPES | {"word/document.xml": GROWING}),
            "document",
            "broken",
        ),
        "entities from outside": (
            zipped(TYPES | {"word/document.xml": OUTSIDE}),
            "document",
            "broken",
        ),
        "depth": (libreoffice_word("<w:p>" * 200_000), "document", "broken"),
        "a document without its part": (zipped(TYPES), "document", "broken"),
        "half a document": (word()[:9_000], "other", "broken"),
        "a cell at the far end": (saved(far), "document", "too_large"),
        "a locked text": (
            opendocument("text", "", "<m><file-entry><encryption-data/></file-entry></m>"),
            "document",
            "encrypted",
        ),
        "a locked sheet": (
            COMPOUND + "EncryptedPackage\0".encode("utf-16-le"),
            "document",
            "encrypted",
        ),
        "a sheet of no kind": (
            COMPOUND + "Workbook\0".encode("utf-16-le"),
            "document",
            "broken",
        ),
        "a stream that grows in a PDF": (
            b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages"
            b"/Kids[3 0 R]/Count 1>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]"
            b"/Contents 4 0 R>>"
            b"endobj\n4 0 obj<</Filter[/FlateDecode/FlateDecode]/Length 9999>>stream\n"
            + zlib.compress(zlib.compress(b" " * 30_000_000))
            + b"\nendstream endobj\n"
            b"trailer<</Root 1 0 R>>\n%%EOF",
            "document",
            "no_text",
        ),
        "an archive": (zipped({"a.txt": "hello"}), "other", "unknown"),
        "a program": (b"\x7fELF\2\1\1" + b"\0" * 500, "other", "unknown"),
        "nothing but zeros": (b"\0" * 5_000, "other", "unknown"),
    }


async def test_bombs_locks_and_ruins_are_named_s026(tmp_path: Path) -> None:
    cases = hostile()
    readings = await asyncio.gather(
        *(reading_of(content, tmp_path, "x.docx") for content, _, _ in cases.values())
    )

    found = {name: (each.kind, each.trouble) for name, each in zip(cases, readings, strict=True)}
    assert found == {name: (kind, trouble) for name, (_, kind, trouble) in cases.items()}
    assert {each.text for each in readings} == {""}
