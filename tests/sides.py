"""One question to several models, as a form with several fields `model` asks it."""

import secrets

from tests.people import PARTIAL, Answer, Person
from tests.raw import ask

TINY, LARGE, GUIDE = "openai/tiny", "openai/large", "guide/guide"


async def compare(
    person: Person, *models: str, text: str = "Which one?", talk: str = "", **fields: str
) -> Answer:
    """The question as a fragment request."""
    form = [("text", text), ("key", secrets.token_hex(8))]
    form = [(name, fields.pop(name, value)) for name, value in form]
    form += [("model", model) for model in models] + list(fields.items())
    path = f"/conversations/{talk}/messages" if talk else "/conversations"
    return await ask(person, "POST", path, PARTIAL, data=form)


def replies_of(page: Answer, selector: str = ".sides") -> list[str]:
    """Ids of the replies that stand side by side, in the order of their columns."""
    return [str(each["data-reply"]) for each in page.html.select(f"{selector} [data-reply]")]


def chosen_of(page: Answer) -> list[str]:
    """Ids of the replies from which the conversation goes on."""
    found = page.html.select(".sides [data-reply]:not(:has(form.choose))")
    return [str(each["data-reply"]) for each in found]


def said_by(page: Answer) -> list[str]:
    return [
        " ".join(part.get_text(" ").split())
        for part in page.html.select(".sides [data-reply] [data-part=text]")
    ]
