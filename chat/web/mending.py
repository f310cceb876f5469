"""Half-written Markdown, made fit to be shown: a reply grows without marks that flash and vanish.

Cosmetic only. A finished block is always rendered from what was really written.
"""

import re

REACH = 4_000  # characters of an open paragraph beyond which nothing is mended
_OPEN_FOR = 300  # an opened mark this far back is rather a literal one

# What an unfinished last line may turn out to be is not known yet: a line of marks (rule, heading,
# list, fence), or the head of a table, for which the row below it is needed as well.
_UNDECIDED = re.compile(
    r"^(?:[ \t]*+\d{1,3}[.)]?)?+[-=+*#>|:~`_\[! \t]*+\Z|^[ \t]*+(?:`{3,}[^`\n]*|~{3,}[^\n]*)\Z"
    r"|^\|[^\n]*(?:\n[|:\- \t]*)?\Z",
    re.MULTILINE,
)
_BEGINNING = re.compile(r"\n[ \t]*(?:\n|(?=[-+*>#|]|\d+[.)]))")
_TICKS = re.compile("`+")
_LINK = re.compile(r"!?\[([^\[\]]*)(?:\]\([^()\n]*)?\Z")
_MARKS = re.compile(r"\\.|(\*+|_+|~~)")


def mended(text: str) -> str:
    """The open end of a document with its half-written marks closed, or hidden until they are."""
    found = _UNDECIDED.search(text, text.rfind("\n", 0, text.rfind("\n")) + 1)
    if found and not (text.endswith("\n") and found.start() == len(text)):
        text = text[: found.start()]
    begin = max((m.end() for m in _BEGINNING.finditer(text)), default=0)
    if len(text) - begin > REACH or text.endswith("\n"):
        return text
    return text[:begin] + _inline(text[begin:])


def _inline(text: str) -> str:
    text, masked = _code_closed(text)
    if link := _LINK.search(masked):
        text = text[: link.start()] + text[link.start(1) : link.end(1)]
        masked = masked[: link.start()] + link[1]
    return _emphasis_closed(text, masked)


def _code_closed(text: str) -> tuple[str, str]:
    """`text` without an open code span, and the same with all code spans blotted out."""
    runs = list(_TICKS.finditer(text))
    masked, done = "", 0
    while runs:
        opener = runs.pop(0)
        same = (i for i, run in enumerate(runs) if len(run[0]) == len(opener[0]))
        index = next(same, None)
        if index is not None:
            closer = runs[index]
            masked += text[done : opener.start()] + "x" * (closer.end() - opener.start())
            done, runs = closer.end(), runs[index + 1 :]
        elif len(text) - opener.start() <= _OPEN_FOR:
            code = text[opener.end() :].rstrip("`")
            shown = opener[0] + code + opener[0] if code.strip() else ""
            masked += text[done : opener.start()] + "x" * len(shown)
            return text[: opener.start()] + shown, masked
    return text, masked + text[done:]


def _emphasis_closed(text: str, masked: str) -> str:
    open_marks: list[str] = []
    for found in _MARKS.finditer(masked):
        mark, begin, end = found[1], found.start(), found.end()
        if not mark:
            continue
        before, after = masked[begin - 1 : begin] or " ", masked[end : end + 1]
        left = len(mark)
        while open_marks and not before.isspace() and mark[:left].endswith(open_marks[-1]):
            left -= len(open_marks.pop())
        if left and not after:
            text = text[:begin] + text[begin : end - left]
        elif left and not (after.isspace() or before.isalnum()) and len(masked) - end < _OPEN_FOR:
            open_marks += [mark[0]] * (left % 2) + [mark[0] * 2] * (left // 2 % 2)
    if not open_marks:
        return text
    return text.rstrip() + "".join(reversed(open_marks))
