"""What a newcomer does: sign up, pick a model, ask, read, ask again, come back."""

import asyncio
import re
import secrets

import pytest

from tests.browser.chromium import BOX, answered, reply, says, send, sign_up
from tests.browser.conftest import TabMaker, WindowMaker
from tests.people import PASSWORD
from tests.site import Site
from tests.upstream import Answer, Upstream

pytestmark = pytest.mark.browser
CONVERSATION = re.compile(r"/conversations/[^/]+$")


async def test_a_newcomer_signs_up_picks_a_model_asks_and_reads(
    site: Site, upstream: Upstream, window: WindowMaker
) -> None:
    page = await (await window()).new_page()
    await page.goto(site.base)
    await page.click("text=Sign up")
    await sign_up(page, site.base, f"{secrets.token_hex(4)}@example.com", PASSWORD)
    assert await page.evaluate("document.activeElement.name") == "text"

    async with page.expect_response("**/account/model") as switched:
        await page.select_option("[name=model]", "openai/large")
    assert (await switched.value).ok
    held = asyncio.Event()
    upstream.will(Answer(["It is **Lisbon**", ", since 1255."], held=held))
    await page.type(BOX, "What is the capital of Portugal?")
    await page.press(BOX, "Enter")

    await says(page, "It is Lisbon", state="streaming")
    await page.wait_for_url(CONVERSATION)
    assert await page.input_value(BOX) == ""
    held.set()
    await answered(page)
    assert await reply(page).inner_html() == "<p>It is <strong>Lisbon</strong>, since 1255.</p>"
    assert upstream.asked[-1]["model"] == "large"
    open_one = page.locator("#history [aria-current=page]")
    assert (await open_one.inner_text()).strip() == "What is the capital of Portugal?"
    assert await page.title() == "What is the capital of Portugal? · Prosa"


async def test_a_second_message_follows_the_first_and_all_of_it_is_there_after_a_reload(
    tab: TabMaker, upstream: Upstream
) -> None:
    page = await tab()
    upstream.will(Answer(["First answer."]), Answer(["Second answer."]))

    await send(page, "One")
    await answered(page)
    await send(page, "Two")
    await answered(page, 2)

    shown = await page.locator("#messages").inner_text()
    assert [turn["content"] for turn in upstream.asked[-1]["messages"]] == [
        "One",
        "First answer.",
        "Two",
    ]
    await page.reload()
    assert await page.locator("#messages").inner_text() == shown


async def test_back_leads_to_the_new_conversation_and_forward_to_the_talk(
    tab: TabMaker, upstream: Upstream
) -> None:
    page = await tab()
    upstream.will(Answer(["Here I am."]))
    await send(page, "Where are you?")
    await answered(page)
    talk = page.url

    await page.go_back()
    await page.wait_for_selector(".starters")
    assert await page.input_value(BOX) == ""
    assert await page.locator(BOX).count() == 1

    await page.go_forward()
    await says(page, "Here I am.")
    assert page.url == talk
    assert await page.locator(BOX).count() == 1


async def test_a_starter_begins_a_conversation_with_the_picked_model(
    tab: TabMaker, upstream: Upstream
) -> None:
    page = await tab()
    async with page.expect_response("**/account/model"):
        await page.select_option("[name=model]", "openai/large")

    await page.locator(".starters button").first.click()
    await answered(page)

    assert upstream.asked[-1]["model"] == "large"
    assert CONVERSATION.search(page.url)
