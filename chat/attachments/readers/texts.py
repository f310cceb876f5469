"""Text in any sensible encoding; of very long ones the beginning and the end."""

import codecs
import re
from pathlib import Path
from typing import BinaryIO

from chat.attachments.readers.found import MOST_TEXT, Found, Sort, cleaned

SAMPLE = 65_536  # bytes by which the encoding is found
TAIL = 50_000  # characters of the end, where the beginning does not leave room for all
HEAD = MOST_TEXT - TAIL - 100  # and of the beginning: the note between has its room, too
TELLING = 200  # lines that are not ASCII, enough to guess by
WIDEST = 4  # bytes of a character
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")  # colours in logs
_DECLARED = re.compile(
    rb"""(?:<meta[^>]{0,200}charset|<\?xml[^>]{0,200}encoding)\s*=\s*["']?\s*([\w.:-]{2,30})""",
    re.IGNORECASE,
)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins like UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ODD_BYTES = bytes({*range(32), 127} - set(b"\t\n\r\f\x1b"))
# What else people's files are in. Those that are missing are found in place of these too often.
_CANDIDATES = """cp1252 cp1250 cp1251 cp1253 cp1255 cp1256 koi8_r cp932 euc_jp gb18030 big5
euc_kr""".split()
_LATIN = ["cp1252", "cp1250"]
_RUN = re.compile(rb"[\x80-\xff]+")
# One to three letters with marks among plain ones, or a sign: no other script looks like that.
_MARKS = rb"[\xc0-\xff\x8a\x8c\x8e\x9a\x9c\x9e\x9f\xa3\xaf\xb3\xb9\xbc\xbe\xbf]{1,3}"
_MARKED = re.compile(
    rb"(?<![\x80-\xff])(?:(?<=[A-Za-z])%b(?![\x80-\xff])|%b(?=[A-Za-z])" % (_MARKS, _MARKS)
    + rb"|[\x80\x85\x91-\x97\xa7\xaa\xb0\xb2\xb7\xba](?![\x80-\xff]))"
)
_MOSTLY = 0.9
# Letters and signs of central Europe, read as if from the west: it rarely has the like.
_CENTRAL = re.compile("[ŠŽšž]|(?<=[A-Za-zÀ-ÿ])[³¹¿¾£Ÿ\x9d](?=[a-zà-ÿ])")


def read(path: Path, sort: Sort, folder: Path) -> Found:
    with open(path, "rb") as file:
        size = file.seek(0, 2)
        encoding = encoding_of(part(file, 0, SAMPLE), whole=size <= SAMPLE)
        if size <= MOST_TEXT * WIDEST:
            text = _decoded(part(file, 0, size), encoding)
            if len(text) <= MOST_TEXT:
                return Found(text, "" if text.strip() else "no_text")
            head, tail = text[:HEAD], text[-TAIL:]
        else:
            head = _decoded(part(file, 0, HEAD * WIDEST), encoding)[:HEAD]
            begin = (size - TAIL * WIDEST) // WIDEST * WIDEST  # where a wide character begins
            tail = _decoded(part(file, begin, size), encoding)[-TAIL:]
    head, tail = head[: _line_end(head)], tail[tail.find("\n", 0, 2_000) + 1 :]
    return Found(f"{head}\n[… the middle of {_amount(size)} is left out …]\n{tail}", cut=True)


def encoding_of(sample: bytes, *, whole: bool) -> str:
    """The encoding of the text that begins so, or ends here, too; '' when it is none."""
    for bom, encoding in _BOMS:
        if sample.startswith(bom):
            return encoding if _decodes(sample, encoding, whole) else ""
    if b"\0" in sample:
        return _wide(sample, whole)
    if len(sample.translate(None, _ODD_BYTES)) < len(sample) * 0.99:
        return ""
    if _decodes(sample, "utf-8", whole):
        return "utf-8"
    declared = _DECLARED.search(sample[:4_096])
    if declared and (name := declared[1].decode().lower()) and _decodes(sample, name, whole):
        return name
    lines = sample.splitlines()
    return _guessed(lines if whole or len(lines) == 1 else lines[:-1])


def part(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(end - start)


def _decoded(raw: bytes, encoding: str) -> str:
    return cleaned(_ANSI.sub("", raw.decode(encoding, "replace")))


def _decodes(sample: bytes, encoding: str, whole: bool) -> bool:
    try:
        b"\0\0\0\0".decode(encoding)  # a page may name what is no encoding of text
        text = codecs.getincrementaldecoder(encoding)().decode(sample, final=whole)
    except (ValueError, LookupError):
        return False
    return text.count("\0") <= len(text) // 1_000


def _wide(sample: bytes, whole: bool) -> str:
    """UTF-16 without its mark: every other byte of its ASCII is a NUL."""
    half = len(sample) // 2
    high, low = sample[1::2].count(0), sample[::2].count(0)
    encoding = "utf-16-le" if high > low else "utf-16-be"
    likely = max(high, low) > half * 0.4 and min(high, low) <= half * 0.02
    return encoding if likely and _decodes(sample, encoding, whole) else ""


def _guessed(lines: list[bytes]) -> str:
    """By those that say something about it: most of a file may be ASCII. Whole ones, where there
    are any: no character should be cut.
    """
    import charset_normalizer

    telling = b"\n".join([line for line in lines if not line.isascii()][:TELLING])
    runs = len(_RUN.findall(telling))
    latin = len(_MARKED.findall(telling)) >= runs * _MOSTLY
    candidates = _LATIN if latin else _CANDIDATES
    best = charset_normalizer.from_bytes(telling, cp_isolation=candidates).best()
    guess = best.encoding if best else "cp1252"
    if guess == "cp1250" and not _CENTRAL.search(telling.decode("cp1252", "replace")):
        return "cp1252"
    return guess


def _line_end(text: str) -> int:
    end = text.rfind("\n", len(text) - 2_000)
    return end if end > 0 else len(text)


def _amount(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size // 1_000} kB"
