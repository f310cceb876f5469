"""An account is deleted while something for it is still on its way: that is refused, not broken."""

from collections.abc import AsyncIterator, Callable

import pytest

from tests.people import PASSWORD, Person
from tests.raw import ask
from tests.rows import count
from tests.site import Site


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/conversations", "text=Two+hours+of+work&model=openai/tiny&key=k"),
        ("/account/instructions", "system=Be+brief"),
        ("/presets", "name=Vet&system=Be+brief"),
        ("/account/keys", "provider=openai&key=sk-of-adas-own-4711"),
    ],
)
async def test_r43_what_arrives_when_the_account_is_gone_is_refused(
    site: Site, ada: Person, people: Callable[..., Person], path: str, form: str
) -> None:
    phone = people(site, ada.email)
    await phone.log_in()

    async def slowly() -> AsyncIterator[bytes]:
        yield form[:4].encode()
        await phone.post("/account/deletion", {"password": PASSWORD})
        yield form[4:].encode()

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await ask(ada, "POST", path, headers, data=slowly())

    assert answer.status == 404
    assert path != "/conversations" or "Two hours of work" in answer.text


async def test_r43_a_file_that_arrives_when_the_account_is_gone_is_not_kept(
    site: Site, ada: Person, people: Callable[..., Person]
) -> None:
    phone = people(site, ada.email)
    await phone.log_in()
    before = await count(site, "files")

    async def slowly() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\nlate'
        await phone.post("/account/deletion", {"password": PASSWORD})
        yield b" words\r\n--b--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = await ask(ada, "POST", "/attachments", headers, data=slowly())

    assert answer.status == 404
    assert await count(site, "files") == before
