"""A long list of models: searched by keyboard and by touch, and a plain select without scripts."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from playwright.async_api import Page

from tests.browser.chromium import BOX
from tests.browser.conftest import WindowMaker
from tests.conftest import ON_SQLITE, SiteMaker
from tests.conversations.test_picker import file_of, offering
from tests.people import Person
from tests.site import Site

pytestmark = [pytest.mark.browser, ON_SQLITE]
ROWS = "#models-found [role=option]"
MARKED = "#models-found [aria-selected=true]"


@pytest.fixture
async def long_site(make_site: SiteMaker, tmp_path: Path) -> AsyncIterator[Site]:
    site = await make_site(MODELS_FILE=file_of(tmp_path, 300))
    await offering(site, "openai/tiny")
    yield site


@pytest.fixture
async def owner(long_site: Site, people: Callable[..., Person]) -> Person:
    person = people(long_site)
    await person.register()
    return person


async def opened(window: WindowMaker, owner: Person, **options: object) -> Page:
    page = await (await window(owner, **options)).new_page()
    await page.goto(owner.base)
    return page


async def values(page: Page) -> list[str]:
    found = await page.eval_on_selector_all(ROWS, "all => all.map(row => row.dataset.value)")
    return [str(value) for value in found]


async def test_a_model_is_found_and_chosen_by_keyboard(owner: Person, window: WindowMaker) -> None:
    page = await opened(window, owner)
    await page.focus(BOX)
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.id") == "model-open"

    await page.keyboard.press("Enter")
    await page.wait_for_function("() => document.activeElement.matches('#models input')")
    assert (await values(page))[0] == "openai/tiny"
    assert len(await values(page)) == 100
    assert "go on typing" in await page.locator("#models [role=status]").inner_text()
    await page.keyboard.type("LAB m29")
    assert await values(page) == ["lab/m29", *(f"lab/m29{last}" for last in range(10))]
    await page.keyboard.press("ArrowDown")
    marked = await page.get_attribute(MARKED, "id")
    assert await page.get_attribute("#models input", "aria-activedescendant") == marked
    async with page.expect_response("**/account/model"):
        await page.keyboard.press("Enter")
    await page.wait_for_selector("#models:popover-open", state="detached")
    await page.wait_for_function("document.querySelector('#model').value === 'lab/m290'")

    await page.wait_for_function("document.activeElement.id === 'model-open'")
    assert "m290" in await page.locator("#model-open").inner_text()
    assert await page.input_value(BOX) == ""
    await page.reload()
    assert await page.input_value("#model") == "lab/m290"


async def test_the_lists_for_comparing_hold_everything_once_they_are_opened(
    owner: Person, window: WindowMaker
) -> None:
    """Without scripts at an address of their own; no page carries the whole list three times."""
    page = await opened(window, owner)
    options = page.locator("#compare select:last-of-type option")
    before = await options.count()
    await page.get_by_role("button", name="Compare").click()
    await page.wait_for_selector("#compare option[value='lab/m299']", state="attached")
    await page.locator("#compare select").last.select_option("lab/m299")

    plain = await opened(window, owner, java_script_enabled=False)
    await plain.get_by_role("button", name="Compare").click()
    await plain.get_by_role("link", name="Choose from all models").click()
    await plain.get_by_role("button", name="Compare").click()
    await plain.locator("#compare select").first.select_option("lab/m299")

    assert before < 5
    assert await page.locator(".compare > button").inner_text() == "2 models"
    assert await plain.locator(".compare > button").inner_text() == "2 models"


async def test_what_is_not_there_is_said_and_escape_leaves_all_as_it_was(
    owner: Person, window: WindowMaker
) -> None:
    page = await opened(window, owner)
    await page.click("#model-open")
    await page.wait_for_function("() => document.activeElement.matches('#models input')")
    await page.keyboard.type("nothing like it")
    assert await values(page) == []
    status = page.locator("#models [role=status]")
    assert await status.inner_text() == "No model is called that."
    await page.keyboard.press("Enter")
    assert await page.locator("#models:popover-open").count() == 1
    await page.keyboard.press("Escape")

    await page.wait_for_selector("#models:popover-open", state="detached")
    assert await page.input_value("#model") == "openai/tiny"


async def test_on_a_phone_it_is_touched(owner: Person, window: WindowMaker) -> None:
    phone = {"width": 390, "height": 844}
    page = await opened(window, owner, viewport=phone, has_touch=True, is_mobile=True)
    await page.tap("#model-open")
    await page.wait_for_selector("#models:popover-open")
    box = await page.locator("#models").bounding_box()
    assert box and box["x"] >= 0 and box["x"] + box["width"] <= phone["width"]
    async with page.expect_response("**/account/model"):
        await page.tap(f"{ROWS}[data-value='lab/m3']")
    await page.wait_for_function("document.querySelector('#model').value === 'lab/m3'")


async def test_without_scripts_the_select_has_them_all(owner: Person, window: WindowMaker) -> None:
    page = await opened(window, owner, java_script_enabled=False)
    assert await page.locator("#model").is_visible()
    assert not await page.locator("#model-open, #models").first.is_visible()
    assert await page.locator("#model optgroup:last-of-type option").count() == 1
    await page.select_option("#model", "lab/m299")
    await page.fill(BOX, "Hello")
    await page.click(".send")
    await page.wait_for_selector("[data-reply]")
    assert await page.input_value("#model") == "lab/m299"
