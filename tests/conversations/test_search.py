"""The history is searched: titles and messages of one's own."""

import pytest

from tests.conversations.test_history import older, shown
from tests.people import PARTIAL, Person, conversation_of, reply_of
from tests.rows import change
from tests.site import Site
from tests.talks import add_messages, add_talks
from tests.upstream import Answer, Upstream


async def test_it_finds_words_of_questions_answers_and_titles(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    upstream.will(Answer(["The capybara swims."]))
    sent = await ada.send("Which rodent swims best?")
    await ada.watched(reply_of(sent))
    talk = conversation_of(sent)
    await ada.post(f"/conversations/{talk}/title", {"title": "Water sports"})
    await add_talks(site, ada, 3)

    for q in ("rodent", "CAPYBARA", "water", "ber swim"[4:], "  rodent  "):
        assert shown(await ada.get("/conversations", params={"q": q})) == [talk], q


async def test_nothing_found_says_so_with_the_words_as_text(ada: Person) -> None:
    page = await ada.get("/conversations", params={"q": "<b>no</b> such thing"})

    assert shown(page) == []
    assert page.words("#history") == "Nothing found for “<b>no</b> such thing”."
    assert page.one("main input[name=q]")["value"] == "<b>no</b> such thing"


@pytest.mark.parametrize("sign", ["%", "_", "\\", "'", '"', "100%", "a_b", "\\%"])
async def test_signs_mean_themselves(site: Site, ada: Person, sign: str) -> None:
    ids = await add_talks(site, ada, 3)
    before = shown(await ada.get("/conversations", params={"q": sign}))
    await change(site, "UPDATE conversations SET title = :t WHERE id = :id", t=sign, id=ids[1])

    found = shown(await ada.get("/conversations", params={"q": sign}))

    assert before == []
    assert found == [ids[1]]


@pytest.mark.parametrize("q", ["água", "ÁGUA", "čeština", "ПОГОДА", "日本"])
async def test_capitals_are_no_matter_in_any_script(site: Site, ada: Person, q: str) -> None:
    ids = await add_talks(site, ada, 2)
    title = "Água fria, ČEŠTINA, погода, 日本語"
    await change(site, "UPDATE conversations SET title = :t WHERE id = :id", t=title, id=ids[0])

    assert shown(await ada.get("/conversations", params={"q": q})) == [ids[0]]


async def test_archived_ones_are_found(site: Site, ada: Person) -> None:
    ids = await add_talks(site, ada, 2, "Needle")
    await change(site, "UPDATE conversations SET archived = 1 WHERE id = :id", id=ids[0])

    assert shown(await ada.get("/conversations?q=needle")) == [ids[1], ids[0]]


async def test_pages_of_what_is_found_keep_the_words(site: Site, ada: Person) -> None:
    await add_talks(site, ada, 40, "Needle")
    await add_talks(site, ada, 40, "Hay")

    first = await ada.get("/conversations?q=needle", headers=PARTIAL)
    second = await ada.get(older(first), headers=PARTIAL)

    assert (len(shown(first)), len(shown(second))) == (30, 10)
    assert "q=needle" in older(first)
    assert "Hay" not in first.text + second.text


async def test_nobody_else_s_are_found(site: Site, ada: Person, eve: Person) -> None:
    talk = (await add_talks(site, ada, 1, "Secret needle"))[0]
    await add_messages(site, ada, talk, 4)

    for q in ("needle", "message", "%", ""):
        assert shown(await eve.get("/conversations", params={"q": q})) == []


@pytest.mark.parametrize("q", ["\x00", "x" * 5_000, "\n", "🦫", "{{7*7}}", "%ED%A0%80"])
async def test_odd_words_do_no_harm(ada: Person, q: str) -> None:
    page = await ada.get("/conversations", params={"q": q})

    assert page.status == 200
    assert "49" not in page.words("#history")
