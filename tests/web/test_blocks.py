"""However a reply comes in, its blocks are those of the whole text, and its tail is right."""

import re
from random import Random

import pytest
from bs4 import BeautifulSoup, Tag
from hypothesis import given
from hypothesis import strategies as st

from chat.web import dialect, markdown
from chat.web.blocks import Document, growth
from chat.web.mending import mended
from tests.web.markdown_samples import PIECES, documents, portions

NASTY = {
    "setext heading after a paragraph": "para\nmore\n===\nnext\n---\n",
    "heading that becomes a table head": "para\n\n# a | b\n--|--\n1 | 2\n\nend",
    "table head that never becomes a table": "| a | b |\n| c | d |\n\nend\n",
    "table after a paragraph": "para\na | b\n--|--\n1 | 2\n3\nlast\n\nend",
    "unclosed fence": "text\n\n```python\ndef f():\n\n    return 1\n# not a heading\n",
    "tilde fence with a longer close": "~~~ a`b\n~~\n```\n~~~~~  \nafter\n",
    "indented fence with tabs": "   ```\n \tx\n    y\n  z\n\t```\n   ```\nafter",
    "fences like heads of tables": "~~~ a | b\n--|--\n~~~\n\npara\n```x | y\n--|--\n```\n",
    "fence with blank lines": "```\n\n\na\n\n\n```\n\n\n\n```\n\n```",
    "nested lists": "- a\n  - b\n    - c\n\n      d\n- e\n\n\n- f\n1. g\n2) h\n",
    "lazy continuation": "> quote\nlazy\n> - item\nlazy\n\npara\n> quote\n===\n",
    "indented code": "    a\n\n\n    b\n\tc\npara\n    lazy\n\n    d",
    "text like HTML": '<div>\n*x*\n</div>\n\n<!-- a\n\nb -->\n<script>alert("1")</script>\n',
    "tabs": "-\ta\n\n\tb\n\n1.\t\tc\n\t> d\n>\t\te\n",
    "CR, LF and CRLF": "a\r\nb\rc\n\r\n\rd\r\n\r\n```\r\ncode\r\n```\r\r\n\0\r\0\ne",
    "link definitions": "[r]\n\n[r]: http://x 'title'\n\n[r] [a][r]\n\n[r]: http://y\n",
    "rules, or not": "para\n***\n- - -\n---\n* * *\n+ + x\n_ _ _\n\n--- a\n",
    "entities and escapes": "&amp; &#35; \\# \\* &copy &nbsp;x\n&#x23; no heading\n\n\\\n\n&",
    "spaces at ends": "  a  \nb \nc\t\n \t\nd\\\ne\u2003\n\u2028\nf\xa0",
}


def fed(parts: list[str]) -> Document:
    document = Document()
    for part in parts:
        document.append(part)
        document.advance()
    return document


def one_shot(text: str, *, final: bool = True) -> list[str]:
    """The blocks of `text`, by the parser alone: no splitting, no short cuts, no limits."""
    blocks, tokens = [], []
    for token in dialect.block_tokens(markdown.normalised(text)):
        tokens.append(token)
        if token.level == 0 and token.nesting <= 0:
            blocks.append(dialect.sanitised(dialect.html_of(tokens, final=final)).strip())
            tokens = []
    return blocks


@pytest.mark.parametrize("size", [1, 2, 3, 7, 10_000])
@pytest.mark.parametrize("name", NASTY)
def test_nasty_documents_end_as_the_whole_text_does(name: str, size: int) -> None:
    """S013"""
    text = NASTY[name]
    document = fed([text[i : i + size] for i in range(0, len(text), size)])
    early = list(document.blocks)

    assert document.finish() == markdown.render(text) == "".join(one_shot(text))
    assert document.blocks[: len(early)] == early
    assert document.blocks == one_shot(text)


def test_5_000_random_documents_end_as_the_whole_text_does() -> None:
    """S013"""
    count = early_blocks = 0
    for text, random in documents(seed=20_000, count=5_000):
        document = fed(portions(text, random, (3, 9, 20, 40)))
        early = list(document.blocks)

        assert document.finish() == "".join(document.blocks), repr(text)
        assert document.blocks == one_shot(text), repr(text)
        assert document.blocks[: len(early)] == early, repr(text)
        count, early_blocks = count + 1, early_blocks + len(early)
    print(f"{count} random documents, {early_blocks} blocks sent before the end")
    assert count == 5_000 and early_blocks > 2_500


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=12), st.randoms())
def test_small_documents_end_as_the_whole_text_does(pieces: list[str], random: Random) -> None:
    """S013"""
    text = "".join(pieces)

    document = fed(portions(text, random))

    assert document.finish() == markdown.render(text)
    assert document.blocks == one_shot(text)


def test_at_every_tick_blocks_and_tail_are_what_the_text_so_far_gives() -> None:
    """So every process shows the same, wherever it began to follow."""
    for text, random in documents(seed=3, count=1_000):
        document, received = Document(), ""
        for part in portions(text, random):
            received += part
            document.append(part)
            document.advance()
            fresh = fed([received])
            assert document.tail == fresh.tail, repr(received)
            assert document.blocks == fresh.blocks, repr(received)


