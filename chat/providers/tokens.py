"""How many tokens a text has, about: for what no provider counted."""

import math
import re
from collections import OrderedDict
from threading import Lock

# One group for each kind of run. Weights were fitted against OpenAI's o200k vocabulary; texts in
# most languages come out 10 to 60 % too high, which is what other vocabularies need.
_RUNS = re.compile(
    r"""(?P<word>[A-Za-z]+)|(?P<digits>[0-9]+)|(?P<space>\s+)
    |(?P<east>[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]+)
    |(?P<letters>[^\W\d_A-Za-z\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]+)
    |(?P<mark>[!-/:-@\[-`{-~])|(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_EACH = {"digits": 1 / 2.2, "east": 0.95, "letters": 1 / 2.6, "mark": 0.85, "other": 2.0}
LONGEST_WORD = 7  # letters of one token
OF_A_TURN = 4  # tokens around each turn of a prompt
MOST_COUNTED = 50_000
_counted: OrderedDict[tuple[str, int], int] = OrderedDict()
_counting = Lock()  # prompts are built in threads


def estimate(text: str) -> int:
    """About how many tokens a text has, in whole ones; 0 only for the empty text."""
    total = 0.0
    for run in _RUNS.finditer(text):
        kind, length = run.lastgroup or "other", run.end() - run.start()
        if kind == "word":
            total += 1 if length <= LONGEST_WORD else length / 5
        elif kind == "space":
            total += 0 if run.group() == " " else min(1.2, 0.6 * length)
        else:
            total += _EACH[kind] * length
    return max(math.ceil(total), 1 if text else 0)


def counted(key: str, text: str) -> int:
    """`estimate` of a text that is asked for again and again: `key` and length stand for it."""
    known = _counted.get((key, len(text)))
    if known is None:
        known = estimate(text)
        with _counting:
            _counted[key, len(text)] = known
            while len(_counted) > MOST_COUNTED:
                _counted.popitem(last=False)
    return known
