"""What files add to a prompt: texts in front of what was written, images beside it."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from chat.attachments.domain import Attachment
from chat.attachments.prompting import Document, documents, unseen
from chat.attachments.store import Store, content
from chat.conversations.context import Measure, room
from chat.conversations.domain import Message
from chat.providers.domain import Image, Model
from chat.providers.tokens import counted

SHARE = 0.6  # of a prompt's room that the files of one message may have
CHARACTERS_OF_A_TOKEN = 3  # errs on the safe side for most languages
TOKENS_OF_AN_IMAGE = 1_300
MOST_IMAGES, MOST_BYTES = 20, 20_000_000  # of a prompt: the newest


@dataclass(frozen=True, slots=True)
class Material:
    """Of one message. `cut`: its files are longer than what the model is given of them."""

    text: str = ""
    images: tuple[Image, ...] = ()
    cut: bool = False

    def tokens(self, message_id: str) -> int:
        """About how many, by our estimate."""
        return counted(f"files {message_id}", self.text) + TOKENS_OF_AN_IMAGE * len(self.images)


async def gathered(
    history: Sequence[Message],
    files: Mapping[str, Sequence[Attachment]],
    model: Model,
    measure: Measure,
    store: Store,
) -> dict[str, Material]:
    """By message, what the files of a history are to this model. Unavailable without the store.

    The same files and the same room give the same text: the next prompt begins as this one did.
    """
    most = int(room(model, measure) * SHARE * CHARACTERS_OF_A_TOKEN)
    images = await _images(_shown(history, files), store) if model.sees else {}
    return {
        message.id: _material(files[message.id], model, most, images)
        for message in history
        if message.id in files
    }


def _material(
    files: Sequence[Attachment], model: Model, most: int, images: Mapping[str, tuple[Image, ...]]
) -> Material:
    pictures = [file for file in files if _names(file)]
    blind = [file.name for file in pictures if file.kind == "image" and not model.sees]
    text, cut = documents([_document(file) for file in files if _told(file, model)], most)
    sent = tuple(image for file in pictures for image in images.get(file.id, ()))
    return Material(text + unseen(blind), sent, cut or any(file.cut for file in files))


def _told(file: Attachment, model: Model) -> bool:
    """Whether words are said of it: of an image, only when there is trouble with it."""
    if file.kind == "image":
        return not _names(file)
    return not (model.sees and _names(file))


def _document(file: Attachment) -> Document:
    return Document(file.name, file.text, file.trouble or ("" if file.text else "no_text"))


def _names(file: Attachment) -> list[str]:
    """What a model that sees gets of it: the image made for it, or the pages of a scan."""
    pictures = file.pictures
    return [name for name in pictures if name == "model" or name.startswith("page")]


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


async def _images(files: Sequence[Attachment], store: Store) -> dict[str, tuple[Image, ...]]:
    found: dict[str, tuple[Image, ...]] = {}
    count = size = 0
    for file in files:
        images = []
        for name in _names(file):
            with suppress(FileNotFoundError):  # the page says that it is missing
                images.append(
                    Image(file.pictures[name], await content(store, f"{file.file}.{name}"))
                )
        count, size = count + len(images), size + sum(len(image.data) for image in images)
        if count > MOST_IMAGES or size > MOST_BYTES:
            break
        found[file.id] = tuple(images)
    return found
