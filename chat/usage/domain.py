"""What replies used, and what that cost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from chat.providers.domain import Price, Usage
from chat.providers.guide import MODEL as GUIDE
from chat.providers.presets import SERVICES
from chat.providers.tokens import OF_A_TURN, estimate

MILLION = 1_000_000
BYTES_OF_THOUGHT = 4  # per token; of thoughts only the length is told


@dataclass(frozen=True, slots=True)
class Spent:
    """What one reply used. `cost`: micro-dollars, None where no price is known.

    `estimated`: some of the figures are ours, because the provider did not say them.
    """

    usage: Usage = field(default_factory=Usage)
    cost: int | None = 0
    estimated: bool = False


def cost(usage: Usage, price: Price) -> int:
    """Micro-dollars, rounded up to whole ones."""
    cached = min(usage.cached, usage.input)
    written = min(usage.written, usage.input - cached)
    millionths = (usage.input - cached - written) * price.input
    millionths += written * (price.input if price.written is None else price.written)
    millionths += cached * price.cached + usage.output * price.output
    return -(-millionths // MILLION)


def spent(
    model_id: str,
    said: Usage | None,
    asked: Sequence[str],
    text: str,
    thought: int,
    price: Price | None,
) -> Spent:
    """Of a reply, or of what it was gone on with.

    `said`: the provider's own figures; `asked`: the texts of the prompt; `text`: what was answered;
    `thought`: bytes of reasoning. Figures that are missing are estimated. Where nothing came and
    nothing was said, nothing counts; nor does what the guide says, which is no model.
    """
    if model_id == GUIDE.id:
        return Spent()
    said = usage = said or Usage()
    if not usage.input and (text or thought or usage.output):
        usage = replace(usage, input=of_prompt(asked))
    if not usage.output and (text or thought):
        thoughts = -(-thought // BYTES_OF_THOUGHT)
        usage = replace(usage, output=estimate(text) + thoughts, reasoning=thoughts)
    if usage == Usage():
        return Spent()
    return Spent(usage, cost(usage, price) if price else None, estimated=usage != said)


def of_prompt(texts: Iterable[str]) -> int:
    """About how many tokens a prompt of these texts has."""
    return sum(estimate(text) + OF_A_TURN for text in texts)


@dataclass(frozen=True, slots=True)
class Line:
    """A sum of replies: of a day (`key`: its number since 1970), a model or a conversation.

    `cost`: micro-dollars of those with a known price; `unpriced`: how many have none.
    """

    key: int | str
    name: str
    replies: int
    input: int
    cached: int
    output: int
    reasoning: int
    cost: int
    unpriced: int
    estimated: int

    @property
    def tokens(self) -> int:
        return self.input + self.output

    @property
    def priced(self) -> bool:
        return self.unpriced < self.replies


def told_apart(lines: Sequence[Line]) -> list[Line]:
    """Lines of models; those of different providers that are called alike with their provider's."""
    names = [line.name for line in lines]
    return [
        replace(line, name=f"{line.name} · {provider(str(line.key))}")
        if names.count(line.name) > 1
        else line
        for line in lines
    ]


def provider(model_id: str) -> str:
    """What a model's provider is called."""
    key = model_id.partition("/")[0]
    return SERVICES.get(key, key)


def total(lines: Sequence[Line]) -> Line:
    """One line of many, without a key and a name."""
    return Line(
        key="",
        name="",
        replies=sum(line.replies for line in lines),
        input=sum(line.input for line in lines),
        cached=sum(line.cached for line in lines),
        output=sum(line.output for line in lines),
        reasoning=sum(line.reasoning for line in lines),
        cost=sum(line.cost for line in lines),
        unpriced=sum(line.unpriced for line in lines),
        estimated=max((line.estimated for line in lines), default=0),
    )
