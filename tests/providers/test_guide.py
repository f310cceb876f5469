"""The provider that is always there."""

import re
import time

from chat.providers.domain import Done, TextDelta
from chat.providers.guide import Guide
from tests.providers.wire import text_of, told


async def test_it_says_what_it_is_and_how_to_connect_a_model() -> None:
    events = await told(Guide("https://chat.example", pause=0))

    text = text_of(events)
    assert events[-1] == Done("stop")
    assert "not the answer of a language model" in text
    assert "https://chat.example" in text
    assert re.search(r"^# ", text, re.MULTILINE) and re.search(r"^1\. ", text, re.MULTILINE)
    for name in ("OPENAI", "ANTHROPIC", "GEMINI", "OPENROUTER"):
        assert f"| `{name}_API_KEY` |" in text
    assert "\n```bash\n" in text


async def test_it_comes_in_small_pieces_with_pauses() -> None:
    began = time.monotonic()
    events = await told(Guide("http://x", pause=0.001))

    pieces = [event.text for event in events if isinstance(event, TextDelta)]
    assert len(pieces) > 100
    assert max(map(len, pieces)) < 60
    assert time.monotonic() - began >= 0.001 * len(pieces)


async def test_its_one_model_says_that_it_is_none() -> None:
    (model,) = await Guide("http://x").models()
    assert (model.id, model.name) == ("guide/guide", "Guide")
    assert "No language model" in model.note
