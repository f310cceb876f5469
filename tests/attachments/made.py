"""Files as people have them, made here; and what the reader says of them."""

import io
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import docx
import openpyxl
from fpdf import FPDF
from PIL import Image, ImageDraw
from pypdf import PdfWriter
from reportlab.pdfgen import canvas

from chat.attachments.reading import Reading, read

ORIENTATION, GPS, MAKER = 0x112, 0x8825, 0x10F


async def reading_of(content: bytes | Path, folder: Path, name: str = "file") -> Reading:
    """`folder`: of the test; derived files are in one of their own inside it."""
    derived = Path(tempfile.mkdtemp(dir=folder))
    path = content if isinstance(content, Path) else derived.with_suffix(".stored")
    if isinstance(content, bytes):
        path.write_bytes(content)
    return await read(path, name, derived)


def scene(width: int = 400, height: int = 200, mode: str = "RGB") -> Image.Image:
    """Red in its upper left corner, else a gradient: one sees which way is up."""
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    ImageDraw.Draw(image).rectangle((0, 0, width // 4, height // 4), fill="red")
    return image.convert(mode)


def noise(width: int, height: int) -> Image.Image:
    """What no encoder can make small."""
    return Image.merge("RGB", [Image.effect_noise((width, height), 90) for _ in "RGB"])


def encoded(image: Image.Image, kind: str, **how: object) -> bytes:
    written = io.BytesIO()
    image.save(written, kind, **how)
    return written.getvalue()


def exif(orientation: int = 1) -> bytes:
    """What a phone writes: which way it was held, and where it was."""
    tags = Image.Exif()
    tags[ORIENTATION], tags[MAKER] = orientation, "SecretPhone"
    tags.get_ifd(GPS).update({1: "N", 2: (38.0, 43.0, 1.0)})
    return tags.tobytes()


def zipped(parts: Mapping[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return written.getvalue()


def pdf_by_reportlab(*pages: str) -> bytes:
    written = io.BytesIO()
    drawn = canvas.Canvas(written)
    for page in pages:
        drawn.drawString(72, 700, page)
        drawn.showPage()
    drawn.save()
    return written.getvalue()


def pdf_by_fpdf(*pages: str) -> bytes:
    made = FPDF()
    made.set_font("helvetica", size=12)
    for page in pages:
        made.add_page()
        made.multi_cell(0, text=page)
    return bytes(made.output())


def pdf_by_pypdf(content: bytes = b"", *, blank: int = 0, password: str | None = None) -> bytes:
    """Another's file written anew, with blank pages, with a lock."""
    writer = PdfWriter(clone_from=io.BytesIO(content)) if content else PdfWriter()
    for _ in range(blank):
        writer.add_blank_page(600, 800)
    if password is not None:
        writer.encrypt(password, owner_password="the owner's")
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def scanned(pages: int) -> bytes:
    """A PDF whose pages are photographs."""
    images = [scene(800, 1100) for _ in range(pages)]
    written = io.BytesIO()
    images[0].save(written, "PDF", save_all=True, append_images=images[1:])
    return written.getvalue()


def word() -> bytes:
    document = docx.Document()
    document.add_heading("Relatório", 0)
    document.add_heading("Ação", 2)
    document.add_paragraph("Before the table.")
    document.add_paragraph("first", style="List Bullet")
    document.add_paragraph("second", style="List Number")
    table = document.add_table(2, 2)
    for index, text in enumerate(("name", "age", "Ana", "41")):
        table.cell(index // 2, index % 2).text = text
    document.add_paragraph("After the table.")
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()


def workbook() -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    book.active.title = "Preços"
    book.active.append(['pão, "d\'água"', 2, 2.5, True])
    book.create_sheet("Empty")
    book.create_sheet("Last")["B2"] = "x"
    return book


def saved(book: openpyxl.Workbook) -> bytes:
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


WORD_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Override PartName="/{0}" ContentType="application/vnd.openxmlformats-officedocument.'
    'wordprocessingml.document.main+xml"/></Types>'
)
WORD_SPACE = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def libreoffice_word(body: str, main: str = "word/document.xml", **parts: str | bytes) -> bytes:
    """As LibreOffice writes it: no name of a style that Word would use, notes in their own part."""
    relations = (
        '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
        'relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/'
        f'officeDocument/2006/relationships/officeDocument" Target="{main}"/></Relationships>'
    )
    document = f"<?xml version='1.0'?><w:document {WORD_SPACE}><w:body>{body}</w:body></w:document>"
    named = {f"word/{name}.xml": content for name, content in parts.items()}
    fixed: dict[str, str | bytes] = {
        "[Content_Types].xml": WORD_TYPES.format(main),
        "_rels/.rels": relations,
        main: document,
    }
    return zipped(fixed | named)


def opendocument(kind: str, content: str, manifest: str = "") -> bytes:
    """`content`: of office:body."""
    spaces = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "text", "table", "drawing")
    )
    parts: dict[str, str | bytes] = {
        "mimetype": f"application/vnd.oasis.opendocument.{kind}",
        "content.xml": f"<?xml version='1.0'?><office:document-content{spaces}><office:body>"
        f"{content}</office:body></office:document-content>",
    }
    if manifest:
        parts["META-INF/manifest.xml"] = manifest
    return zipped(parts)
