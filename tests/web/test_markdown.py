"""What people and models write is shown, and is never more than text, links, lists and code."""

import re

import pytest
from bs4 import BeautifulSoup, Tag
from hypothesis import given
from hypothesis import strategies as st

from chat.web import dialect, markdown
from chat.web.blocks import Document
from chat.web.highlight import CLASSES, LANGUAGES, STAND_INS, escape, highlighted
from tests.web.markdown_samples import PIECES

TAGS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "br", "strong", "em", "s", "a", "ul", "ol"}
TAGS |= {"li", "blockquote", "div", "table", "thead", "tbody", "tr", "th", "td", "span"}
TAGS |= {"figure", "figcaption", "pre", "code"}
CLASS_NAMES = {"code", "table", "plain", "left", "center", "right", *CLASSES.values()}

LINKS = [
    *("javascript:alert(1)", "JavaScript:alert(1)", "java\tscript:alert(1)", "&#106;avascript:x"),
    *(
        "java&Tab;script:x",
        "javascript&colon;alert(1)",
        "javascript&#58;x",
        "java&NewLine;script:x",
    ),
    *("&#x6A&#x61&#x76&#x61script:x", "%6Aavascript:x", "\x01javascript:x", "\u00a0javascript:x"),
    *("vbscript:msgbox(1)", "data:text/html,<script>x</script>", "data:image/svg+xml;base64,PHN2"),
    *("data:image/png;base64,AAAA", "file:///etc/passwd", "blob:http://x/1", "ftp://x", "tel:1"),
    *(
        "//evil.example",
        "\\\\evil.example",
        "/\\evil.example",
        "///evil.example",
        "/logout",
        "#htmx",
    ),
    *(
        "?delete=1",
        "page.html",
        "http:evil.example",
        "https:/evil",
        "http:///evil",
        "http:\\\\evil",
    ),
    *(
        "ht\ntp://x",
        "jav\u200bascript:x",
        "http&#58;javascript:x",
        "view-source:http://x",
        "mailto:",
    ),
    *("<javascript:alert(1)>", "feed:javascript:x", "ws://x", "javascript://x/%0aalert(1)"),
]
PAYLOADS = [
    *("<script>alert(1)</script>", "<SCRIPT SRC=//x></SCRIPT>", "<img src=x onerror=alert(1)>"),
    *('"><img src=x onerror=alert(1)>', "'><svg onload=alert(1)>", "<svg/onload=alert(1)>"),
    *("<iframe src=javascript:alert(1)>", "<object data=x>", "<embed src=x>", "<base href=//x>"),
    *(
        "<meta http-equiv=refresh content=0>",
        "<link rel=stylesheet href=//x>",
        "<style>*{}</style>",
    ),
    *(
        '<form action="//x"><input name=password><button>Log in</button></form>',
        "<a href=x id=htmx>",
    ),
    *(
        '<div style="position:fixed;inset:0" class="dialog">',
        "<p name=body id=body>",
        "<details open>",
    ),
    *("<hx-partial hx-target=body>x</hx-partial>", "<hx-a onerror=alert(1)>", "<div hx-get=/x>"),
    *(
        '<div hx-swap-oob="true" id="composer">',
        '<div data-hx-get="/x" hx-trigger="load">',
        "<?php 1 ?>",
    ),
    *("<!--><script>alert(1)</script>-->", "<![CDATA[<script>alert(1)</script>]]>", "<!DOCTYPE x>"),
    *(
        "</code></pre><script>alert(1)</script>",
        "</p></div></article><script>x</script>",
        "<math><mi>",
    ),
    *("<noscript><p title='</noscript><img src=x onerror=1>'>", "<template><script>x</script>"),
    *(
        "<svg><style><img src=x onerror=1></style>",
        "<textarea autofocus onfocus=x>",
        "<video src=x>",
    ),
    *(
        "<scr<script>ipt>alert(1)</scr</script>ipt>",
        "<<script>alert(1)//<</script>",
        "<x onclick=1>",
    ),
    *(
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "&#60;img src=x onerror=alert(1)&#62;",
        "\\<b onload=x>",
    ),
    *(
        "`<script>alert(1)</script>`",
        "*<b onmouseover=x>*",
        "<a href='java\tscript:x'>",
        "<b\x00onx=1>",
    ),
    *("\u2028<script>x</script>", "{{7*7}}${7*7}<%= 7*7 %>", "<xmp><script>x</script></xmp>"),
    *(
        "<marquee onstart=x>",
        "<isindex action=javascript:x>",
        "<keygen autofocus>",
        "<frameset onload=x>",
    ),
    *(
        "<a href=\"javascript:x\" target='_top'>",
        "<title></title><script>x</script>",
        "<plaintext>",
    ),
    *(
        "<img/src='x'/onerror=x>",
        "<body onload=x>",
        "<input type=image src onerror=x>",
        "<dialog open>",
    ),
]
SINKS = {
    "text": "{}",
    "emphasis": "**{}** _{}_ ~~{}~~",
    "link text": "[{}](http://x)",
    "link title": '[a](http://x "{}")',
    "link address": "[a](http://x/{}) <http://x/{}> [b](<http://x/{}>)",
    "image text": "![{}](http://x)",
    "image address": "![a](http://x/{}) ![a]({})",
    "code": "`` {} ``",
    "fence": "```\n{}\n```",
    "fence language": "```{}\nx\n```",
    "highlighted fence": "```html\n{}\n```\n```python\n'{}'\n```",
    "table": "| {} | a |\n|:-:|--|\n| {} | {} |",
    "heading": "# {}\n\n{}\n===",
    "list in a quote": "> - {}\n>   1. {}",
    "indented code": "    {}",
}


