"""Own instructions: what the model is told, what the pages say, what is refused."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import ON_SQLITE, SiteMaker
from tests.people import Person, conversation_of, reply_of
from tests.raw import ask
from tests.rows import change, count, rows
from tests.site import Site
from tests.talks import add_talks
from tests.upstream import Answer, Upstream

USUAL = "I am a vet in Évora.\nAnswer in short sentences."
HERE = "This is about horses."


@pytest.fixture(autouse=True)
def _nothing_left_over(upstream: Upstream) -> None:
    upstream.answers.clear()


async def tell(person: Person, where: str, **form: str) -> None:
    saved = await person.post(f"{where}/instructions", form)
    assert saved.status == 200
    assert saved.words("[role=status]") == "Saved. The next reply follows it."


async def said(person: Person, upstream: Upstream, text: str, talk: str = "") -> dict[str, Any]:
    """What the provider was asked."""
    sent = await person.send(text, talk)
    await person.watched(reply_of(sent))
    return {**upstream.asked[-1], "talk": talk or conversation_of(sent),
            "reply": reply_of(sent)}  # fmt: skip


def told(asked: dict[str, Any]) -> str:
    first = asked["messages"][0]
    return str(first["content"]) if first["role"] == "system" else ""


async def test_nothing_is_told_and_no_figure_sent_unless_somebody_says_so(
    ada: Person, upstream: Upstream
) -> None:
    asked = await said(ada, upstream, "Hello")
    assert told(asked) == ""
    assert not {"temperature", "max_tokens", "max_completion_tokens"} & asked.keys()


async def test_the_accounts_come_first_then_the_conversations_whose_figures_win(
    ada: Person, upstream: Upstream
) -> None:
    begun = await said(ada, upstream, "Hello")
    talk = str(begun["talk"])
    await tell(ada, "/account", system=f"\n{USUAL}\r\n ", temperature="0.7", max_output="900")

    usual = await said(ada, upstream, "Hello", talk)
    await tell(ada, f"/conversations/{talk}", system=HERE, temperature="0,25")
    both = await said(ada, upstream, "Hello", talk)
    again = await said(ada, upstream, "Hello", talk)
    elsewhere = await said(ada, upstream, "Hello")

    assert (told(usual), usual["temperature"], usual["max_tokens"]) == (USUAL, 0.7, 900)
    assert told(both) == told(again) == f"{USUAL}\n\n{HERE}", "the same to the byte"
    assert (both["temperature"], both["max_tokens"]) == (0.25, 900)
    assert (told(elsewhere), elsewhere["temperature"]) == (USUAL, 0.7)


async def test_every_way_to_an_answer_follows_them(ada: Person, upstream: Upstream) -> None:
    """A retry, a changed question and the rest of an answer are asked as of now."""
    upstream.will(Answer(["Half an "], reason="length"))
    begun = await said(ada, upstream, "Hello")
    await tell(ada, "/account", system=USUAL, temperature="1")

    for path in (f"/replies/{begun['reply']}/continuation", f"/replies/{begun['reply']}/retry"):
        answer = await ada.partial(path)
        await ada.watched(reply_of(answer))
        assert told(upstream.asked[-1]) == USUAL, path
        assert upstream.asked[-1]["temperature"] == 1
    page = await ada.get(f"/conversations/{begun['talk']}")
    question = str(page.one("[data-role=user]")["id"]).removeprefix("m-")
    form = {"text": "Changed", "model": "openai/tiny", "key": "k"}
    edited = await ada.post(f"/messages/{question}/versions", form)
    await ada.watched(reply_of(edited))
    assert told(upstream.asked[-1]) == USUAL
    assert upstream.asked[-1]["messages"][-1]["content"] == "Changed"


async def test_the_pages_say_what_is_sent_and_hold_what_was_saved(
    ada: Person, upstream: Upstream
) -> None:
    talk = str((await said(ada, upstream, "Hello"))["talk"])
    page = await ada.get(f"/conversations/{talk}/instructions")
    assert "You have no usual instructions" in page.words(".soft")

    await tell(ada, "/account", system=f"\n{USUAL}", temperature="2.0", max_output="0100")
    mine = await ada.get("/account/instructions")
    page = await ada.get(f"/conversations/{talk}/instructions")
    account, header = await ada.get("/account"), await ada.get(f"/conversations/{talk}")

    # A parser drops the first line end of a textarea: what follows is what a form sends.
    assert mine.one("textarea[name=system]").get_text().removeprefix("\n") == USUAL
    assert (mine.one("[name=temperature]")["value"], mine.one("[name=max_output]")["value"]) == (
        "2",
        "100",
    )
    assert "told your usual instructions first, then these" in page.words(".soft")
    assert page.one("textarea[name=system]").get_text().strip() == ""
    assert account.html.select("a[href='/account/instructions']")
    assert header.html.select(f".menu a[href='/conversations/{talk}/instructions']")


async def test_they_can_be_taken_back(ada: Person, upstream: Upstream) -> None:
    await tell(ada, "/account", system=USUAL, temperature="0.7", max_output="5")
    await tell(ada, "/account", system=" \n ", temperature="", max_output=" ")

    asked = await said(ada, upstream, "Hello")
    assert told(asked) == "" and not {"temperature", "max_tokens"} & asked.keys()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("system", "x" * 20_001, "at most 20000 characters, and these have 20001"),
        ("temperature", "warm", "a number from 0 to 2"),
        ("temperature", "2.01", "a number from 0 to 2"),
        ("temperature", "-1", "a number from 0 to 2"),
        ("temperature", "nan", "a number from 0 to 2"),
        ("temperature", "1e0", "a number from 0 to 2"),
        ("temperature", "٣", "a number from 0 to 2"),
        ("max_output", "0", "from 1 to 1000000"),
        ("max_output", "1.5", "from 1 to 1000000"),
        ("max_output", "1000001", "from 1 to 1000000"),
        ("max_output", "9" * 5_000, "from 1 to 1000000"),
    ],
)
@ON_SQLITE
async def test_what_cannot_be_is_refused_with_everything_typed(
    site: Site, ada: Person, field: str, value: str, words: str
) -> None:
    (talk,) = await add_talks(site, ada, 1)
    form = {"system": "Kept <b>&", "temperature": "0.5", "max_output": "7", field: value}
    for path in ("/account", f"/conversations/{talk}"):
        refused = await ada.post(f"{path}/instructions", form)

        assert refused.status == 422
        assert words in refused.words(".problem[role=alert]")
        assert refused.one("[name=system]").get_text().strip() == form["system"]
        for name in ("temperature", "max_output"):
            assert refused.one(f"[name={name}]")["value"] == form[name]
    assert await count(site, "conversation_instructions", "conversation_id = :id", id=talk) == 0


async def test_odd_text_is_kept_as_text_for_all(ada: Person, upstream: Upstream) -> None:
    odd = "</textarea><script>alert(1)</script>\x00\ud800{{ 7*7 }} %(model)s \u202e"
    await ada.post("/account/instructions", {"system": odd.replace("\ud800", "")})

    page = await ada.get("/account/instructions")
    asked = await said(ada, upstream, "Hello")

    assert "<script>alert" not in page.text
    assert told(asked) == odd.replace("\x00", "").replace("\ud800", "")


async def test_they_go_with_their_conversation_and_their_account(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    talk = str((await said(ada, upstream, "Hello"))["talk"])
    await tell(ada, f"/conversations/{talk}", system=HERE)
    await tell(ada, "/account", system=HERE)

    await ada.post(f"/conversations/{talk}/deletion")
    assert await count(site, "conversation_instructions", "conversation_id = :id", id=talk) == 0
    await change(site, "DELETE FROM accounts WHERE email = :email", email=ada.email)
    orphans = "account_id NOT IN (SELECT id FROM accounts)"
    assert await count(site, "account_instructions", orphans) == 0


@ON_SQLITE
async def test_a_figure_that_is_refused_is_left_out_for_good_when_the_model_knows_none_of_it(
    make_site: SiteMaker, upstream: Upstream, people: Callable[..., Person]
) -> None:
    """What is out of range is one person's mistake: it is left out for them, this time."""
    site = await make_site()
    ada = people(site)
    await ada.register()
    await tell(ada, "/account", temperature="1.9", max_output="999999")
    words = {"unsupported": "Unsupported parameter: 'temperature' is not supported here.",
             "range": "max_tokens is too large: 999999. At most 8192 are possible."}  # fmt: skip
    for name, sent_again in (("range", {"max_tokens"}), ("unsupported", set())):
        error = {"message": words[name], "type": "invalid_request_error"}
        upstream.will(Answer(status=400, error=error))
        await said(ada, upstream, "Hello")
        asked = await said(ada, upstream, "Hello")
        assert ("max_tokens" in asked) is True, name
        assert ("temperature" in asked) is (name == "range")
        assert sent_again <= asked.keys()


async def test_without_scripts_a_save_leads_back_to_its_page(site: Site, ada: Person) -> None:
    (talk,) = await add_talks(site, ada, 1)
    for path in ("/account/instructions", f"/conversations/{talk}/instructions"):
        answer = await ask(ada, "POST", path, data={"system": "x"})
        assert (answer.status, answer.headers["Location"]) == (303, f"{path}?saved=1")
    assert len(await rows(site, "SELECT * FROM conversation_instructions "
                                "WHERE conversation_id = :id", id=talk)) == 1  # fmt: skip
