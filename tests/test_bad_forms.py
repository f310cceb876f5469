"""S025, S050: whatever is posted to whatever takes forms, it is refused, and nothing fails."""

import secrets
from collections.abc import Callable, Iterator
from urllib.parse import quote_from_bytes

import pytest
from werkzeug.routing import Rule

from tests.conftest import ON_SQLITE
from tests.people import PARTIAL, Person, conversation_of, reply_of
from tests.raw import ask
from tests.site import Site

TYPE = "Content-Type"
SPELT = {TYPE: "application/x-www-form-urlencoded"}
HEAD = b'--b\r\nContent-Disposition: form-data; name="text"'
FIELDS = """attachment before closed current discard email files flow held key language max_tokens
model name next notice on parent password plan preset provider system temperature text theme title
top_p until""".split()
VALUES = {
    "NUL": b"a\0b",
    "a lone surrogate": b"\xed\xa0\x80",
    "no UTF-8": b"\xff\xfe",
    "a huge number": b"1" + b"0" * 20,
    "infinity": b"1e999",
    "markup": b'"><script>alert(1)</script>',
    "line ends": b"a\r\nSet-Cookie: x=1",
    "5 kB": b"x" * 5_000,
}


def damaged() -> Iterator[tuple[str, dict[str, str], bytes]]:
    """Forms that break off or never were any: name, headers, body."""
    form = {TYPE: "multipart/form-data; boundary=b"}
    yield "broken off in a head", form, HEAD
    yield "no boundary", {TYPE: "multipart/form-data"}, HEAD
    yield "an empty boundary", {TYPE: 'multipart/form-data; boundary="'}, HEAD
    yield "300 parts", form, (HEAD + b"\r\n\r\n\r\n") * 300 + b"--b--\r\n"
    yield "a file for a word", form, HEAD + b'; filename="x"\r\n\r\nx\r\n--b--\r\n'
    yield "no form", {TYPE: "application/json"}, b'{"text": ["x"]}'
    yield "no fields", SPELT, b"&=&%zz=%&" * 100


def hostile() -> Iterator[tuple[str, dict[str, str], bytes]]:
    """The same odd value in every field, twice."""
    for name, value in VALUES.items():
        fields = [f"{field}={quote_from_bytes(value)}" for field in FIELDS] * 2
        yield name, SPELT, "&".join(fields).encode()


@pytest.fixture
async def paths(site: Site, ada: Person) -> list[str]:
    """Every address of hers that takes a form."""
    sent = await ada.send("Hello")
    await ada.watched(reply_of(sent))
    await ada.post("/presets", {"name": "Vet"})
    preset = str((await ada.get("/presets")).one("a[href^='/presets/']")["href"]).split("/")[2]
    question = str(sent.one("[data-role=user]")["id"]).removeprefix("m-")
    hers = {"conversation_id": conversation_of(sent), "reply_id": reply_of(sent)}
    hers |= {"message_id": question, "preset_id": preset}
    rules = site.app.url_map.iter_rules()
    return sorted(_path(rule, hers) for rule in rules if "POST" in (rule.methods or ()))


@ON_SQLITE
@pytest.mark.parametrize("signed_in", [True, False], ids=["ada", "nobody"])
async def test_a_damaged_form_breaks_nothing(
    site: Site, ada: Person, people: Callable[..., Person], paths: list[str], signed_in: bool
) -> None:
    person = ada if signed_in else people(site)

    assert await _failed(person, paths, damaged()) == []


async def test_a_hostile_value_breaks_nothing(site: Site, ada: Person, paths: list[str]) -> None:
    assert await _failed(ada, paths, hostile()) == []


def _path(rule: Rule, ids: dict[str, str]) -> str:
    path = str(rule.rule)
    for name in rule.arguments:
        path = path.replace(f"<{name}>", ids.get(name, "%ED%A0%80%00"))
    return path


async def _failed(
    person: Person, paths: list[str], forms: Iterator[tuple[str, dict[str, str], bytes]]
) -> list[tuple[str, str, int]]:
    """Which answers were no refusal, and no page either."""
    found = []
    for case, headers, body in forms:
        for path in paths:
            if path != "/logout":
                shape = secrets.choice(({}, PARTIAL))
                answer = await ask(person, "POST", path, {**headers, **shape}, data=body)
                if answer.status >= 500 or "<script>alert" in answer.text:
                    found.append((case, path, answer.status))
    return found
