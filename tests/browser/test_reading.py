"""Reading while it is written, moving by keyboard, and what is done with conversations."""

import asyncio

import pytest
from playwright.async_api import Page

from tests.browser import stock
from tests.browser.chromium import BOX, answered, reply, says, send
from tests.browser.conftest import TabMaker
from tests.browser.texts import DOCUMENT, pieces
from tests.people import Person
from tests.site import Site
from tests.upstream import Answer, Upstream

pytestmark = pytest.mark.browser

# Where an element stands, looked at in every frame.
FOLLOW = """selector => {
  const element = document.querySelector(selector);
  window.places = [];
  const look = () => {
    places.push(element.getBoundingClientRect().top);
    requestAnimationFrame(look);
  };
  look();
}"""
LISTEN = """() => {
  window.announced = [];
  new MutationObserver(() => announced.push(announcer.textContent))
    .observe(announcer, { childList: true, characterData: true, subtree: true });
}"""
FOCUS = """() => {
  const element = document.activeElement;
  const style = getComputedStyle(element);
  const label = element.id === "fold" ? getComputedStyle(element.nextElementSibling) : style;
  const parent = getComputedStyle(element.parentElement);
  const drawn = ({ outlineStyle, outlineWidth }) =>
    outlineStyle !== "none" && parseFloat(outlineWidth) > 0;
  return {
    name: element.ariaLabel || element.innerText.trim(),
    seen: drawn(style) || drawn(label) || drawn(parent) || element.matches("textarea"),
  };
}"""


async def _long_talk(page: Page, upstream: Upstream) -> None:
    upstream.will(Answer([DOCUMENT, "\n\n", DOCUMENT]))
    await send(page, "Begin")
    await answered(page)


async def test_a_reader_who_scrolled_up_is_left_alone(tab: TabMaker, upstream: Upstream) -> None:
    page = await tab()
    await _long_talk(page, upstream)
    held, opening = asyncio.Event(), "Other words than before.\n\n"
    rest = f"\n\n{DOCUMENT}\n\nThe end."  # much still comes, however late the reader scrolled
    upstream.will(Answer([opening, *pieces(DOCUMENT, 20), rest], pause=0.04, held=held))
    await send(page, "Go on")
    await says(page, "Other words")  # only now is the page done with bringing the sender here

    await page.eval_on_selector(".scroll", "box => { box.scrollTop = -700 }")
    await page.evaluate(FOLLOW, "[data-reply] h1")
    held.set()
    await says(page, "The end.", state="complete")
    await page.wait_for_function("() => places.length > 20")

    places = await page.evaluate("places")
    assert max(places) - min(places) <= 2


async def test_a_reader_at_the_end_stays_at_the_end(tab: TabMaker, upstream: Upstream) -> None:
    page = await tab()
    await _long_talk(page, upstream)
    held = asyncio.Event()
    upstream.will(Answer([*pieces(DOCUMENT, 40), "\n\nThe very end."], pause=0.01, held=held))
    await send(page, "Go on")

    await says(page, "Last words", state="streaming")
    await _at_the_end(page)
    held.set()
    await says(page, "The very end.", state="complete")
    await _at_the_end(page)


async def test_whoever_sends_sees_it_wherever_they_were(tab: TabMaker, upstream: Upstream) -> None:
    page = await tab()
    await _long_talk(page, upstream)
    await page.eval_on_selector(".scroll", "box => { box.scrollTop = -700 }")
    held = asyncio.Event()
    upstream.will(Answer(["Some words", " and more"], held=held))
    await send(page, "Go on")

    await says(page, "Some words", state="streaming")
    await _at_the_end(page)
    held.set()
    await says(page, "and more", state="complete")
    await _at_the_end(page)


async def _at_the_end(page: Page) -> None:
    assert await page.eval_on_selector(".scroll", "box => Math.abs(box.scrollTop)") <= 1
    gap = await page.evaluate(
        """() => document.querySelector(".composer").getBoundingClientRect().top
          - [...document.querySelectorAll("[data-reply]")].at(-1).getBoundingClientRect().bottom"""
    )
    assert -1 <= gap <= 60


async def test_a_reply_is_announced_once_and_only_when_it_is_complete(
    tab: TabMaker, upstream: Upstream
) -> None:
    page, held = await tab(), asyncio.Event()
    await page.evaluate(LISTEN)
    upstream.will(Answer(["First words", " and", " the last."], pause=0.2, held=held))
    await send(page, "Speak")
    await says(page, "First words and", state="streaming")
    assert await page.evaluate("announced") == []

    held.set()
    await answered(page)
    again = asyncio.Event()
    upstream.will(Answer(held=again))
    await send(page, "Speak again")
    await says(page, "Hello", state="streaming")
    again.set()
    await answered(page, 2)

    await page.wait_for_function("() => announced.length >= 2")  # a moment after it is shown
    assert await page.evaluate("announced") == [
        "tiny: First words and the last.",
        "tiny: Hello, world.",
    ]


async def test_a_reply_that_is_over_before_its_swap_is_told_of_is_announced_too(
    tab: TabMaker,
) -> None:
    page = await tab()
    await page.evaluate(LISTEN)
    late = "window.addEventListener('htmx:after:swap', event => event.stopPropagation(), true)"
    await page.evaluate(late)

    await send(page, "Speak")
    await answered(page)

    await page.wait_for_function("() => announced.length")
    assert await page.evaluate("announced") == ["tiny: Hello, world."]


