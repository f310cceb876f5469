"""A provider that needs nothing and is always there: it explains how to connect a model."""

import asyncio
import re
from collections.abc import AsyncGenerator

from chat.providers.domain import Done, Event, Model, Prompt, TextDelta

KEY, LABEL = "guide", "Guide"
MODEL = Model(
    id=f"{KEY}/guide",
    provider=LABEL,
    name="Guide",
    note="No language model: explains how to connect one",
)
PAUSE = 0.02  # seconds after a word: about 50 words a second

_TEXT = """\
# Connect a model

This is a fixed text, not the answer of a language model: it does not read what you write. \
This installation, %(public_url)s, works, but no model is chosen here. \
Whoever runs it can change that:

1. Choose where answers come from: one of the services below, any server that speaks the \
protocol of one of them, or a model on your own machine.
2. Put the settings below into the environment, or into the file `.env` beside the program.
3. Start the program again. The new models then stand in the list of models.

| Setting | What it connects |
|---|---|
| `OPENAI_API_KEY` | OpenAI |
| `OPENAI_BASE_URL` | any server with OpenAI's protocol: vLLM, llama.cpp, LM Studio, a gateway |
| `ANTHROPIC_API_KEY` | Claude |
| `GEMINI_API_KEY` | Gemini |
| `OPENROUTER_API_KEY` | OpenRouter, and through it hundreds of models |
| `OLLAMA_HOST` | a local Ollama |
| `EMBEDDED_MODEL` | the path of a GGUF file, run by this program itself |

For example, with a key from OpenAI:

```bash
echo 'OPENAI_API_KEY=sk-…' >> .env
make run
```

Or without any key, with Ollama on the same machine:

```bash
ollama pull llama3.2
echo 'OLLAMA_HOST=http://127.0.0.1:11434' >> .env
make run
```

`python -m chat check` reads the settings and names every mistake in them. \
If the list already holds another model, choose it there and ask again.
"""


class Guide:
    """The Provider that streams one text. `pause`: seconds after each word."""

    key, label = KEY, LABEL

    def __init__(self, public_url: str, *, pause: float = PAUSE) -> None:
        self._words = re.findall(r"\S+\s*", _TEXT % {"public_url": public_url})
        self._pause = pause

    async def models(self) -> list[Model]:
        return [MODEL]

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        for word in self._words:
            yield TextDelta(word)
            await asyncio.sleep(self._pause)
        yield Done("stop")

    def warm(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing is open."""