def needs_mending(text: str) -> bool:
    """Whether it would be, wherever its open block begins."""
    begins = [0, *(found.end() for found in re.finditer("\n", text))]
    return any(mended(text[begin:]) != text[begin:] for begin in begins)


def without_colours(html: str) -> str:
    return re.sub("</?span[^>]*>", "", html)


def test_at_every_tick_the_whole_text_is_shown_but_for_half_a_line_of_code_or_table() -> None:
    checked = 0
    for text, random in documents(seed=4, count=2_000):
        document, received = Document(), ""
        for part in portions(text, random):
            received += part
            document.append(part)
            document.advance()
            known = markdown.normalised(received)
            if needs_mending(known):
                continue
            shown = without_colours("".join(document.blocks) + document.tail)
            lines = known[: known.rfind("\n") + 1]
            tokens = dialect.block_tokens(lines)
            open_lines = bool(tokens) and tokens[-1].type in ("fence", "table_close")
            allowed = [known, lines] if open_lines else [known]
            assert shown in ["".join(one_shot(it, final=False)) for it in allowed], repr(received)
            checked += 1
    print(f"{checked} ticks compared")
    assert checked > 5_000


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("a **bo", "<p>a <strong>bo</strong></p>"),
        ("a **bold*", "<p>a <strong>bold</strong></p>"),
        ("a `co", "<p>a <code>co</code></p>"),
        ("a ~~b", "<p>a <s>b</s></p>"),
        ("a **b `c", "<p>a <strong>b <code>c</code></strong></p>"),
        ("see [the text](http", "<p>see the text</p>"),
        ("see ![the text](http", "<p>see the text</p>"),
        ("2 * 3 and 5*3", "<p>2 * 3 and 5*3</p>"),
        ("done. **", "<p>done.</p>"),
        ("para\n-", "<p>para</p>"),
        ("para\n\n```py", ""),
        ("| a | b |\n|--", ""),
        ("- x\n- **y", "<ul>\n<li>x</li>\n<li><strong>y</strong></li>\n</ul>"),
        ("```py\nx = 1\ny", '<figure class="code"><figcaption>py</figcaption><pre><code>x = 1\n'),
    ],
)
def test_half_written_marks_do_not_flash(written: str, shown: str) -> None:
    tail = fed([written]).tail

    assert tail.startswith(shown) if shown else tail == ""


def dom(html: str) -> Tag:
    """Parsed inside `pre`: elsewhere this parser shortens white space, which browsers do not."""
    page = BeautifulSoup(f"<pre>{html}</pre>", "html.parser").pre
    assert page is not None
    return page


def test_growth_applied_to_a_page_gives_exactly_the_next_tail() -> None:
    grown = 0
    for text, random in documents(seed=5, count=1_000):
        document, before = Document(), ""
        for part in portions(text, random):
            document.append(part)
            document.advance()
            if found := growth(before, document.tail):
                selector, html = found
                page = dom(before)
                [element] = page.select(selector)
                element.extend(dom(html).contents)
                assert str(page) == str(dom(document.tail)), repr(text)
                grown += 1
            before = document.tail
    print(f"{grown} tails grown")
    assert grown > 2_000


@pytest.mark.parametrize(
    ("first", "more", "expected"),
    [
        ("Hello", " dear", ("p", " dear")),
        ("Hello", " **dear**", ("p", " <strong>dear</strong>")),
        ("Hello **dear", " you", None),
        ("```\na\n", "<b>\n", ("code", "&lt;b&gt;\n")),
        ("a|b\n-|-\n1|2\n", "3|4\n", ("tbody", "<tr>\n<td>3</td>\n<td>4</td>\n</tr>\n")),
        ("a|b\n-|-\n", "1|2\n", None),
        ("Hello", "\n\nyou", None),
        ("Hello\n", "===\n", None),
    ],
)
def test_growth_knows_what_can_be_appended(
    first: str, more: str, expected: tuple[str, str] | None
) -> None:
    assert growth(fed([first]).tail, fed([first, more]).tail) == expected


def test_the_text_is_kept_without_what_no_database_takes() -> None:
    document = fed(["a\r", "\nb\0", "\ud83d c\r"])

    assert document.text == "a\nb\ufffd c\n" == markdown.normalised("a\r\nb\0\ud83d c\r")


def test_heavy_says_when_a_tick_belongs_in_a_thread() -> None:
    words = fed(["A paragraph of words. " * 100, "And more"])
    words.append(" of them")
    code = fed(["```python\n" + "x = 1\n" * 200])
    code.append("y = 2\n")
    assert not words.heavy
    assert not code.heavy

    code.append("```\n")
    assert code.heavy
    rows = fed(["a|b\n-|-\n" + "1|2\n" * 200])
    rows.append("3|4\n")
    assert rows.heavy
