"""What the picker says of models, and how it stands when there are many of them."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from chat.conversations import picking
from chat.conversations.picking import about
from chat.providers.domain import Model, Price
from chat.providers.offer import LONG
from tests.conftest import ON_SQLITE, SiteMaker
from tests.databases import Installer
from tests.people import Answer, Person, conversation_of, reply_of
from tests.rows import rows
from tests.site import Site
from tests.upstream import Upstream

NOWHERE = "http://127.0.0.1:9/v1"  # nobody listens there
LAB = f'[endpoints.lab]\nwire = "openai"\nurl = "{NOWHERE}"\ndiscover = false\n'


def file_of(folder: Path, count: int, more: str = "") -> str:
    """A models file with so many models of one endpoint."""
    path = folder / "models.toml"
    models = "".join(f'[models."lab/m{number}"]\n' for number in range(count))
    path.write_text(f"{LAB}{models}{more}")
    return str(path)


def groups(page: Answer) -> dict[str, list[str]]:
    found = page.html.select("#picker optgroup")
    return {str(g["label"]): [str(o["value"]) for o in g.select("option")] for g in found}


async def offering(site: Site, model_id: str) -> None:
    """Waits until the catalogue has it: it looks in the background, and tells nobody."""
    async with asyncio.timeout(20):
        while model_id not in site.app.extensions["parts"].catalog.offer().models:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (Model("a/b", "A", "b"), ""),
        (Model("a/b", "A", "b", "Good", 1_048_576), "Good · 1M tokens"),
        (Model("a/b", "A", "b", reasons=True, sees=True), "thinks first · sees images"),
        (Model("a/b", "A", "b", price=Price(0, 0, 0)), "free"),
        (Model("a/b", "A", "b", price=Price(150_000, 0, 600_000)), "$"),
        (Model("a/b", "A", "b", price=Price(2_500_000, 0, 10_000_000)), "$$"),
        (Model("a/b", "A", "b", price=Price(15_000_000, 0, 75_000_000)), "$$$"),
    ],
)
def test_it_says_what_a_model_can_do_and_costs(model: Model, told: str) -> None:
    assert about(model) == told


async def test_the_operators_words_are_in_it_as_they_are(
    make_site: SiteMaker, people: Callable[..., Person], tmp_path: Path
) -> None:
    words = '[models."lab/<i>\\""]\nname = "<b>Bold</b>"\nnote = "<script>"\nsees_images = true\n'
    site = await make_site(MODELS_FILE=file_of(tmp_path, 1, words))
    ada = people(site)

    page = await ada.register()

    option = page.one("#picker option[value='lab/<i>\"']")
    assert option.get_text() == "<b>Bold</b> — <script> · sees images"


async def test_a_long_list_begins_with_the_last_used_and_the_default(
    make_site: SiteMaker, people: Callable[..., Person], tmp_path: Path
) -> None:
    site = await make_site(MODELS_FILE=file_of(tmp_path, LONG + 1))
    await offering(site, "openai/tiny")
    ada = people(site)
    await ada.register()

    switched = await ada.partial("/account/model", {"model": "lab/m7"})

    for page in (switched, await ada.get("/")):
        found = groups(page)
        assert list(found) == ["Used last, and the default", "127.0.0.1", "lab", "Guide"]
        assert found["Used last, and the default"] == ["lab/m7", "openai/tiny"]
        assert found["lab"] == [f"lab/m{number}" for number in range(LONG + 1)]
        (chosen,) = page.html.select("#picker option[selected]")
        assert chosen["value"] == "lab/m7"
        assert page.one("#models input")["placeholder"] == f"Search {LONG + 4} models"


@ON_SQLITE
async def test_who_wants_all_models_to_compare_keeps_the_model_the_preset_and_the_path(
    make_site: SiteMaker, people: Callable[..., Person], tmp_path: Path
) -> None:
    site = await make_site(MODELS_FILE=file_of(tmp_path, LONG + 1))
    await offering(site, "openai/tiny")
    ada = people(site)
    await ada.register()
    listed = await ada.post("/presets", {"name": "Vet", "model": "lab/m7"})
    address = str(listed.one(".sessions a")["href"])
    sent = await ada.send("Hello", model="openai/large")
    talk, first = conversation_of(sent), reply_of(sent)
    await ada.watched(first)
    again = await ada.partial(f"/replies/{first}/retry")
    await ada.watched(reply_of(again))

    begun = await ada.get(str((await ada.get(address)).one(".compare noscript a")["href"]))
    old = await ada.get(f"/conversations/{talk}?at={first}")
    path = await ada.get(str(old.one(".compare noscript a")["href"]))

    assert begun.one("#model option[selected]")["value"] == "lab/m7"
    assert address.endswith(str(begun.one("#composer [name=preset]")["value"]))
    assert len(begun.html.select("#compare select:last-of-type option")) > LONG
    assert path.html.select(f"#m-{first}")


async def test_a_short_list_needs_no_search(ada: Person) -> None:
    page = await ada.get("/")
    assert not page.html.select("#model-open, #models")


async def test_a_long_list_is_made_before_anybody_sees_it(
    make_site: SiteMaker, people: Callable[..., Person], tmp_path: Path
) -> None:
    """No page waits for it, in whatever language."""
    site = await make_site(MODELS_FILE=file_of(tmp_path, 5_000))
    await offering(site, "openai/tiny")
    made = picking._all.cache_info().misses
    person = people(site)
    await person.register()

    page = await person.get("/")
    portuguese = await person.get("/", headers={"Accept-Language": "pt-BR"})

    assert len(page.html.select("#picker option")) == 5_000 + 4
    assert groups(portuguese)["Guia"] == ["guide/guide"]
    assert picking._all.cache_info().misses == made


@ON_SQLITE
async def test_the_chosen_one_is_marked_in_what_was_made_for_all(
    make_site: SiteMaker, tmp_path: Path
) -> None:
    odd = '[models."lab/m1\\" selected>"]\n[models."lab/m"]\n[models."lab/{}"]\n'
    site = await make_site(MODELS_FILE=file_of(tmp_path, 20, odd))
    offer = site.app.extensions["parts"].catalog.offer()
    ids = [model.id for model in offer.models.values()]

    async with site.app.app_context():
        for model in offer.models.values():
            marked = picking._everything(offer, model)
            assert marked == picking._options(offer.groups, model)
            assert marked.count(" selected>") == 1

    assert {'lab/m1" selected>', "lab/m", "lab/{}"} <= set(ids)


async def test_an_endpoint_out_of_reach_says_so(
    make_site: SiteMaker, people: Callable[..., Person]
) -> None:
    site = await make_site(OLLAMA_HOST="127.0.0.1:9")
    await offering(site, "openai/tiny")
    await site.app.extensions["parts"].catalog.refresh()
    ada = people(site)
    await ada.register()

    page = await ada.get("/")
    switched = await ada.partial("/account/model", {"model": "ollama/llama3.2"})

    assert list(groups(page)) == ["127.0.0.1", "Ollama — not reachable", "Guide"]
    assert groups(switched)["Ollama — not reachable"] == ["ollama/llama3.2"]
    assert list(groups(switched)).count("Ollama — not reachable") == 1
    assert switched.words("#picker > small:not(.blind)") == "Ollama: not reachable"


@ON_SQLITE
async def test_an_endpoint_without_a_list_is_not_called_out_of_reach(
    make_site: SiteMaker, people: Callable[..., Person], upstream: Upstream, tmp_path: Path
) -> None:
    """It answers questions all the same: what the operator names of it can be chosen."""
    file = tmp_path / "models.toml"
    file.write_text('[models."gemini/pro"]\n')
    site = await make_site(GEMINI_BASE_URL=upstream.url, MODELS_FILE=str(file))
    await site.app.extensions["parts"].catalog.refresh()
    ada = people(site)
    await ada.register()

    page = await ada.get("/?model=gemini/pro")

    heading = "Gemini (127.0.0.1) — gives no list of models"
    assert groups(page)[heading] == ["gemini/pro"]
    assert not page.html.select("#picker .problem")


async def test_a_restart_offers_the_last_known_list_at_once(
    database: Installer, upstream: Upstream, tmp_path: Path, people: Callable[..., Person]
) -> None:
    async with database.running(tmp_path, {"OPENAI_BASE_URL": upstream.url}) as site:
        await offering(site, "openai/large")
        await site.app.extensions["parts"].catalog.refresh()
        kept = await rows(site, "SELECT endpoint, label FROM model_lists")
        assert kept == [{"endpoint": "openai", "label": "127.0.0.1"}]

    async with database.running(tmp_path, {"OPENAI_BASE_URL": NOWHERE}) as site:
        ada = people(site)
        page = await ada.register()
        assert next(iter(groups(page).values())) == ["openai/tiny", "openai/large"]
        await site.app.extensions["parts"].catalog.refresh()
        page = await ada.get("/")
        assert groups(page)["127.0.0.1 — not reachable"] == ["openai/tiny", "openai/large"]
        assert page.words("#picker > small:not(.blind)") == "127.0.0.1: not reachable"
