"""Where one writes: keys, drafts, refusals, and a message that outlives its session."""

import asyncio
import re
from collections.abc import Callable

import pytest
from playwright.async_api import Page, Route

from tests.browser.cable import laid
from tests.browser.chromium import BOX, answered, says, send
from tests.browser.conftest import TabMaker, WindowMaker
from tests.conftest import ON_SQLITE, SiteMaker
from tests.people import PASSWORD, Person
from tests.rows import change, count
from tests.site import Site
from tests.upstream import Answer, Upstream

pytestmark = pytest.mark.browser
MINE = "[data-role=user] [data-part=text]"


async def sent(page: Page) -> list[str]:
    return await page.locator(MINE).all_text_contents()


async def test_enter_sends_and_shift_enter_breaks_the_line(tab: TabMaker) -> None:
    page = await tab()

    await page.type(BOX, "One")
    await page.press(BOX, "Shift+Enter")
    await page.type(BOX, "Two")
    await page.press(BOX, "Enter")
    await answered(page)

    assert await sent(page) == ["One\nTwo"]


@ON_SQLITE
async def test_who_sends_as_the_page_appears_stays_on_it(window: WindowMaker, ada: Person) -> None:
    context = await window(ada)
    await context.add_init_script(
        "const later = setTimeout; window.setTimeout = (f, ms, ...a) => later(f, ms || 5_000, ...a)"
    )
    page = await context.new_page()
    await page.goto(ada.base)
    await page.evaluate("window.stayed = true")
    await page.type(BOX, "Hello")
    await page.press(BOX, "Enter")
    await answered(page)

    assert await page.evaluate("window.stayed")


async def test_enter_breaks_the_line_where_there_is_no_shift_key(tab: TabMaker) -> None:
    page = await tab(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})

    await page.fill(BOX, "One")
    await page.press(BOX, "Enter")
    await page.type(BOX, "Two")
    await page.tap(".send")
    await answered(page)

    assert await sent(page) == ["One\nTwo"]


