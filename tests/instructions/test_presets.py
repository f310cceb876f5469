"""Presets: made, begun with by their address, changed, deleted."""

from collections.abc import Callable

import pytest

from chat.instructions import presets
from tests.conftest import ON_SQLITE, SiteMaker
from tests.people import Person, conversation_of, reply_of
from tests.raw import ask
from tests.rows import change, count, rows
from tests.site import Site
from tests.upstream import Upstream

VET = {
    "name": "  The \n vet ",
    "model": "openai/large",
    "system": "You are a vet.",
    "temperature": "0.3",
    "max_output": "77",
}


async def preset(site: Site, person: Person, **form: str) -> str:
    """The id of a new one."""
    added = await person.post("/presets", {**VET, **form})
    assert added.status == 200
    sql = """SELECT p.id FROM presets p JOIN accounts a ON a.id = p.account_id
             WHERE email = :email ORDER BY p.created_at DESC, p.id"""
    return str((await rows(site, sql, email=person.email))[0]["id"])


async def test_a_conversation_begins_with_it(site: Site, ada: Person, upstream: Upstream) -> None:
    found = await preset(site, ada)
    page = await ada.get(f"/?preset={found}&text=My+horse+%3Cb%3Elimps")

    assert page.one("#composer [name=preset]")["value"] == found
    assert page.one("#model option[selected]")["value"] == "openai/large"
    assert page.one("#composer textarea").get_text().strip() == "My horse <b>limps"
    assert page.words(".presets [aria-current]") == "The vet"
    assert {str(each["value"]) for each in page.html.select(".starters [name=preset]")} == {found}
    before = len(upstream.asked)

    sent = await ada.send("My horse limps", model="openai/large", preset=found)
    await ada.watched(reply_of(sent))
    asked, talk = upstream.asked[-1], conversation_of(sent)

    assert len(upstream.asked) == before + 1, "the page itself sends nothing"
    assert asked["messages"][0] == {"role": "system", "content": "You are a vet."}
    assert (asked["model"], asked["temperature"], asked["max_tokens"]) == ("large", 0.3, 77)
    own = await ada.get(f"/conversations/{talk}/instructions")
    assert own.one("[name=system]").get_text().strip() == "You are a vet."
    await ada.post(f"/presets/{found}", {**VET, "system": "You are a duck."})
    await ada.post(f"/presets/{found}/deletion")
    later = await ada.send("And now?", talk)
    await ada.watched(reply_of(later))
    assert upstream.asked[-1]["messages"][0]["content"] == "You are a vet."


async def test_it_is_listed_changed_and_deleted(site: Site, ada: Person) -> None:
    found = await preset(site, ada)
    form = await ada.get(f"/presets/{found}")
    assert form.one("[name=name]")["value"] == "The vet"
    assert form.one("select[name=model] option[selected]")["value"] == "openai/large"
    assert (form.one("[name=temperature]")["value"], form.one("[name=max_output]")["value"]) == (
        "0.3",
        "77",
    )

    listed = await ada.post(f"/presets/{found}", {"name": "Nurse", "model": "", "system": "Care"})
    assert listed.words(".sessions a") == "Nurse"
    assert listed.one(".sessions a")["href"] == f"/?preset={found}"
    begun = await ada.get(f"/?preset={found}")
    assert begun.words(".presets") == "Nurse"
    gone = await ada.post(f"/presets/{found}/deletion")
    assert not gone.html.select(".sessions")
    assert (await ada.get(f"/?preset={found}")).status == 404
    assert not (await ada.get("/")).html.select(".presets")


async def test_one_that_is_gone_begins_nothing_and_what_was_typed_stays(
    site: Site, ada: Person
) -> None:
    found = await preset(site, ada)
    await ada.post(f"/presets/{found}/deletion")
    form = {"text": "My horse limps", "model": "openai/tiny", "key": "k", "preset": found}

    fragment = await ada.partial("/conversations", form)
    page = await ada.post("/conversations", form)

    assert fragment.status == page.status == 404
    assert "does not exist any more" in fragment.words(".notice")
    assert page.one("#composer textarea").get_text().strip() == "My horse limps"
    assert not page.html.select("#composer [name=preset]"), "sent again it begins without"
    sql = "account_id = (SELECT id FROM accounts WHERE email = :email)"
    assert await count(site, "conversations", sql, email=ada.email) == 0


async def test_a_refused_message_keeps_its_preset(site: Site, ada: Person) -> None:
    found = await preset(site, ada)
    form = {"text": " ", "model": "openai/tiny", "key": "k", "preset": found}

    refused = await ada.post("/conversations", form)

    assert refused.status == 422
    assert refused.one("#composer [name=preset]")["value"] == found


