"""Models that a plan does not hold: seen, named, and not to be asked by any way."""

import secrets
from collections.abc import Callable
from pathlib import Path

from tests.allowance.conftest import PlannedSite
from tests.allowance.test_quota import STRIPE
from tests.attachments.sending import form, post
from tests.conftest import ON_SQLITE
from tests.conversations.test_picker import file_of, offering
from tests.people import Answer as Page
from tests.people import Person, conversation_of, reply_of
from tests.raw import ask
from tests.rows import change, count, rows
from tests.site import Site
from tests.upstream import Answer, Upstream

GRANT = """
INSERT INTO billing_accounts (account_id, create_key, email, granted_plan, created_at)
SELECT id, 'k', email, 'pro', 0 FROM accounts WHERE email = :email"""
SMALL = 'models = ["openai/tiny", "*-small"]'


async def owner(site: Site, people: Callable[..., Person]) -> Person:
    await offering(site, "openai/large")
    person = people(site)
    await person.register()
    return person


def notice(page: Page) -> str:
    (found,) = page.html.select("[data-code]")
    assert found["data-code"] == "model_not_in_plan"
    return " ".join(found.get_text(" ").split())


async def test_it_is_a_disabled_option_with_its_plan_s_name(
    planned: PlannedSite, people: Callable[..., Person]
) -> None:
    site = await planned(SMALL)
    ada = await owner(site, people)

    page = await ada.get("/")

    options = {str(option["value"]): option for option in page.html.select("#picker option")}
    assert {name for name, option in options.items() if option.has_attr("disabled")} == {
        "openai/large"
    }
    assert options["openai/large"].get_text() == "large — Pro"
    assert options["openai/tiny"].get_text() == "tiny"
    assert page.one("#picker option[selected]")["value"] == "openai/tiny"


async def test_the_models_file_says_from_which_plan_on(
    planned: PlannedSite, people: Callable[..., Person], tmp_path: Path
) -> None:
    (tmp_path / "models.toml").write_text('[models."openai/tiny"]\nplan = "pro"\n')
    site = await planned("messages = 9", MODELS_FILE=str(tmp_path / "models.toml"))
    ada = await owner(site, people)

    page = await ada.get("/")
    sent = await ada.send("Hello", model="")

    assert page.one("#picker option[disabled]")["value"] == "openai/tiny"
    assert page.one("#picker option[selected]")["value"] == "openai/large"
    assert reply_of(sent)
    assert sent.one("[data-reply]")["data-model"] == "large"
    await ada.watched(reply_of(sent))


async def test_a_long_list_has_it_too_and_nobody_begins_with_it(
    planned: PlannedSite, people: Callable[..., Person], tmp_path: Path
) -> None:
    site = await planned('models = ["lab/m1?"]', MODELS_FILE=file_of(tmp_path, 20))
    ada = await owner(site, people)
    used_last = "UPDATE accounts SET model = 'openai/large' WHERE email = :email"
    await change(site, used_last, email=ada.email)

    page = await ada.get("/")

    (chosen,) = page.html.select("#picker option[selected]")
    assert chosen["value"] == "lab/m10"
    free = {str(o["value"]) for o in page.html.select("#picker option:not([disabled])")}
    assert free == {"guide/guide", *(f"lab/m1{n}" for n in range(10))}
    assert len(page.html.select("#picker option[disabled]")) == 1 + 2 + 10