def parsed(html: str) -> BeautifulSoup:
    return BeautifulSoup(html, "html.parser")


def assert_harmless(html: str) -> None:
    for element in parsed(html).find_all(True):
        assert isinstance(element, Tag)
        assert element.name in TAGS
        for name, value in element.attrs.items():
            text = " ".join(value) if isinstance(value, list) else str(value)
            if name == "class":
                assert set(text.split()) <= CLASS_NAMES
            elif name == "href":
                assert re.match("https?://[^/]|mailto:.", text)
                assert element["rel"] == "noopener noreferrer".split()
                assert element["target"] == "_blank"
            else:
                assert f"{element.name} {name}" in ("a rel", "a target", "a title", "ol start")
    for quoted in re.findall('"[^"]*"', "".join(re.findall(r"<[^>]*>", html))):
        assert "<" not in quoted  # htmx rewrites `<hx-` in raw text, even inside quotes
    assert "<hx" not in html


@pytest.mark.parametrize("sink", SINKS)
def test_no_payload_becomes_more_than_text(sink: str) -> None:
    """S002 (server side), S007, S008: while streaming as well as afterwards."""
    assert len(PAYLOADS + LINKS) >= 60
    for payload in PAYLOADS + LINKS:
        text = SINKS[sink].replace("{}", payload)
        assert_harmless(markdown.render(text))
        document = Document()
        for begin in range(0, len(text), 5):
            document.append(text[begin : begin + 5])
            document.advance()
            assert_harmless("".join(document.blocks) + document.tail)


@given(st.lists(st.sampled_from([*PAYLOADS, *LINKS, *PIECES]), max_size=15))
def test_no_mixture_of_payloads_becomes_more_than_text(pieces: list[str]) -> None:
    """S002, S007"""
    assert_harmless(markdown.render("".join(pieces)))


@pytest.mark.parametrize("address", LINKS)
def test_other_addresses_than_http_and_mail_stay_text(address: str) -> None:
    """S006"""
    for text in (f"[words]({address})", f"![words]({address})", f"[words](<{address}>)"):
        page = parsed(markdown.render(text))
        assert not page.select("a, img")
        assert "words" in page.text
    if not address.startswith("<"):
        assert not parsed(markdown.render(f"<{address}>")).select("a")


@pytest.mark.parametrize(
    "address", ["http://a.example", "HTTPS://a.example/b?c=d&e#f", "mailto:ada@a.example"]
)
def test_links_open_elsewhere_and_tell_nothing(address: str) -> None:
    """S006"""
    for text in (f"[words]({address})", f"<{address}>", f"![words]({address})"):
        [link] = parsed(markdown.render(text)).select("a")
        assert str(link["href"]).lower() == address.lower()
        assert link["target"] == "_blank"
        assert link["rel"] == ["noopener", "noreferrer"]


def test_images_become_links_with_their_text() -> None:
    html = markdown.render(
        "![a *cat* &amp; `dog`](http://x/y) [![in](http://i)](http://l) ![](http://e)"
    )

    assert [(link["href"], link.text) for link in parsed(html).select("a")] == [
        ("http://x/y", "a cat & dog"),
        ("http://l", "in"),
        ("http://e", "http://e"),
    ]


