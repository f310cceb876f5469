"""What sort of file it is: by its content. A name only tells one text from another."""

import re
import zipfile
from pathlib import Path
from typing import BinaryIO

from chat.attachments.readers.archive import MOST_PARTS
from chat.attachments.readers.found import Sort
from chat.attachments.readers.texts import SAMPLE, encoding_of, part

_SIGNATURES = (
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"BM.{8}..\0\0[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.DOTALL), "image/bmp"),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), "image/tiff"),
    (re.compile(rb".{4}ftyp.{0,60}?avi[fs]", re.DOTALL), "image/avif"),
    (
        re.compile(rb".{4}ftyp.{0,60}?(?:hei[cxms]|hev[cxms]|mif1|msf1)", re.DOTALL),
        "image/heic",
    ),
)
_OFFICE = "application/vnd.openxmlformats-officedocument"
_DECLARED = (  # in [Content_Types].xml: what the main part is
    (
        rb"wordprocessingml\.\w+\.main|ms-word\.\w+\.macroEnabled",
        "wordprocessingml.document",
        "word",
    ),
    (rb"spreadsheetml\.\w+\.main|ms-excel\.\w+\.", "spreadsheetml.sheet", "sheets"),
    (rb"presentationml\.\w+\.main|ms-powerpoint\.\w+\.", "presentationml.presentation", "slides"),
)
_MIMETYPES = {  # in the part `mimetype`
    "application/vnd.oasis.opendocument.text": "opendocument",
    "application/vnd.oasis.opendocument.presentation": "opendocument",
    "application/vnd.oasis.opendocument.spreadsheet": "sheets",
    "application/epub+zip": "epub",
}
_STREAMS = (  # in the directory of the container that Office used before it used archives
    ("EncryptedPackage", Sort("application/x-ole-storage", "document", trouble="encrypted")),
    ("Workbook", Sort("application/vnd.ms-excel", "document", "sheets")),
    ("Book", Sort("application/vnd.ms-excel", "document", "sheets")),
    ("WordDocument", Sort("application/msword", "other")),
    ("PowerPoint Document", Sort("application/vnd.ms-powerpoint", "other")),
)
# All of them are text, and are served as such. Not image/svg+xml: that is a page with scripts.
_TEXTS = {
    ".csv": "text/csv", ".tsv": "text/csv", ".md": "text/markdown", ".markdown": "text/markdown",
    ".json": "application/json", ".xml": "text/xml", ".svg": "text/xml",
}  # fmt: skip
_PAGE = re.compile(rb"<!doctype\s+html|<html[\s>]", re.IGNORECASE)
_PDF_WITHIN = 1_024  # bytes: so far from the beginning its own readers look for a PDF's mark


def sort_of(path: Path, suffix: str) -> Sort:
    """`suffix`: of the name the file came with, in small letters."""
    with open(path, "rb") as file:
        size = file.seek(0, 2)
        head = part(file, 0, SAMPLE)
        if image := next((kind for mark, kind in _SIGNATURES if mark.match(head)), ""):
            return Sort(image, "image", "images")
        if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"%PDF-"):
            return Sort("application/pdf", "document", "pdf")
        if head.startswith((b"PK\3\4", b"PK\5\6")):
            return _archive(path)
        if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
            return _compound(file, size)
        if b"%PDF-" in head[:_PDF_WITHIN] and b"startxref" in part(
            file, max(0, size - 2_048), size
        ):
            return Sort("application/pdf", "document", "pdf")
        if not head.startswith(b"{\\rtf") and encoding_of(head, whole=size <= SAMPLE):
            return _text(head, suffix)
    return Sort(_named(path), "other", trouble="unknown")


def _text(head: bytes, suffix: str) -> Sort:
    begin = head[:1_024].lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").replace(b"\0", b"")
    if suffix in (".html", ".htm", ".xhtml") or _PAGE.match(begin):
        return Sort("text/html", "text", "markup")
    if begin.startswith(b"<?xml"):
        page = suffix not in _TEXTS and _PAGE.search(begin)
        return Sort("text/html", "text", "markup") if page else Sort("text/xml", "text", "texts")
    return Sort(_TEXTS.get(suffix, "text/plain"), "text", "texts")


def _archive(path: Path) -> Sort:
    plain = Sort("application/zip", "other", trouble="unknown")
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if len(names) > MOST_PARTS:
                return Sort(plain.type, "other", trouble="too_large")
            if "[Content_Types].xml" in names:
                return _office(archive) or plain
            if "mimetype" in names:
                with archive.open("mimetype") as file:
                    mimetype = file.read(100).decode("ascii", "replace").strip()
                if reader := _MIMETYPES.get(mimetype):
                    return Sort(mimetype, "document", reader)
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError, EOFError):
        return Sort(plain.type, "other", trouble="broken")
    return plain


def _office(archive: zipfile.ZipFile) -> Sort | None:
    with archive.open("[Content_Types].xml") as file:
        declared = file.read(1_000_000)
    for pattern, kind, reader in _DECLARED:
        if re.search(pattern, declared):
            return Sort(f"{_OFFICE}.{kind}", "document", reader)
    return None


def _compound(file: BinaryIO, size: int) -> Sort:
    held = part(file, 0, min(size, 100_000_000))
    for name, sort in _STREAMS:
        if (name.encode("utf-16-le") + b"\0\0") in held:
            return (
                sort if sort.reader or sort.trouble else Sort(sort.type, "other", trouble="unknown")
            )
    return Sort("application/x-ole-storage", "other", trouble="unknown")


def _named(path: Path) -> str:
    """For those that nobody here can read: it says what they probably are, and no more."""
    import puremagic

    try:
        found = puremagic.magic_file(str(path))
    except Exception:  # a parser of bytes that may be anything
        found = []
    names = (each.mime_type for each in found if not each.mime_type.startswith(("text/", "image/")))
    return next(
        (name for name in names if re.fullmatch(r"[\w.+-]+/[\w.+-]+", name)),
        "application/octet-stream",
    )
