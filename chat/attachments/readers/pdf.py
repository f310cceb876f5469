"""PDF: the text of its pages; of one without text, its first pages as images."""

from pathlib import Path

import pypdfium2
from pypdfium2 import raw

from chat.attachments.readers.found import Found, Gathered, Sort, Unreadable

MOST_PAGES = 2_000
SHOWN = 5  # pages, of a document without text
EDGE = 1_568  # pixels of their longest side: more the models would only shrink


def read(path: Path, sort: Sort, folder: Path) -> Found:
    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        locked = error.err_code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY)
        raise Unreadable("encrypted" if locked else "broken") from error
    with document:
        pages = len(document)
        if not pages:
            raise Unreadable("broken")
        gathered = Gathered()
        said = _text(document, min(pages, MOST_PAGES), gathered)
        gathered.cut = gathered.cut or pages > MOST_PAGES
        if said:
            return gathered.found(pages)
        shown = tuple(_image(document, index, folder) for index in range(min(pages, SHOWN)))
    return Found(trouble="no_text", cut=pages > SHOWN, pages=pages, pages_as_images=shown)


def _text(document: pypdfium2.PdfDocument, pages: int, gathered: Gathered) -> bool:
    """Whether there was any."""
    said = False
    for index in range(pages):
        if gathered.full:
            break
        page = document[index]
        textpage = page.get_textpage()
        text = textpage.get_text_range().strip()
        said = said or bool(text)
        gathered.add(f"[page {index + 1}]\n{text}\n\n")
        textpage.close()
        page.close()
    return said


def _image(document: pypdfium2.PdfDocument, index: int, folder: Path) -> str:
    page = document[index]
    scale = EDGE / max(*page.get_size(), 1.0)
    image = page.render(scale=scale).to_pil().convert("RGB")
    page.close()
    image.thumbnail((EDGE, EDGE))
    name = f"page-{index + 1}.jpg"
    image.save(folder / name, "JPEG", quality=80)
    return name
