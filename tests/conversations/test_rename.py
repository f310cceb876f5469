"""A conversation gets another title."""

import pytest

from tests.people import Person, conversation_of, reply_of
from tests.raw import ask
from tests.rows import rows
from tests.site import Site
from tests.talks import add_talks


async def title(site: Site, talk: str) -> str:
    return str(
        (await rows(site, "SELECT title FROM conversations WHERE id = :id", id=talk))[0]["title"]
    )


async def test_the_first_words_are_the_first_title(site: Site, ada: Person) -> None:
    long = "How do I teach\n  my elderly neighbour to use a telephone that has no keys at all?"

    sent = await ada.send(long)
    await ada.watched(reply_of(sent))

    kept = await title(site, conversation_of(sent))
    assert kept == "How do I teach my elderly neighbour to use a telephone that…"
    assert sent.words("h1") == kept


async def test_the_new_title_is_shown_in_both_places(site: Site, ada: Person) -> None:
    talk = (await add_talks(site, ada, 1))[0]

    renamed = await ada.partial(f"/conversations/{talk}/title", {"title": "Whales & <b>song</b>"})

    assert renamed.status == 200
    assert renamed.words(f"#title-{talk} h1") == "Whales & <b>song</b>"
    assert renamed.words("#history [aria-current=page]") == "Whales & <b>song</b>"
    assert await title(site, talk) == "Whales & <b>song</b>"


async def test_without_scripts_it_leads_back_to_the_conversation(site: Site, ada: Person) -> None:
    talk = (await add_talks(site, ada, 1))[0]

    answer = await ask(ada, "POST", f"/conversations/{talk}/title", data={"title": "New"})

    assert answer.status == 303
    assert answer.headers["Location"] == f"/conversations/{talk}"
    assert (await ada.get(f"/conversations/{talk}")).words("h1") == "New"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("  two \t words\n", "two words"),
        ("a\x00b", "ab"),
        ("x" * 200, "x" * 200),
        ("\u202egnitset", "\u202egnitset"),
    ],
)
async def test_a_title_is_one_clean_line(site: Site, ada: Person, given: str, kept: str) -> None:
    talk = (await add_talks(site, ada, 1))[0]

    await ada.partial(f"/conversations/{talk}/title", {"title": given})

    assert await title(site, talk) == kept


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "at least one character"),
        (" \n\t", "at least one character"),
        ("\x00", "at least one character"),
        ("x" * 201, "at most 200 characters"),
    ],
)
async def test_a_title_that_is_none_is_refused(
    site: Site, ada: Person, given: str, words: str
) -> None:
    talk = (await add_talks(site, ada, 1))[0]

    refused = await ada.partial(f"/conversations/{talk}/title", {"title": given})

    assert refused.status == 422
    assert words in refused.words(".notice")
    assert await title(site, talk) == "Talk 0"
