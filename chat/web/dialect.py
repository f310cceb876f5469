"""The Markdown we speak: CommonMark with tables and strikethrough, to HTML that we vouch for."""

import re
from collections.abc import Iterator, Sequence

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock, table
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from chat.web.highlight import CLASSES, escape, highlighted

TABLE_COLUMNS = 30
FIGURE_END = "</code></pre></figure>"

_SAFE_LINK = re.compile(r"https?://[^/\\]|mailto:.", re.IGNORECASE)
_FENCE_HEAD = re.compile(r"`{3,}+[^`]*\Z|~{3}")
_LANGUAGE = re.compile(r"\s*([A-Za-z0-9+#._-]{1,20})(?=\s|\Z)")


def block_tokens(text: str) -> list[Token]:
    """What the block pass finds in `text`; the inline pass is left to `html_of`."""
    tokens: list[Token] = []
    _parser.block.parse(text, _parser, {}, tokens)
    return tokens


def html_of(tokens: list[Token], *, final: bool) -> str:
    """The HTML of whole blocks, still to be sanitised; code is highlighted when `final`."""
    state = StateCore("", _parser, {"final": final}, tokens)
    _parser.core.process(state)
    return str(_parser.renderer.render(tokens, _parser.options, state.env))


def sanitised(html: str) -> str:
    """Only what the list below names. Always the last step for anything that holds markup."""
    return _sanitiser.clean(html)


def figure(info: str, code: str, *, final: bool) -> str:
    """A code block; of `info`, what follows the fence's marks, only a sane language name shows."""
    body = highlighted(code, _language(info)) if final else escape(code)
    return f"{figure_head(info)}{body}{FIGURE_END}"


def figure_head(info: str) -> str:
    return f'<figure class="code"><figcaption>{_language(info)}</figcaption><pre><code>'


def _language(info: str) -> str:
    found = _LANGUAGE.match(info)
    return found[1] if found else ""


class _Markdown(MarkdownIt):
    def validateLink(self, url: str) -> bool:
        return bool(_SAFE_LINK.match(url))


class _Renderer(RendererHTML):
    """Code as figures, tables in a box that scrolls."""

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return figure(tokens[idx].info, tokens[idx].content, final=bool(env["final"]))

    code_block = fence

    def table_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        return '<div class="table"><table>'

    def tbody_close(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        return "</tbody>"

    def table_close(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        return "</table></div>"


def _table(state: StateBlock, startLine: int, endLine: int, silent: bool) -> bool:
    """A table, unless its head opens a fence (which no further line may change), or it is so wide
    that short rows would grow into a thousand times their size."""
    begin = state.bMarks[startLine] + state.tShift[startLine]
    if _FENCE_HEAD.match(state.src, begin, state.eMarks[startLine]):
        return False
    if startLine + 1 < endLine:
        begin, stop = state.bMarks[startLine + 1], state.eMarks[startLine + 1]
        if state.src.count("|", begin, stop) > TABLE_COLUMNS:
            return False
    return table(state, startLine, endLine, silent)


def _adapt(state: StateCore) -> None:
    """Alignment as a class, since our policy refuses style attributes; images as links."""
    for token in state.tokens:
        if style := token.attrs.pop("style", ""):
            token.attrs["class"] = str(style).removeprefix("text-align:")
        if token.children:
            token.children = list(_images_as_links(token.children, state))


def _images_as_links(tokens: list[Token], state: StateCore) -> Iterator[Token]:
    depth = 0
    for token in tokens:
        depth += token.nesting * (token.tag == "a")
        if token.type != "image":
            yield token
            continue
        address = str(token.attrs["src"])
        text = Token("text", "", 0)
        text.content = _alt(token.children)
        text.content = text.content or address
        if depth:
            yield text
        else:
            yield Token("link_open", "a", 1, attrs={"href": address})
            yield text
            yield Token("link_close", "a", -1)


def _alt(tokens: list[Token] | None) -> str:
    return "".join(
        _alt(token.children) if token.children else " " if token.tag == "br" else token.content
        for token in tokens or []
    )


def _built() -> MarkdownIt:
    options = {"html": False, "linkify": False, "maxNesting": 20, "xhtmlOut": False}
    parser = _Markdown("commonmark", options, renderer_cls=_Renderer)
    parser.enable(["table", "strikethrough"])
    # No definitions of links: one further down would change blocks that were sent already.
    # Normalising and the block pass are done by `split`, on its own portions.
    parser.disable(["reference", "html_block", "html_inline", "normalize", "block"])
    parser.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    parser.core.ruler.push("adapt", _adapt)
    return parser


_parser = _built()
_sanitiser = nh3.Cleaner(
    tags=set(
        "a blockquote br code div em figcaption figure h1 h2 h3 h4 h5 h6 hr li ol p pre s span"
        " strong table tbody td th thead tr ul".split()
    ),
    clean_content_tags=set(),
    attributes={"a": {"href", "title"}, "ol": {"start"}},
    allowed_classes={
        "div": {"table"},
        "figure": {"code"},
        "span": set(CLASSES.values()),
        "td": {"left", "center", "right"},
        "th": {"left", "center", "right"},
    },
    url_schemes={"http", "https", "mailto"},
    link_rel="noopener noreferrer",
    set_tag_attribute_values={"a": {"target": "_blank"}},
)
