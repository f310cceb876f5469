"""Markdown to HTML: the one way for live, stored and shared text.

HTML in the source is text. A message is cut into top-level blocks, each a pure function of its
own source, so that a stream can send a block as soon as nothing to come can change it. What is
too big or too dense to be worth its time is shown as it was written.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from markdown_it.common.utils import mdTrim
from markdown_it.token import Token

from chat.web.dialect import block_tokens, figure, html_of, sanitised
from chat.web.highlight import escape

# A block that does not end within so much is plain text (fences may be longer: they cost little),
# and so is one with more marks or tokens: together at most half a second a block.
BLOCK_CHARS = 64 * 1024
BLOCK_LINES = 1_000
BLOCK_MARKS = 4_000
BLOCK_TOKENS = 30_000
BLOCK_DEPTH = 19  # markdown-it leaves out what is nested deeper than its maxNesting
# Blocks that begin beyond this offset of a message are plain text, in pieces of PLAIN_CHARS.
MESSAGE_CHARS = 256 * 1024
PLAIN_CHARS = 16 * 1024

FENCE = re.compile(r"( {0,3})(?:(`{3,99})([^`\n]{0,999})|(~{3,99})(?!~)([^\n]{0,999}))(?:\n|\Z)")

_BLANK_LINES = re.compile(r"(?:[ \t]*\n)*+")
_ONLY_BLANK = re.compile(r"[ \t]*+\Z")
_LAST_BLANK_LINE = re.compile(r"^[ \t]+\Z", re.MULTILINE)
_SURROGATE = re.compile("[\ud800-\udfff]")
_FENCE_END = re.compile(r" {0,3}(?:`{3,}|~{3,})[ \t]*\Z")
_CLOSED_BY_BLANK = {"paragraph_open", "heading_open", "hr", "table_open", "blockquote_open"}

# Text without any inline mark: its `&` begins no entity, its `<` no link, its `_` is in a word.
_HARMLESS = r"[^\x00-\x20\x7f-\x9f&<`*_~\[\\]++|[ ]++(?!\n)|&(?![#A-Za-z])|<(?=[ ])"
_HARMLESS += r"|(?<=[A-Za-z0-9])_(?=[A-Za-z0-9])"
_LITERAL = re.compile(rf"(?:{_HARMLESS}|\n(?![ ]))*+")
# The same as a whole paragraph: no line begins with what could begin another kind of block.
_START = r"(?=[^\W\d_]|[\"'(])"
_PROSE = re.compile(rf"{_START}(?:{_HARMLESS}|\n{_START})*+[ ]*\n?")


class Split(NamedTuple):
    """Finished blocks as HTML, where the open rest of the text begins, and what opens it.

    `kind` is "plain", a markdown-it token type such as "fence" or "table_open", or "" for nothing.
    """

    blocks: list[str]
    offset: int
    kind: str


def render(text: str) -> str:
    """The HTML of a whole message; never fails."""
    return "".join(split(normalised(text), end=True).blocks)


def normalised(text: str) -> str:
    """Line ends as LF, no NUL (PostgreSQL refuses it), no surrogates (UTF-8 has none)."""
    text = text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def split(text: str, *, start: int = 0, end: bool = False) -> Split:
    """Cut normalised `text`, which lies `start` characters into its message, at a block's border.

    Without `end`, a block is finished when no continuation of `text` can change it: the same
    blocks come out in whatever portions a message arrives.
    """
    blocks: list[str] = []
    offset = 0
    while True:
        offset = _after_blank_lines(text, offset)
        if _ONLY_BLANK.match(text, offset):
            return Split(blocks, offset, "")
        step = _step(text, offset, end, room=MESSAGE_CHARS - start - offset)
        blocks += step.blocks
        if step.offset == offset:
            return Split(blocks, offset, step.kind)
        offset = step.offset


def tail_html(source: str) -> str:
    """The HTML of blocks that are still being written: nothing is highlighted."""
    if _PROSE.fullmatch(source):
        return f"<p>{escape(mdTrim(source))}</p>"
    return "".join(_html(group, final=False) for group in _groups(source))


def plain(source: str) -> str:
    """`source` as it was written; the style sheet keeps its lines and spaces."""
    return f'<p class="plain">{escape(source.rstrip())}</p>' if source.strip() else ""


def closing(opener: re.Match[str]) -> re.Pattern[str]:
    """What ends the fence that `opener`, a match of FENCE, begins; group 1 is its line end."""
    marks = opener[2] or opener[4]
    return re.compile(rf"^ {{0,3}}{marks[0]}{{{len(marks)},}}[ \t]*(\n|\Z)", re.MULTILINE)


def dedented(code: str, columns: int) -> str:
    """The lines of a fence that was itself indented by `columns`, 0 to 3."""
    if not columns:
        return code
    indent = rf"^(?:( {{0,{columns - 1}}}\t)| {{1,{columns}}})"
    # A tab that reaches beyond the column leaves the rest of its four, as CommonMark has it.
    return re.sub(indent, lambda m: " " * (4 - columns) if m[1] else "", code, flags=re.MULTILINE)


def _after_blank_lines(text: str, offset: int) -> int:
    found = _BLANK_LINES.match(text, offset)
    return found.end() if found else offset


def _step(text: str, offset: int, end: bool, *, room: int) -> Split:
    """The next blocks from `offset` on; the same offset when none is finished."""
    if room <= 0:
        return _plain_step(text, offset, end)
    opener = FENCE.match(text, offset)
    if opener and (end or opener[0].endswith("\n")):
        return _fence_step(text, opener, end)
    window, full = _window(text, offset)
    if not (full or end):
        window = window[: window.rfind("\n") + 1]
    step = _block_step(window, end=end and not full, room=room)
    if full and not step.offset:
        return Split([plain(window)], offset + len(window), "")
    return Split(step.blocks, offset + step.offset, step.kind)


def _plain_step(text: str, offset: int, end: bool) -> Split:
    piece = text[offset : offset + PLAIN_CHARS]
    if len(text) - offset > PLAIN_CHARS:
        piece = piece[: piece.rfind("\n") + 1] or piece
    elif not end:
        return Split([], offset, "plain")
    return Split([plain(piece)], offset + len(piece), "")


def _fence_step(text: str, opener: re.Match[str], end: bool) -> Split:
    found = closing(opener).search(text, opener.end())
    if not (end or (found and found[1])):
        return Split([], opener.start(), "fence")
    code = text[opener.end() : found.start() if found else len(text)]
    if not found:
        code = _LAST_BLANK_LINE.sub("", code)  # CommonMark counts no blank line without its end
    html = figure(opener[3] or opener[5] or "", dedented(code, len(opener[1])), final=True)
    return Split([sanitised(html)], found.end() if found else len(text), "")


def _window(text: str, offset: int) -> tuple[str, bool]:
    """As much as one block may have; True when there is more, so that it must end within."""
    window = text[offset : offset + BLOCK_CHARS]
    if window.count("\n") >= BLOCK_LINES:
        lines = window.split("\n", BLOCK_LINES)
        return window[: len(window) - len(lines[-1])], True
    if len(text) - offset > BLOCK_CHARS:
        return window[: window.rfind("\n") + 1] or window, True
    return window, False


def _block_step(window: str, *, end: bool, room: int) -> Split:
    """Only the block pass runs on the open rest; the inline pass on what is finished."""
    groups = list(_groups(window))
    offset, kind = len(window) if groups else 0, ""
    if groups and not end and not _is_closed(groups[-1], window):
        last = groups.pop()
        offset, kind = last.offset, last.tokens[0].type
    if beyond := [group for group in groups if group.offset >= room]:
        offset, kind = beyond[0].offset, ""
        groups = groups[: -len(beyond)]
    return Split([_html(group, final=True) for group in groups], offset, kind)


class _Group(NamedTuple):
    """The tokens of one top-level block, its source and where that begins."""

    tokens: list[Token]
    source: str
    offset: int


def _groups(text: str) -> Iterator[_Group]:
    tokens = block_tokens(text)
    lines = text.split("\n")
    begin = line = offset = 0
    for index, token in enumerate(tokens):
        if token.level or token.nesting > 0:
            continue
        opener = tokens[begin]
        first, behind = opener.map or [line, line]
        offset += sum(len(skipped) + 1 for skipped in lines[line:first])
        source = "\n".join(lines[first:behind])
        yield _Group(tokens[begin : index + 1], source, offset)
        begin, line = index + 1, first


def _is_closed(group: _Group, window: str) -> bool:
    """Whether the last block of `window`, which ends with a line, can have no further line.

    A heading alone is not: `# a | b` becomes a table's head when a row of dashes follows.
    """
    token = group.tokens[0]
    if token.type == "fence":
        lines = group.source.split("\n")
        marks = lines[-1].strip(" \t") if len(lines) > 1 and _FENCE_END.match(lines[-1]) else ""
        return marks.startswith(token.markup) and set(marks) == set(token.markup)
    last_line = window[window.rfind("\n", 0, -1) + 1 : -1]
    return token.type in _CLOSED_BY_BLANK and not last_line.strip(" \t")


def _html(group: _Group, *, final: bool) -> str:
    tokens, source, _ = group
    if len(tokens) > BLOCK_TOKENS or _marks(source) > BLOCK_MARKS or _depth(tokens) >= BLOCK_DEPTH:
        return plain(source)
    if tokens[0].type in ("paragraph_open", "heading_open"):
        tag, content = tokens[0].tag, tokens[1].content
        if _LITERAL.fullmatch(content):
            return f"<{tag}>{escape(content)}</{tag}>"
    html = sanitised(html_of(tokens, final=final)).strip()
    return html if len(html) <= 10 * len(source) + BLOCK_CHARS else plain(source)


def _marks(source: str) -> int:
    return sum(map(source.count, "[*_`<&~\\"))


def _depth(tokens: list[Token]) -> int:
    return max(token.level for token in tokens)
