"""What files add to a prompt: texts in front of what was written, images beside it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from chat.attachments.domain import Attachment
from chat.attachments.prompting import Document, documents, partly, unseen
from chat.attachments.store import Store, content
from chat.conversations.context import Measure, fits, room
from chat.conversations.domain import Message
from chat.providers.domain import Image, Model
from chat.providers.tokens import counted, estimate

SHARE = 0.6  # of a prompt's room that the files of one message may have
MOST_OF_A_TOKEN = 8  # characters: more than in any language
TRIES = 4  # at a length that has so many tokens; each comes closer
TOKENS_OF_AN_IMAGE = 1_300
MOST_WITH_FILES = 40  # questions, the newest, whose files go into a prompt
MOST_IMAGES, MOST_BYTES = 20, 20_000_000  # of a prompt: the newest
Reader = Callable[[Sequence[str]], Awaitable[Mapping[str, Sequence[Attachment]]]]


@dataclass(frozen=True, slots=True)
class Material:
    """Of one message. `cut`: its files are longer than what the model is given of them."""

    text: str = ""
    images: tuple[Image, ...] = ()
    cut: bool = False

    def tokens(self, message_id: str) -> int:
        """About how many, by our estimate."""
        return counted(f"files {message_id}", self.text) + TOKENS_OF_AN_IMAGE * len(self.images)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much a model takes, in tokens of our estimate: all of a prompt, the files of a message.

    The latter moves seldom: the same files give the same text, and the next prompt begins as the
    last one did.
    """

    whole: float
    files: int

    @classmethod
    def of(
        cls, history: Sequence[Message], model: Model, measure: Measure, system: int, most: int
    ) -> "Scale":
        """`system`: tokens before the turns; `most`: of our estimate, 0 for what there is room."""
        there = room(model, measure, system)
        whole = fits(history, model, measure, system)
        steady = there / max(1.0, measure.ratio * 2 // 1 / 2)
        files = min(steady, most or steady) * SHARE
        return cls(min(whole, most or whole), int(files))


async def gathered(
    history: Sequence[Message],
    files: Mapping[str, Sequence[Attachment]],
    model: Model,
    scale: Scale,
    store: Store | None,
    read: Reader,
) -> dict[str, Material]:
    """By message, what the files of a history are to this model.

    Unavailable while the store cannot be read; without one, images are counted and have no content.

    `files` need no texts: those are read, newest first, as long as there is room for them. What is
    before that is not sent.
    """
    most = max(1, min(MOST_IMAGES, scale.files // TOKENS_OF_AN_IMAGE))
    images = await _images(_shown(history, files), store, most) if model.sees else {}
    found: dict[str, Material] = {}
    left = scale.whole
    for message in reversed(history):
        if message.id in files and left > 0:
            whole = (await read([message.id])).get(message.id, ())
            made = await asyncio.to_thread(_material, whole, model, scale.files, images)
            found[message.id] = made
            left -= made.tokens(message.id)
    return found


def _material(
    files: Sequence[Attachment], model: Model, most: int, images: Mapping[str, tuple[Image, ...]]
) -> Material:
    pictures = [file for file in files if file.seen_only]
    blind = [file.name for file in pictures if file.kind == "image" and not model.sees]
    text, cut = _fitting([_document(file) for file in files if _told(file, model)], most)
    sent = {file.id: images.get(file.id, ()) for file in pictures}
    seen = [(file.name, len(sent[file.id]), max(1, file.pages)) for file in pictures if model.sees]
    cut = cut or any(given < pages for _, given, pages in seen)
    cut = cut or any(file.cut for file in files if file.text)
    shown = tuple(image for file in pictures for image in sent[file.id])
    return Material(text + unseen(blind) + partly(seen), shown, cut)


def _fitting(files: Sequence[Document], most: int) -> tuple[str, bool]:
    """At most so many tokens, however many characters that are in their language."""
    room = most * MOST_OF_A_TOKEN
    for _ in range(TRIES):
        text, cut = documents(files, room)
        size = estimate(text)
        if size <= most:
            break
        room = len(text) * most // size
    return text, cut


def _told(file: Attachment, model: Model) -> bool:
    """Whether words are said of it: of an image, only when there is trouble with it."""
    if file.kind == "image":
        return not file.seen_only
    return not (model.sees and file.seen_only)


def _document(file: Attachment) -> Document:
    return Document(file.name, file.text, file.trouble or ("" if file.text else "no_text"))


def _shown(
    history: Sequence[Message], files: Mapping[str, Sequence[Attachment]]
) -> list[Attachment]:
    """Newest first. What came with a question that failed is not sent with the next one.

    Else one image that a provider refuses would end the conversation.
    """
    found: list[Attachment] = []
    after: Message | None = None
    for message in reversed(history):
        failed = after is not None and after.state == "failed" and not after.text
        if not failed:
            found += files.get(message.id, ())
        after = message
    return found


async def _images(
    files: Sequence[Attachment], store: Store | None, most: int
) -> dict[str, tuple[Image, ...]]:
    """Of each file, as far as there is room; of a scan perhaps only its first pages."""
    found: dict[str, tuple[Image, ...]] = {}
    count = size = 0
    for file, name in ((each, name) for each in files for name in each.seen_only):
        if count == most:
            break
        try:
            data = await content(store, f"{file.file}.{name}") if store else b""
        except FileNotFoundError:  # the page says that it is missing
            continue
        image = Image(file.pictures[name], data)
        count, size = count + 1, size + len(image.data)
        if size > MOST_BYTES:
            break
        found[file.id] = (*found.get(file.id, ()), image)
    return found
