"""What is refused or breaks is told in plain words, as a page or a fragment, and no more."""

import re
from collections.abc import Callable
from io import BytesIO

import pytest

from tests.conftest import SiteMaker
from tests.people import PARTIAL, Answer, Person
from tests.raw import ask
from tests.rows import change
from tests.site import Site

INTERNALS = ("Traceback", "sqlite", "SELECT", "chat/", ".py", "werkzeug", "quart", "hypercorn")
POLICY = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def assert_no_internals(answer: Answer) -> None:
    for word in INTERNALS:
        assert word.lower() not in answer.text.lower().replace("quarto", ""), word


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/conversations/x",
        "/assets/app.css",
        "/../etc/passwd",
        "/%2e%2e/etc/passwd",
        "/static/css/base.css",
        "/.env",
    ],
)
async def test_what_is_not_there_is_404(ada: Person, path: str) -> None:
    page = await ada.get(path)
    fragment = await ada.get(path, headers=PARTIAL)

    assert page.status == fragment.status == 404
    assert page.words("h1") == "This page does not exist, or it is not yours."
    assert page.one("main a.button")["href"] == "/"
    assert fragment.words(".notice") == page.words("h1")
    assert not fragment.html.select("html")
    assert_no_internals(page)
    assert_no_internals(fragment)


async def test_who_is_not_signed_in_gets_the_same_404(
    site: Site, people: Callable[..., Person]
) -> None:
    assert (await people(site).get("/nowhere")).status == 404


@pytest.mark.parametrize(("method", "path"), [("GET", "/logout"), ("POST", "/"), ("PUT", "/login")])
async def test_another_method_is_405_and_names_those_that_work(
    ada: Person, method: str, path: str
) -> None:
    page = await ask(ada, method, path)
    fragment = await ask(ada, method, path, PARTIAL)

    assert page.status == fragment.status == 405
    assert method not in page.headers["Allow"].split(", ")
    assert page.words("h1") == fragment.words(".notice") == "This request makes no sense here."
    assert_no_internals(page)


async def test_too_much_is_413(ada: Person) -> None:
    refused = await ask(ada, "POST", "/conversations", data=BytesIO(b"text=" + b"x" * 2_000_000))

    assert refused.status == 413
    assert_no_internals(refused)


@pytest.fixture
async def broken(make_site: SiteMaker, people: Callable[..., Person]) -> Person:
    """Signed in where a table has gone missing."""
    site = await make_site()
    person = people(site)
    await person.register()
    await change(site, "ALTER TABLE conversations RENAME TO lost")
    return person


async def test_a_breakdown_is_500_and_says_nothing_of_the_cause(
    broken: Person, caplog: pytest.LogCaptureFixture
) -> None:
    page = await broken.get("/conversations")
    fragment = await broken.get("/conversations", headers=PARTIAL)

    assert page.status == fragment.status == 500
    assert page.words("h1") == "Something broke on our side. It has been noted."
    assert fragment.words(".notice") == page.words("h1")
    assert_no_internals(page)
    assert_no_internals(fragment)
    assert re.search(r"no such table: conversations|UndefinedTableError", caplog.text)


async def test_a_breakdown_gives_back_what_was_typed(broken: Person) -> None:
    page = await broken.post("/conversations", {"text": "Two hours\n  of <work>"})

    assert page.status == 500
    assert page.one("textarea").get_text().replace("\r\n", "\n").strip("\n") == (
        "Two hours\n  of <work>"
    )


async def test_every_answer_carries_the_headers(
    site: Site, ada: Person, broken: Person, people: Callable[..., Person]
) -> None:
    """S081, S082"""
    anonymous = people(site)
    css = (await ada.get("/")).one("link[rel=stylesheet]")["href"]
    sent = await ada.send("Hello")
    reply = sent.one("[data-reply]")["data-reply"]
    await ada.watched(str(reply))
    answers = {
        200: await ask(ada, "GET", "/"),
        201: await ask(ada, "GET", str(css)),
        202: await ask(ada, "GET", f"/replies/{reply}/stream"),
        303: await ask(anonymous, "GET", "/account"),
        401: await ask(anonymous, "POST", "/conversations", data={"text": "x"}),
        403: await ask(ada, "POST", "/logout", {"Sec-Fetch-Site": "cross-site"}),
        404: await ask(ada, "GET", "/nowhere"),
        405: await ask(ada, "GET", "/logout"),
        413: await ask(ada, "POST", "/login", data=BytesIO(b"x" * 2_000_000)),
        422: await ask(anonymous, "POST", "/login", data={}),
        500: await ask(broken, "GET", "/conversations"),
    }
    for status, answer in answers.items():
        assert answer.status == (status if status > 202 else 200)
        for name, value in POLICY.items():
            assert answer.headers[name] == value, (status, name)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
        assert "unsafe" not in policy
        assert "camera=()" in answer.headers["Permissions-Policy"]
        assert "Server" not in answer.headers
        assert not [name for name in answer.headers if name.startswith("Access-Control")]
        kept = "public" if status == 201 else "no-store"
        assert kept in answer.headers["Cache-Control"], status


async def test_pages_hold_no_script_and_no_style_of_their_own(
    site: Site, ada: Person, people: Callable[..., Person]
) -> None:
    """S083: the policy forbids them, so none may be there to be forbidden."""
    sent = await ada.send("Hello")
    await ada.watched(str(sent.one("[data-reply]")["data-reply"]))
    anonymous = people(site)
    pages = [
        await ada.get(sent.headers["HX-Push-Url"]),
        *[await ada.get(path) for path in ("/", "/account", "/conversations", "/nowhere")],
        *[await anonymous.get(path) for path in ("/", "/login", "/register")],
    ]
    for page in pages:
        assert page.html.select("script:not([src]), style, [style]") == []
        for element in page.html.find_all():
            inline = [name for name in element.attrs if name.startswith(("on", "hx-on"))]
            assert inline == [], element


@pytest.mark.parametrize("path", ["/presets//x", "/conversations//x/title", "/presets/%2Fx"])
async def test_s089_no_answer_leads_to_where_the_host_header_says(ada: Person, path: str) -> None:
    for method in ("GET", "POST"):
        answer = await ask(ada, method, path, {"Host": "localhost:9"})

        assert answer.status == 404
        assert "Location" not in answer.headers