async def test_every_way_to_ask_it_is_refused_and_old_talks_stay_readable(
    planned: PlannedSite, people: Callable[..., Person], upstream: Upstream
) -> None:
    site = await planned("messages = 50", **STRIPE)
    ada = await owner(site, people)
    upstream.will(Answer(["Cut", " off"], reason="length"))
    sent = await ada.send("While I could", model="openai/large")
    await ada.watched(reply_of(sent))
    talk, reply = conversation_of(sent), reply_of(sent)
    question = str(sent.one("[data-role=user]")["id"]).removeprefix("m-")
    await _locked(site, ["openai/tiny"])
    asked = len(upstream.asked)
    ways = {
        "/conversations": {"text": "Dear me", "model": "openai/large"},
        f"/conversations/{talk}/messages": {"text": "Dear me", "model": "openai/large"},
        f"/conversations/{talk}/messages?": {"text": "Dear me"},  # as a disabled option is sent
        f"/messages/{question}/versions": {"text": "Dear me"},
        f"/replies/{reply}/retry": {},
        f"/replies/{reply}/continuation": {},
        f"/conversations/{talk}/model": {"model": "openai/large"},
        "/account/model": {"model": "openai/large"},
    }

    shown = await ada.get(f"/conversations/{talk}")
    for path, fields in ways.items():
        form = {**fields, "key": secrets.token_hex(8)}
        fragment, page = await ada.partial(path, form), await ada.post(path, form)
        for answer in (fragment, page):
            assert answer.status == 403, path
        assert notice(fragment).startswith("large is not part of your plan. Pro has it.")
        assert fragment.one("[data-code] button")["value"] == "openai/tiny"
        assert fragment.one("[data-code] a[href='/billing']").get_text() == "Upgrade to Pro"
        assert page.one("[data-code]")["data-code"] == "model_not_in_plan"
        if "text" in fields:
            assert "Dear me" in [area.get_text().strip() for area in page.html.select("textarea")]

    assert len(upstream.asked) == asked
    assert await count(site, "messages", "conversation_id = :t", t=talk) == 2
    assert shown.words("[data-reply] [data-part=text]") == "Cut off"
    assert shown.words("#picker > small.problem") == "large is not part of your plan. Pro has it."
    (chosen,) = shown.html.select("#picker option[selected]")
    assert chosen["value"] == "openai/large"
    assert chosen.has_attr("disabled")
    begun = await ada.get("/?model=openai/large")
    assert begun.words("#picker > small") == "large is not part of your plan. Pro has it."
    free = await ada.send("With another one", talk)
    assert free.status == 200
    await ada.watched(reply_of(free))


async def _locked(site: Site, models: list[str]) -> None:
    """What the operator does between two starts: the default plan holds these alone."""
    from dataclasses import replace

    plans = site.app.extensions["plans"]
    default = replace(plans.default, models=tuple(models))
    by_key = {**plans.by_key, default.key: default}
    site.app.extensions["plans"] = replace(plans, default=default, by_key=by_key)


async def test_what_no_plan_has_names_none(
    planned: PlannedSite, people: Callable[..., Person]
) -> None:
    site = await planned('[plans.free]\nmodels = ["*-small"]')
    ada = await owner(site, people)

    page = await ada.get("/")
    refused = await ada.send("Hello")

    assert page.words("option[value='openai/tiny']") == "tiny — Locked"
    assert page.one("#picker option[selected]")["value"] == "guide/guide"
    assert notice(refused) == "tiny is not part of your plan."
    assert not await rows(site, "SELECT id FROM messages")


@ON_SQLITE
async def test_in_a_preset_it_is_locked_for_those_alone_who_have_not_bought_it(
    planned: PlannedSite, people: Callable[..., Person]
) -> None:
    site = await planned(SMALL, **STRIPE)
    ada = await owner(site, people)
    await ada.post("/presets", {"name": "Short", "model": "openai/large"})
    free = await ada.get("/presets")
    await change(site, GRANT, email=ada.email)
    listed = await ada.get("/presets")
    shown = await ada.get(str(listed.one(".sessions .quiet")["href"]))

    large = "select[name=model] option[value='openai/large']"
    assert free.one(large).has_attr("disabled")
    assert not listed.one(large).has_attr("disabled")
    assert shown.one(large).has_attr("selected") and not shown.one(large).has_attr("disabled")


@ON_SQLITE
async def test_another_model_is_chosen_and_everything_in_the_form_stays(
    planned: PlannedSite, people: Callable[..., Person]
) -> None:
    ada = await owner(await planned(SMALL), people)
    first = await ada.send("One")
    await ada.watched(reply_of(first))
    preset = {"name": "Short", "system": "Be short", "model": "", "temperature": ""}
    await ada.post("/presets", preset)
    listed = await ada.get("/presets")
    own = str(listed.one(".sessions .quiet")["href"]).rpartition("/")[2]

    for path, more in (
        ("/conversations", {"preset": own}),
        (f"{'/conversations/' + conversation_of(first)}/messages", {}),
    ):
        fields = {"text": "Read it", "model": "openai/large", "key": "k", **more}
        refused = await post(ada, path, form([("a.txt", b"alpha")], **fields), partial=False)
        assert refused.status == 403
        offer = refused.one("[data-code] form")
        kept = [(str(each["name"]), str(each["value"])) for each in offer.select("input")]
        switched = await ask(
            ada, "POST", str(offer["action"]), data=[*kept, ("model", "openai/tiny")]
        )

        assert switched.words("#composer textarea") == "Read it"
        assert [each.text for each in switched.html.select("#composer .chip bdi")] == ["a.txt"]
        assert [each["value"] for each in switched.html.select("#composer [name=preset]")] == list(
            more.values()
        )