async def test_the_keyboard_reaches_everything_and_shows_where_it_is(
    ada: Person, tab: TabMaker
) -> None:
    page = await tab()
    await send(page, "Hello")
    await answered(page)
    await page.focus(".skip")

    stops = [await page.evaluate(FOCUS)]
    for _ in range(40):
        await page.keyboard.press("Tab")
        stops.append(await page.evaluate(FOCUS))
        if stops[-1]["name"] == "Send":
            break

    assert [stop["name"] for stop in stops if not stop["seen"]] == []
    account = stops.pop(6)
    assert account["name"] == ada.email
    assert [stop["name"] for stop in stops] == [
        "Skip to the content",
        "Show or hide the conversations",
        "Prosa",
        "New conversation",
        "Search the conversations",
        "Hello",
        "Log out",
        "Hello",
        "Messages",
        "Edit",
        "Copy",
        "Retry",
        "Your message",
        "Model",
        "Add files: up to 10 files of 20 MB each, 1 GB in your account",
        "Compare",
        "Send",
    ]


async def test_a_whole_talk_needs_no_mouse(tab: TabMaker, upstream: Upstream) -> None:
    page = await tab()
    await page.keyboard.type("Hello")
    await page.keyboard.press("Enter")
    await answered(page)
    await page.wait_for_function("() => document.activeElement.matches('#composer textarea')")
    await page.keyboard.press("Tab")
    await page.wait_for_function("() => document.activeElement.id === 'model'")
    async with page.expect_response("**/model"):
        await page.keyboard.press("Enter")
        await page.wait_for_function("() => document.querySelector('#model').matches(':open')")
        await page.keyboard.press("ArrowDown")
        await page.wait_for_function("() => document.activeElement.value === 'openai/large'")
        await page.keyboard.press("Enter")
    await page.focus(BOX)
    await page.keyboard.type("And you?")
    await page.keyboard.press("Enter")
    await answered(page, 2)

    assert upstream.asked[-1]["model"] == "large"


async def test_a_switch_of_the_model_swaps_the_picker_and_is_kept(tab: TabMaker) -> None:
    page = await tab()
    await send(page, "Hello")
    await answered(page)
    await page.evaluate("document.querySelector('#picker').dataset.old = 'yes'")

    async with page.expect_response("**/model") as switched:
        await page.select_option("#model", "guide/guide")
    await page.wait_for_selector("#picker:not([data-old])")

    response = await switched.value
    assert response.request.headers["hx-request-type"] == "partial"
    assert "No language model" in await page.locator("#picker > small:not(.blind)").inner_text()
    assert await page.locator("#composer").count() == 1
    await page.reload()
    assert await page.input_value("#model") == "guide/guide"


async def test_rename_pin_and_delete_happen_in_place(tab: TabMaker) -> None:
    page = await tab()
    await send(page, "Hello")
    await answered(page)
    await page.evaluate("window.stayed = true")

    await page.click(".title h1 button")
    await page.fill(".rename input", "Greetings")
    await page.press(".rename input", "Enter")
    await page.wait_for_selector("h1:has-text('Greetings')")
    assert await page.locator("#history [aria-current]").inner_text() == "Greetings"
    assert await page.title() == "Greetings · Prosa"

    await page.click(".title h1 button")
    await page.click("text=Pin to the top")
    await page.wait_for_selector("#history h2:has-text('Pinned')")
    assert await reply(page).inner_text() == "Hello, world."
    assert await page.evaluate("window.stayed")

    await page.click(".title h1 button")
    assert not await page.locator("text=Delete this conversation").is_visible()
    await page.click("text=Delete…")
    await page.click("text=Delete this conversation")
    await page.wait_for_selector(".starters")
    assert await page.locator("#history li").count() == 0


async def test_older_conversations_come_when_one_scrolls_to_them(
    site: Site, ada: Person, tab: TabMaker
) -> None:
    await stock.conversations(site, ada, 60, "Talk %d")
    page = await tab(viewport={"width": 1000, "height": 500})
    lines = page.locator("#history li")
    assert await lines.count() == 30

    await page.locator("#history .older").scroll_into_view_if_needed()
    await page.wait_for_selector("#history :text-is('Talk 1')", state="attached")

    assert await lines.all_inner_texts() == [f"Talk {number}" for number in range(60, 0, -1)]


async def test_earlier_messages_come_above_and_move_nothing(
    site: Site, ada: Person, tab: TabMaker
) -> None:
    await stock.messages(site, ada, 100, "Message %d")
    page = await tab("/conversations")
    await page.click("text=A long talk")
    await page.wait_for_selector("#messages")
    await page.wait_for_load_state()
    shown = page.locator("#messages > article")
    assert await shown.count() == 40
    assert await shown.last.locator(".bubble").inner_text() == "Message 100"

    for count in (80, 100):
        first = f"#{await shown.first.get_attribute('id')}"
        await page.eval_on_selector(".scroll", "box => { box.scrollTop = -box.scrollHeight }")
        before = await page.eval_on_selector(first, "one => one.getBoundingClientRect().top")
        await page.wait_for_function(
            "n => document.querySelectorAll('#messages > article').length === n", arg=count
        )
        after = await page.eval_on_selector(first, "one => one.getBoundingClientRect().top")
        assert abs(after - before) <= 40  # the line "Earlier messages" goes, or stays

    texts = await page.locator(".bubble").all_inner_texts()
    assert texts == [f"Message {number}" for number in range(1, 101)]