@pytest.mark.parametrize(
    ("info", "caption"),
    [
        ("python", "python"),
        ("c++ title=x", "c++"),
        ("objective-c", "objective-c"),
        ('"><img onerror=x>', ""),
        ("x" * 10_000, ""),
        ("x" * 21, ""),
        ("{.python}", ""),
        ("", ""),
    ],
)
def test_a_fence_shows_its_language_if_it_is_one(info: str, caption: str) -> None:
    """S009"""
    html = markdown.render(f"```{info}\n<b>\n```")

    start = f'<figure class="code"><figcaption>{caption}</figcaption><pre><code>'
    assert html == f"{start}&lt;b&gt;\n</code></pre></figure>"


def test_finished_code_is_highlighted_with_classes() -> None:
    code = '@cache\ndef f(x: int) -> str:\n    """Doc"""\n\n    return "a"  # <b>\n\n'
    page = parsed(markdown.render(f"```python\n{code}```"))

    assert page.select_one("code .k") and page.select_one("code .s") and page.select_one(".nf")
    assert page.select("code")[0].text == code


@pytest.mark.parametrize("language", sorted(LANGUAGES | STAND_INS.keys()))
def test_every_language_is_known_and_keeps_the_text(language: str) -> None:
    code = "\n\n# a <b>\n\tif x = 'é\u00a0' /* y */ {\n\n  1.5e3\n-- z\n" * 3 + "   end"

    html = highlighted(code, language)

    assert parsed(f"<pre>{html}</pre>").text == code
    assert "<span" in html


@given(st.sampled_from(sorted(LANGUAGES)), st.text(max_size=80))
def test_highlighting_keeps_any_text(language: str, code: str) -> None:
    code = markdown.normalised(code)

    assert parsed(f"<pre>{highlighted(code, language)}</pre>").text == code


def test_long_code_is_not_highlighted() -> None:
    assert "<span" not in highlighted("x = 'a'\n" * 1_200, "python")
    assert "<span" not in highlighted("x = 'a' " * 3_000, "python")
    assert "<span" in highlighted("x = 'a'\n" * 900, "python")


def test_tables_scroll_in_their_own_box_and_align_by_class() -> None:
    html = markdown.render("| a | b | c | d |\n|:--|:-:|--:|---|\n| 1 | 2 | 3 | 4 |\n")
    page = parsed(html)

    assert page.select_one("div.table > table > tbody > tr > td.center")
    assert [cell.get("class") for cell in page.select("th")] == [
        ["left"],
        ["center"],
        ["right"],
        None,
    ]
    assert "style" not in html


def test_commonmark_is_rendered() -> None:
    text = "# H\n\na\nb  \nc ~~d~~ $x^2$\n\n3. x\n   - y\n\n> q\n\n***\n"

    assert markdown.render(text) == (
        "<h1>H</h1><p>a\nb<br>\nc <s>d</s> $x^2$</p>"
        '<ol start="3">\n<li>x\n<ul>\n<li>y</li>\n</ul>\n</li>\n</ol>'
        "<blockquote>\n<p>q</p>\n</blockquote><hr>"
    )


def test_definitions_of_links_are_text() -> None:
    """A definition further down would change what was sent already."""
    page = parsed(markdown.render("[a][r] [r]\n\n[r]: http://x\n"))

    assert not page.select("a")
    assert "[r]: http://x" in page.text


def test_characters_that_storage_and_wire_cannot_take_are_replaced() -> None:
    assert markdown.render("a\0b\ud800c\r\nd\re") == "<p>ab\ufffdc\nd\ne</p>"


PLAIN_WORDS = st.text(
    st.sampled_from("ab Z é1_&<>\"'()!:;.,-/#+=|$%@^{}]\n\u00a0\u2003") | st.characters()
)


@given(PLAIN_WORDS)
def test_the_short_cut_for_prose_equals_the_parser(text: str) -> None:
    text = "a" + markdown.normalised(text)
    expected = []
    for group in markdown._groups(text):
        html = dialect.html_of(group.tokens, final=False)
        expected.append(dialect.sanitised(html).strip())

    assert markdown.tail_html(text) == "".join(expected)


@given(st.text())
def test_what_skips_the_sanitiser_is_spelt_like_what_went_through_it(text: str) -> None:
    text = markdown.normalised(text)

    assert dialect.sanitised(f"<p>{escape(text)}</p>") == f"<p>{escape(text)}</p>"


@given(st.integers(0, 3), st.lists(st.sampled_from([" ", "  ", "\t", "x", "\n", "~~x", "```"])))
def test_code_in_an_indented_fence_equals_the_parsers(indent: int, pieces: list[str]) -> None:
    text = " " * indent + "~~~~\n" + "".join(pieces)
    [token] = dialect.block_tokens(text)

    assert markdown.render(text) == dialect.figure("", token.content, final=True)