async def test_an_enter_that_ends_a_composition_sends_nothing(tab: TabMaker) -> None:
    page = await tab()
    await page.focus(BOX)
    keyboard = await page.context.new_cdp_session(page)
    word = {"text": "にほん", "selectionStart": 3, "selectionEnd": 3}
    confirm = {"type": "rawKeyDown", "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229}

    await keyboard.send("Input.imeSetComposition", word)
    await keyboard.send("Input.dispatchKeyEvent", confirm)
    await keyboard.send("Input.insertText", {"text": "日本"})
    assert await page.input_value(BOX) == "日本"
    await page.keyboard.press("Enter")
    await answered(page)

    assert await sent(page) == ["日本"]


async def test_an_empty_message_is_not_sent(tab: TabMaker) -> None:
    page = await tab()

    await send(page, "  \n ")
    await page.keyboard.press("Control+A")
    await page.keyboard.type("Something")
    await page.keyboard.press("Enter")
    await answered(page)

    assert await sent(page) == ["Something"]


async def test_the_box_grows_to_two_fifths_of_the_screen_and_then_scrolls(tab: TabMaker) -> None:
    page = await tab(viewport={"width": 1000, "height": 1000})
    height = "box => box.getBoundingClientRect().height"

    await page.fill(BOX, "One")
    one = await page.eval_on_selector(BOX, height)
    await page.fill(BOX, "\n".join("12345"))
    five = await page.eval_on_selector(BOX, height)
    await page.fill(BOX, "line\n" * 100)
    hundred = await page.eval_on_selector(BOX, height)

    assert one < 40
    assert five >= 4 * 20 + one
    assert five < hundred <= 400
    assert await page.eval_on_selector(BOX, "box => box.scrollHeight > box.clientHeight")


async def test_a_draft_survives_a_reload_and_belongs_to_its_conversation(
    tab: TabMaker, upstream: Upstream
) -> None:
    page = await tab()
    await send(page, "Hello")
    await answered(page)
    await page.type(BOX, "Half a thought")

    await page.reload()
    assert await page.input_value(BOX) == "Half a thought"
    await page.click(".sidebar >> text=New conversation")
    await page.wait_for_selector(".starters")
    assert await page.input_value(BOX) == ""
    await page.go_back()
    await page.wait_for_selector("#messages")
    assert await page.input_value(BOX) == "Half a thought"

    await page.press(BOX, "Enter")
    await answered(page, 2)
    await page.reload()
    assert await page.input_value(BOX) == ""


async def test_enter_pressed_twice_sends_once(
    site: Site, ada: Person, tab: TabMaker, upstream: Upstream
) -> None:
    page = await tab()

    async def slowly(route: Route) -> None:
        await asyncio.sleep(0.3)
        await route.continue_()

    await page.route("**/conversations", slowly)
    await page.fill(BOX, "Only once")
    await page.press(BOX, "Enter")
    await page.press(BOX, "Enter")
    await answered(page)

    assert await sent(page) == ["Only once"]
    assert await _messages(site, ada, "Only once") == 1


async def test_a_message_that_is_too_long_comes_back_with_the_reason(tab: TabMaker) -> None:
    page = await tab()
    text = "x" * 200_001

    await page.eval_on_selector(BOX, "(box, text) => { box.value = text }", text)
    await page.click(".send")
    await page.wait_for_selector(".notice")

    assert "longer than 200 kB" in await page.locator(".notice").inner_text()
    assert await page.input_value(BOX) == text
    await page.click("[data-dismiss]")
    assert await page.locator(".notice").count() == 0


async def test_a_message_of_too_many_comes_back_with_the_reason(
    make_site: SiteMaker, window: WindowMaker, people: Callable[..., Person]
) -> None:
    site = await make_site(LIMIT_SENDS="1")
    person = people(site)
    await person.register()
    page = await (await window(person)).new_page()
    await page.goto(site.base)
    await send(page, "The first")
    await answered(page)

    await send(page, "The second")
    await page.wait_for_selector(".notice[data-code=too_many]")

    assert "messages in a minute" in await page.locator(".notice").inner_text()
    assert await page.input_value(BOX) == "The second"
    assert await sent(page) == ["The first"]


async def test_a_message_into_a_running_answer_comes_back_with_the_reason(
    tab: TabMaker, upstream: Upstream
) -> None:
    first = await tab()
    await send(first, "Hello")
    await answered(first)
    second = await first.context.new_page()
    await second.goto(first.url)
    held = asyncio.Event()
    upstream.will(Answer(["Working", " on it."], held=held))
    await send(first, "Something long")
    await says(first, "Working")

    await send(second, "Meanwhile")
    await second.wait_for_selector(".notice")

    assert "still answering" in await second.locator(".notice").inner_text()
    assert await second.input_value(BOX) == "Meanwhile"
    assert await sent(second) == ["Hello"]
    held.set()
    await answered(first, 2)


async def test_a_message_into_a_dead_network_stays_and_can_be_sent_again(
    site: Site, ada: Person, window: WindowMaker
) -> None:
    async with laid(site.base) as cable:
        page = await (await window(ada)).new_page()
        await page.goto(cable.base)
        cable.cut()
        async with page.expect_event("requestfailed"):
            await send(page, "Into the void")
        assert await page.input_value(BOX) == "Into the void"

        cable.plug(site.base)
        await page.press(BOX, "Enter")
        await answered(page)

    assert await _messages(site, ada, "Into the void") == 1


async def test_a_message_sent_after_the_session_ended_is_sent_after_the_log_in(
    site: Site, ada: Person, tab: TabMaker
) -> None:
    page = await tab()
    await send(page, "Before")
    await answered(page)
    talk = page.url
    await change(
        site,
        "DELETE FROM sessions WHERE account_id IN (SELECT id FROM accounts WHERE email = :email)",
        email=ada.email,
    )

    await send(page, "After")
    await page.wait_for_selector("[name=password]")
    assert "will be sent after you log in" in await page.locator("main").inner_text()
    await page.fill("[name=email]", ada.email)
    await page.fill("[name=password]", PASSWORD)
    await page.press("[name=password]", "Enter")
    await answered(page, 2)

    assert page.url.split("#")[0] == talk
    assert await sent(page) == ["Before", "After"]
    assert await page.input_value(BOX) == ""
    assert await _messages(site, ada, "After") == 1


async def test_escape_stops_unless_it_closes_something(tab: TabMaker, upstream: Upstream) -> None:
    page = await tab()
    upstream.will(Answer(["Once upon", " a time"], held=asyncio.Event()))
    await send(page, "Tell me a story")
    await says(page, "Once upon", state="streaming")
    await page.wait_for_url(re.compile("/conversations/"))
    upstream.closed.clear()

    await page.click(".title h1 button")
    await page.wait_for_selector(".menu:popover-open")
    await page.keyboard.press("Escape")
    await page.wait_for_selector(".menu:popover-open", state="detached")
    assert not upstream.closed.is_set()
    await page.keyboard.press("Escape")

    await page.wait_for_selector("[data-state=stopped]")
    await asyncio.wait_for(upstream.closed.wait(), 10)
    await says(page, "Once upon")


async def _messages(site: Site, person: Person, text: str) -> int:
    return await count(
        site,
        "messages m JOIN accounts a ON a.id = m.account_id",
        "a.email = :email AND m.text = :text",
        email=person.email,
        text=text,
    )
