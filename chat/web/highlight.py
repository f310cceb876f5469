"""Source code to HTML: the text escaped, with a class on what a reader's eye looks for."""

import sys
from collections.abc import Callable
from functools import lru_cache

from pygments.lexer import Lexer, RegexLexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Generic, Keyword, Literal, Name, Operator, String, _TokenType
from pygments.util import ClassNotFound

# Lexers backtrack: left alone, some take minutes for 50 kB of hostile text, and hold the
# interpreter meanwhile. No pattern looks further than REACH, and long code stays plain: together
# that is 0.8 s for the worst of 5,700 hostile texts, and loses nothing anyone reads in colours.
REACH = 1_000
MOST_LINES = 1_000
MOST_CHARS = 20_000
MOST_CHARS_OF = {"java": 8_000}

# Pygments' own short names, thinned out: fewer spans are a third of the HTML of a code block.
CLASSES: dict[_TokenType, str] = {
    Comment: "c",
    Keyword: "k",
    Operator.Word: "k",
    String: "s",
    Literal: "m",
    Name.Function: "nf",
    Name.Class: "nc",
    Name.Builtin: "nb",
    Name.Tag: "nt",
    Name.Attribute: "na",
    Name.Decorator: "nd",
    Generic.Deleted: "gd",
    Generic.Inserted: "gi",
    Generic.Heading: "gh",
    Generic.Subheading: "gh",
    Generic.Prompt: "gp",
    Generic.Output: "go",
}

# What people ask chats for. Each was measured on 50 hostile patterns; other names stay plain.
LANGUAGES = frozenset(
    """asm bash c c++ clojure cpp css dart diff docker dockerfile elixir erlang f# fsharp go golang
    graphql haskell html ini java javascript js json jsx julia kotlin latex lua matlab md nginx
    objective-c ocaml perl php powershell proto ps1 py python python3 r rb rs ruby rust scala scss
    sh shell sql swift tex toml ts tsx typescript xml yaml yml zig zsh""".split()
)
STAND_INS = {  # near enough, and far quicker than their own lexers
    "c#": "java",
    "cs": "java",
    "csharp": "java",
    "console": "bash",
    "make": "bash",
    "makefile": "bash",
    "pycon": "python",
}


def highlighted(code: str, language: str) -> str:
    """`code` as text and `<span class>` only; in an unknown language it is just escaped."""
    language = STAND_INS.get(language.lower(), language.lower())
    if len(code) > MOST_CHARS_OF.get(language, MOST_CHARS) or code.count("\n") > MOST_LINES:
        return escape(code)
    lexer = _lexer(language)
    if lexer is None:
        return escape(code)
    out: list[str] = []
    run, run_class = "", ""
    for kind, value in lexer.get_tokens(code):
        name = _class(kind)
        if name != run_class and value.strip():
            out.append(_span(run, run_class))
            run, run_class = "", name
        run += value
    out.append(_span(run, run_class))
    return "".join(out)


def escape(text: str) -> str:
    """Text as HTML, spelt as the sanitiser spells it: what skips it equals what went through it."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("\xa0", "&nbsp;")


def _span(text: str, name: str) -> str:
    return f'<span class="{name}">{escape(text)}</span>' if name and text else escape(text)


@lru_cache(maxsize=512)
def _class(kind: _TokenType) -> str:
    return next((CLASSES[part] for part in reversed(kind.split()) if part in CLASSES), "")


@lru_cache(maxsize=128)
def _lexer(language: str) -> Lexer | None:
    """The lexer with short sight; it trims nothing, since people copy what they see.

    `startinline`: PHP is mostly shown without its opening tag.
    """
    if language not in LANGUAGES:
        return None
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False, startinline=True)
    except ClassNotFound:
        return None
    if isinstance(lexer, RegexLexer):
        lexer._tokens = {  # type: ignore[attr-defined]  # the compiled rules: no public name
            state: [(_short_sighted(match), *rest) for match, *rest in rules]
            for state, rules in lexer._tokens.items()  # type: ignore[attr-defined]  # the same
        }
    return lexer


def _short_sighted(match: Callable[[str, int, int], object]) -> Callable[..., object]:
    def bounded(text: str, position: int, end: int = sys.maxsize) -> object:
        return match(text, position, min(end, position + REACH))

    return bounded