async def test_somebody_else_s_is_not_there(site: Site, ada: Person, eve: Person) -> None:
    found = await preset(site, ada)

    for asked in (found, "0" * 32, "x" * 5_000, "%00", "'"):
        page = await eve.get(f"/?preset={asked}")
        assert page.status == 404
        assert "vet" not in page.text
    sent = await eve.send("Hello", preset=found)
    assert sent.status == 404 and "vet" not in sent.text
    sql = "account_id = (SELECT id FROM accounts WHERE email = :email)"
    assert await count(site, "conversation_instructions", sql, email=eve.email) == 0


async def test_a_conversation_that_goes_on_takes_none(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    found = await preset(site, ada)
    sent = await ada.send("Hello")
    await ada.watched(reply_of(sent))
    later = await ada.send("Again", conversation_of(sent), preset=found)
    await ada.watched(reply_of(later))

    assert upstream.asked[-1]["messages"][0]["role"] == "user"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", " \n", "Give the preset a name."),
        ("name", "x" * 61, "at most 60 characters"),
        ("model", "nobody/knows", "not offered here"),
        ("system", "x" * 20_001, "at most 20000 characters"),
        ("temperature", "3", "a number from 0 to 2"),
    ],
)
@ON_SQLITE
async def test_what_cannot_be_is_refused_with_everything_typed(
    site: Site, ada: Person, field: str, value: str, words: str
) -> None:
    found = await preset(site, ada)
    form = {**VET, "name": "Other", field: value}
    for path in ("/presets", f"/presets/{found}"):
        refused = await ada.post(path, form)

        assert refused.status == 422
        assert words in refused.words(".problem")
        assert refused.one("[name=system]").get_text().strip() == form["system"]
        assert refused.one("[name=temperature]")["value"] == form["temperature"]
        assert str(refused.one("[name=name]")["value"]).strip() == form["name"].strip()
    assert (await ada.get("/presets")).words(".sessions a") == "The vet"


@ON_SQLITE
async def test_a_model_that_is_gone_is_named_and_stays_until_it_is_changed(
    site: Site, ada: Person
) -> None:
    found = await preset(site, ada)
    await change(site, "UPDATE presets SET model = 'openai/bygone' WHERE id = :id", id=found)

    begun = await ada.get(f"/?preset={found}")
    form = await ada.get(f"/presets/{found}")
    kept = await ada.post(f"/presets/{found}", {**VET, "model": "openai/bygone"})

    assert begun.words("#picker > small:not(.blind)") == "bygone is not offered any more."
    assert begun.one("#model option[selected]")["value"] == "openai/tiny"
    assert form.one("select[name=model] option[selected]")["value"] == "openai/bygone"
    assert kept.status == 200


@ON_SQLITE
async def test_an_address_can_choose_the_model_and_fill_the_box(ada: Person) -> None:
    page = await ada.get("/?model=openai/large&text=" + "a%0D%0Ab%00" * 3)
    unknown = await ada.get("/?model=nobody/knows")
    strange = await ada.get("/?model=" + "x" * 3_000)

    assert page.one("#model option[selected]")["value"] == "openai/large"
    assert page.one("#composer textarea").get_text().strip() == "a\nba\nba\nb"
    assert unknown.words("#picker > small:not(.blind)") == "knows is not offered any more."
    assert len(strange.words("#picker > small:not(.blind)")) < 100
    assert (await ada.get("/")).one("#model option[selected]")["value"] == "openai/tiny"


@ON_SQLITE
async def test_there_is_a_limit_to_them(
    make_site: SiteMaker, people: Callable[..., Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presets, "MOST", 2)
    site = await make_site()
    ada = people(site)
    await ada.register()
    for _ in range(2):
        await preset(site, ada, model="")

    refused = await ada.post("/presets", {**VET, "model": ""})

    assert refused.status == 409
    assert "at most 2 presets" in refused.words(".problem")
    assert refused.one("[name=system]").get_text().strip() == "You are a vet."


async def test_whoever_has_to_log_in_first_keeps_it(
    site: Site, ada: Person, upstream: Upstream
) -> None:
    found = await preset(site, ada)
    await ada.post("/logout")
    form = {"text": "My horse limps", "model": "openai/tiny", "key": "k", "preset": found}

    asked = await ask(ada, "POST", "/conversations", data=form)

    assert asked.status == 401
    assert asked.one("[name=preset]")["value"] == found
