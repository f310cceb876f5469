"""Answers that are hard to show while they grow."""

DOCUMENT = """Some words to *begin* with, and to select while the rest is written.

# A heading `with code` and a [link](https://example.com/a_(b)?c=d&e=f "title")

A paragraph with **bold, _both_** and ~~gone~~ words, an entity &amp; one that is none &nope;,
two  spaces, a backslash \\* and a line that breaks hard\\
here. <b>HTML is text</b> and so is <script>1</script>.

- one
- two
  1. inner

     with a paragraph
  2. inner `code`
- three

```python
def greet(name: str = "you") -> str:
    # <hx-partial hx-target="body">not a tag</hx-partial>
    return f"Hello, {name}!" if name else ""

class A: pass
```

| Left | Middle | Right |
|:-----|:------:|------:|
| `a|b` | **x** | 1 |
| | ü – ✓ 👩‍👩‍👧 | 22 |
| long cell with *words* | & | 333 |

> A quote
> in two lines
>
> - with a list

~~~
a fence of tildes
```
with backticks in it
~~~

    indented code

1) other
2) numbers

***

Setext heading
==============

Last words, unfinished **bold and a [link](http
"""


def pieces(text: str, size: int = 7) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]
