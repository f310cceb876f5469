"""Markdown to try things on: random documents of nasty pieces, in random portions."""

from collections.abc import Iterator
from random import Random

PIECES = [
    *(
        " ",
        "  ",
        "    ",
        "\t",
        "\n",
        "\n",
        "\n",
        "\n\n",
        "\n\n",
        "  \n",
        "\r\n",
        "\r",
        "\x0c",
        "\0",
    ),
    *("a", "é", "1", "foo bar", "some more words", "Hello there, friends. ", "para\n", "x_y_z"),
    *("*", "**", "***", "_", "__", "~~", "`", "``", "(", ")", "!", '"', ".", "\\", "$x$", "\xa0"),
    *("# ", "> ", "- ", "+ ", "1. ", "2) ", "===", "---", "***", "# a | b\n", "- a\n"),
    *("- b\n  - c\n", "    code\n", "```", "```py", "```\n", "~~~", "~~~~", "~~~\n", "|", "a | b"),
    *("--|--", "|---|:-:|", "| 1 | 2 |\n", "[", "](", "](http://b", "[x](http://a)"),
    *("![i](http://c)", "[r]: http://x\n", "[r]", "<b>", "<!--", "<http://d>", "&", "&amp;"),
    *("\u2028", "\ud83d", "😀"),
]


def documents(seed: int, count: int) -> Iterator[tuple[str, Random]]:
    random = Random(seed)
    for _ in range(count):
        yield "".join(random.choice(PIECES) for _ in range(random.randint(1, 30))), random


def portions(text: str, random: Random, sizes: tuple[int, ...] = (1, 2, 3, 5, 8, 20)) -> list[str]:
    parts = []
    while text:
        size = random.choice(sizes)
        parts.append(text[:size])
        text = text[size:]
    return parts
