"""Text made to be slow, or too long: bounded time, and nothing of it is lost."""

import re
import time
from random import Random

import pytest
from bs4 import BeautifulSoup

from chat.web import markdown
from chat.web.blocks import Document, growth
from chat.web.highlight import highlighted
from chat.web.mending import mended
from tests.web.markdown_samples import portions
from tests.web.pace import bound

SIZE = 100_000
PARAGRAPH = "Some words. " * 20 + "Some *words* here.\n\n"


def repeated(text: str, size: int = SIZE) -> str:
    return (text * (size // len(text) + 1))[:size]


SLOW = {
    repr(text): repeated(text)
    for text in [
        *("[", "![", "[]", "](", "[](", "[[](", "[a](b ", '[a](b "', "[a](<b", "[a](http://b) "),
        *(
            "![a](http://b) ",
            "![`a`](",
            "[![a](http://b)](http://c) ",
            "[*_`a",
            "<![CDATA[",
            "<!--",
        ),
        *("<", "<a", "<a:", "<http://a>", "&", "&amp;", "&#x", "\\", "\\*", "*", "_", "*a ", "_a "),
        *(
            "**a",
            "*a_ ",
            "*_",
            "a**b ",
            "*a **b ",
            "**x* ",
            "~~",
            "~~a ",
            "` ",
            "a  \n",
            "a\n",
            "# a\n",
        ),
        *(
            "#",
            "***\n",
            "> a\n",
            "- a\n",
            "1. ",
            "- > a\n",
            "- a\n  - b\n",
            "    a\n",
            "\t",
            " ",
            ">",
        ),
        *("|", "|:", "```\n", "~~~a\n", "a\n==\n", "a|b\n-|-\n", "\u3000", "1 ", "x_y", "a(b)"),
    ]
} | {
    "backticks of growing length": "".join("`" * i + " " for i in range(1, 446)),
    "setext": "a\n" * (SIZE // 2) + "=",
    "a wide table with empty rows": "|a" * 200 + "|\n" + "|-" * 200 + "|\n" + "|\n" * 45_000,
    "a table just narrow enough": "a|" * 29 + "b\n" + "-|" * 29 + "-\n" + "a\n" * 900,
    "a very wide table": "|a" * 25_000 + "|\n" + "|-" * 25_000 + "|\n",
    "a tall table": "|a|b|\n|-|-|\n" + "|\n" * 45_000,
    "quotes 10,000 deep": "> " * 10_000 + "a",
    "lists 10,000 deep": "- " * 10_000 + "a",
    "lists 250 deep, by lines": "\n".join("  " * i + "- a" for i in range(250)),
    "emphasis 10,000 deep": "*a **b " * 5_000 + "b** a*" * 5_000,
    "emphasis 1,000 deep": "**a " * 990 + "a**" * 990,
    "links 10,000 deep": "[" * 10_000 + "a" + "](http://b)" * 5_000,
    "images 10,000 deep": "![" * 10_000 + "a" + "](http://b)" * 5_000,
    "as many marks as are allowed": "![" * 1_999 + "[[](" * 10 + "a" * 100,
    "a long address": "[a](http://" + "é" * 60_000 + ") <http://" + "é" * 30_000 + ">",
    "lazy quote": "> a\n" + "b\n" * 40_000,
    "spaces, then a letter": " " * SIZE + "x",
}


@pytest.mark.parametrize("name", SLOW)
def test_100_kb_are_rendered_in_time_and_not_lost(name: str) -> None:
    """S010, S012. Measured: 1.2 s for endless short lists, the rest about 1 s or less."""
    started = time.process_time()
    html = markdown.render(SLOW[name])
    seconds = time.process_time() - started

    print(f"{seconds:.2f} s  {name}")
    assert seconds < bound(2)
    shown = re.sub("<[^>]*>", "", html)
    assert shown.count("a") >= SLOW[name].count("a") - SLOW[name].count("&a") - 5 or "](" in name
    assert len(html) <= 11 * len(SLOW[name]) + 128 * 1024


@pytest.mark.parametrize("name", SLOW)
def test_no_tick_takes_long_while_it_streams(name: str) -> None:
    """S010, S012"""
    document, text, worst = Document(), SLOW[name][:40_000], 0.0
    for begin in range(0, len(text), 10_000):
        document.append(text[begin : begin + 10_000])
        started = time.process_time()
        document.advance()
        worst = max(worst, time.process_time() - started)

    print(f"{worst:.2f} s  {name}")
    assert worst < bound(2)
    assert document.finish() == markdown.render(text)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        *(("c#", "a\n"), ("c#", " a"), ("cs", "a b"), ("java", "a b"), ("java", "\n"), ("c", "\n")),
        *(("c", "/"), ("hcl", "a"), ("terraform", "<<a\n"), ("make", "("), ("md", "\n")),
        *(("console", "/*"), ("python", "\n "), ("python", "a<"), ("js", '"\\'), ("ts", "a.")),
        *(
            ("perl", "a<"),
            ("ocaml", "0"),
            ("scala", "|"),
            ("diff", "@"),
            ("html", "&"),
            ("sql", "'"),
        ),
    ],
)
def test_hostile_code_is_highlighted_in_time(language: str, text: str) -> None:
    """S012. Without bounds the library takes 11 s for 8 kB of the first, and minutes for 50 kB."""
    for size in (8_000, 20_000, 50_000):
        started = time.process_time()
        highlighted(repeated(text, size), language)
        assert time.process_time() - started < bound(2.5)


BIG = {
    "a paragraph of many lines": "word *word* and word\n" * 6_000 + "\nend\n",
    "a paragraph of one line": "word *word* and word " * 6_000 + "\n\nend\n",
    "a list": "start\n\n" + "- item **bold**\n" * 3_000 + "\nend\n",
    "a fence": "```python\n" + "x = 'a' # b\n" * 30_000 + "```\n\nend *this*\n",
    "a fence that is never closed": "~~~\n" + "x = 'a' # b\n" * 30_000,
    "a long message": ("A paragraph with *marks*. " * 9 + "\n\n") * 1_300,
    "a long message of prose on one line": "word " * 80_000,
    "blank lines and spaces": ("\n" * 3_000 + " " * 70_000 + "\n") * 3
    + "x\n\n"
    + " " * 70_000
    + "y",
    "a table": "a|b\n-|-\n" + "1|2\n" * 3_000,
    "words right at the limit": "x" * 65_536 + "\n\ny",
    "words behind the limit": "x" * 65_537 + "\n\ny",
    "an endless first line of a fence": "```" + "x" * 70_000 + "\ncode\n```\n",
}


@pytest.mark.parametrize("name", BIG)
def test_limits_do_not_depend_on_the_portions(name: str) -> None:
    """S013"""
    expected = markdown.render(BIG[name])
    for sizes in [(4_000, 9_000, 30_000), (65_000, 100_000)]:
        document = Document()
        for part in portions(BIG[name], Random(1), sizes):
            document.append(part)
            document.advance()
        early = list(document.blocks)
        assert document.finish() == expected
        assert document.blocks[: len(early)] == early

    shown = BeautifulSoup(expected, "html.parser").get_text(" ")
    words = re.compile(r"[^\s*`~|>-]+")
    assert len(words.findall(shown)) >= len(words.findall(BIG[name])) - 3


def test_too_big_blocks_are_shown_as_they_were_written() -> None:
    html = markdown.render("- *a* <b>\n" * 2_000)

    assert html.startswith('<p class="plain">- *a* &lt;b&gt;\n- *a*')
    assert "<em>" not in html


def test_blocks_beyond_256_kb_of_a_message_are_plain() -> None:
    page = BeautifulSoup(markdown.render(PARAGRAPH * 2_000), "html.parser")

    assert len(page.select("p:not(.plain)")) == -(-256 * 1024 // len(PARAGRAPH))
    assert page.select("p.plain")[-1].text.endswith("Some *words* here.")


def test_one_megabyte_in_one_fence_stays_cheap() -> None:
    document, lines = Document(), "    value = compute(alpha) + 'text'  # comment\n" * 21
    document.append("```python\n")
    document.advance()
    started, before = time.process_time(), document.tail
    ticks = 1_000_000 // len(lines)
    for _ in range(ticks):
        document.append(lines)
        document.advance()
        assert growth(before, document.tail) == ("code", lines)
        before = document.tail
    milliseconds = (time.process_time() - started) * 1000 / ticks

    print(f"{milliseconds:.2f} ms a tick")
    assert milliseconds < bound(10)
    assert not document.blocks


@pytest.mark.parametrize(
    "base", ["The quick brown fox jumps. ", "A **bold** word, `code`, [x](http://y). "]
)
def test_a_typical_tick_takes_microseconds(base: str) -> None:
    document, seconds, ticks = Document(), 0.0, 600
    for tick in range(ticks):
        if tick % 20 == 0:
            document = Document()
            document.append(base * (500 // len(base)) + "and so")
            document.advance()
        document.append(" three more words")
        started = time.process_time()
        document.advance()
        seconds += time.process_time() - started

    print(f"{seconds / ticks * 1e6:.1f} µs a tick")
    assert seconds / ticks < bound(300e-6)


@pytest.mark.parametrize(
    "text", ["[", "`a``", "*a", " ", "1 ", "[](", "]( ", "**x* ", "|", "- ", "\n"]
)
def test_mending_is_quick_whatever_it_mends(text: str) -> None:
    """S012"""
    started = time.process_time()
    for end in ("", "x", "\n", "*", "`"):
        mended(repeated(text, 60_000) + end)

    assert time.process_time() - started < bound(1)
