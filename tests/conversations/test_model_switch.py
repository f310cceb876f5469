"""Another model is picked: what the next message will use."""

import pytest

from tests.people import Answer, Person, conversation_of, reply_of
from tests.raw import ask
from tests.rows import change, rows
from tests.site import Site
from tests.talks import add_talks
from tests.upstream import Upstream


def chosen(page: Answer) -> str:
    return str(page.one("#picker select[name=model] option[selected]")["value"])


async def test_it_answers_with_the_picker(site: Site, ada: Person) -> None:
    talk = (await add_talks(site, ada, 1))[0]

    switched = await ada.partial(f"/conversations/{talk}/model", {"model": "openai/large"})

    assert switched.status == 200
    assert switched.text.lstrip().startswith('<div id="picker">')
    assert chosen(switched) == "openai/large"
    assert chosen(await ada.get(f"/conversations/{talk}")) == "openai/large"


async def test_the_picker_groups_models_by_provider(ada: Person) -> None:
    page = await ada.get("/")

    groups = {
        str(group["label"]): [str(option["value"]) for option in group.select("option")]
        for group in page.html.select("#picker optgroup")
    }
    assert list(groups.values()) == [["openai/tiny", "openai/large"], ["guide/guide"]]


async def test_it_says_what_a_model_is_good_for(site: Site, ada: Person) -> None:
    talk = (await add_talks(site, ada, 1))[0]

    switched = await ada.partial(f"/conversations/{talk}/model", {"model": "guide/guide"})

    assert (
        switched.words("#picker > small:not(.blind)")
        == "No language model: explains how to connect one"
    )


async def test_the_next_message_goes_to_it(ada: Person, upstream: Upstream) -> None:
    sent = await ada.send("Hello")
    await ada.watched(reply_of(sent))
    talk = conversation_of(sent)

    await ada.partial(f"/conversations/{talk}/model", {"model": "openai/large"})
    page = await ada.get(f"/conversations/{talk}")
    later = await ada.send("Again", talk, model=chosen(page))
    await ada.watched(reply_of(later))

    assert upstream.asked[-1]["model"] == "large"
    assert later.one("[data-reply]")["data-model"] == "large"
    assert sent.one("[data-reply]")["data-model"] == "tiny"


async def test_without_scripts_it_leads_back_to_the_conversation(site: Site, ada: Person) -> None:
    talk = (await add_talks(site, ada, 1))[0]
    path = f"/conversations/{talk}"

    answer = await ask(ada, "POST", f"{path}/model", data={"model": "openai/large"})

    assert answer.status == 303
    assert answer.headers["Location"] == path


@pytest.mark.parametrize("model", ["", "nobody/knows", "large", "openai/", "x" * 5_000, "\x00"])
async def test_an_unknown_one_is_refused(site: Site, ada: Person, model: str) -> None:
    talk = (await add_talks(site, ada, 1))[0]

    for path in (f"/conversations/{talk}/model", "/account/model"):
        refused = await ada.partial(path, {"model": model})
        assert refused.status == 422
        assert "not offered here" in refused.words(".notice")
    sql = "SELECT model FROM conversations WHERE id = :id"
    assert await rows(site, sql, id=talk) == [{"model": "openai/tiny"}]


async def test_the_account_remembers_it_for_the_next_conversation(ada: Person) -> None:
    switched = await ada.partial("/account/model", {"model": "openai/large"})

    assert chosen(switched) == "openai/large"
    assert chosen(await ada.get("/")) == "openai/large"


async def test_a_message_is_remembered_too(ada: Person) -> None:
    sent = await ada.send("Hello", model="openai/large")
    await ada.watched(reply_of(sent))

    assert chosen(await ada.get("/")) == "openai/large"


async def test_a_model_that_is_gone_is_named_and_another_one_offered(
    site: Site, ada: Person
) -> None:
    talk = (await add_talks(site, ada, 1))[0]
    sql = "UPDATE conversations SET model = 'openai/bygone' WHERE id = :id"
    await change(site, sql, id=talk)

    page = await ada.get(f"/conversations/{talk}")

    assert page.words("#picker > small:not(.blind)") == "bygone is not offered any more."
    assert chosen(page) == "openai/tiny"
