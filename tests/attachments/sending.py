"""Files on their way: as a browser sends them, or as nobody should."""

from collections.abc import Iterable
from io import BytesIO

import aiohttp

from tests.people import PARTIAL, Answer, Person


def form(files: Iterable[tuple[str, bytes]], **fields: str) -> aiohttp.FormData:
    """A form as browsers send it, the files last."""
    made = aiohttp.FormData(quote_fields=False)
    for name, value in fields.items():
        made.add_field(name, value)
    for name, data in files:
        made.add_field("files", BytesIO(data), filename=name, content_type="text/html")
    return made


async def upload(person: Person, *files: tuple[str, bytes]) -> Answer:
    return await post(person, "/attachments", form(files))


async def post(person: Person, path: str, body: object, *, partial: bool = True) -> Answer:
    headers = {"Origin": person.base, "Sec-Fetch-Site": "same-origin"}
    return await person._ask(
        "POST", path, data=body, headers=headers | (PARTIAL if partial else {})
    )


def ids_of(answer: Answer) -> list[str]:
    """Ids of the chips in an answer."""
    return [str(field["value"]) for field in answer.html.select("input[name=attachment]")]


async def uploaded(person: Person, name: str = "notes.txt", data: bytes = b"Some notes.") -> str:
    answer = await upload(person, (name, data))
    assert answer.status == 200, answer.text
    return ids_of(answer)[0]
