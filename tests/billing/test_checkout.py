"""Somebody buys a plan, and comes back."""

import asyncio
from collections.abc import Callable

from tests.billing.conftest import Shop, becomes, offers, shown, upgrade
from tests.people import Person
from tests.rows import change
from tests.stripe.world import DECLINED


async def test_who_pays_has_the_plan(shop: Shop, ada: Person) -> None:
    """Cases 1, 5 and 9."""
    before = await ada.get("/billing")
    assert shown(before) == ("free", "free")
    assert offers(before) == {"checkout"}
    assert "Test billing" in before.words("h1")

    paid = await shop.stripe.pay(await upgrade(ada))
    await becomes(ada, "active", "pro")  # the webhook alone, before the browser is back
    await shop.quiet(ada)  # invoices come after what the plan hangs on
    page = await ada.get(paid.to)

    assert shown(page) == ("active", "pro")
    assert offers(page) == {"portal"}
    assert "Renews on" in page.words("#billing-state")
    assert "$19.00" in page.words(".invoices")
    assert len(await shop.rows(ada, "billing_subscriptions")) == 1
    await shop.stripe.settled()
    assert await shop.deliveries(ada, "checkout.session.completed") == [("queued", 1)]

    sessions = await shop.stripe.calls("POST /v1/checkout")
    for form in ({"plan": "pro"}, {}, {"plan": "no such plan"}):
        refused = await ada.post("/billing/checkout", form, allow_redirects=False)
        assert refused.status == 409, form
        assert refused.one("[data-code=already_subscribed]")
        assert offers(refused) == {"portal"}
    assert await shop.stripe.calls("POST /v1/checkout") == sessions


async def test_no_webhook_is_needed_and_a_declined_card_can_be_tried_again(
    shop: Shop, ada: Person
) -> None:
    """Cases 4 and 11; S126."""
    await shop.stripe.deliver("drop")
    asked = {"plan": "pro", "price": "price_other", "amount": "1", "customer": "cus_other"}
    sent = await ada.post("/billing/checkout", asked, allow_redirects=False)
    url = sent.headers["Location"]

    refused = await shop.stripe.pay(url, DECLINED)
    assert "declined" in refused.error
    assert shown(await ada.get("/billing")) == ("free", "free")
    paid = await shop.stripe.pay(url)

    page = await ada.get(paid.to)
    assert shown(page)[0] in ("confirming", "active")
    if shown(page)[0] == "confirming":
        assert offers(page) == {"portal"}
        assert page.one("[hx-trigger='load delay:2s']")
        assert page.one("noscript meta[http-equiv=refresh]")
    fragment = await ada.get("/billing/state?look=1")
    assert fragment.one("section:root, section#billing-state")
    assert "<html" not in fragment.text
    page = await becomes(ada, "active", "pro")
    assert await shop.deliveries(ada, "checkout.session.completed") == []
    (bought,) = await shop.subscriptions(ada)
    assert [item.price.id for item in bought["items"].data] == [shop.price]


async def test_five_clicks_make_one_session(shop: Shop, ada: Person) -> None:
    """Case 8, S126."""
    urls = set(await asyncio.gather(*(upgrade(ada) for _ in range(5))))
    assert len(urls) == 1
    assert len(await shop.rows(ada, "billing_checkouts")) == 1
    keys = {call["key"] for call in await shop.stripe.calls("POST /v1/checkout/sessions")}
    assert len(keys) == 1
    assert len({c["key"] for c in await shop.stripe.calls("POST /v1/customers")}) == 1
    found = await shop.stripe.v1.customers.list_async({"email": ada.email})
    assert len(found.data) == 1

    url = urls.pop()
    assert await upgrade(ada) == url, "the same is shown again"
    paid = await shop.stripe.pay(url)
    assert (await shop.stripe.open(url)).status == 410, "the other tab is too late"
    await ada.get(paid.to)
    await becomes(ada, "active", "pro")
    assert len(await shop.subscriptions(ada)) == 1


async def test_a_session_that_has_expired_is_replaced_and_one_that_is_paid_is_not(
    shop: Shop, ada: Person
) -> None:
    await shop.stripe.deliver("drop")
    first = await upgrade(ada)
    await shop.stripe.expire_checkout(await shop.session(ada))
    second = await upgrade(ada)
    assert second != first
    await change(
        shop.site,
        "UPDATE billing_checkouts SET expires_at = 1 WHERE session_id = :id",
        id=await shop.session(ada),
    )
    third = await upgrade(ada)
    assert third not in (first, second)
    assert (await shop.stripe.open(second)).status == 410, "what was left open can not be paid"

    await shop.stripe.pay(third)
    again = await ada.post("/billing/checkout", {"plan": "pro"}, allow_redirects=False)
    assert again.status == 303
    assert again.headers["Location"].startswith(f"{shop.site.base}/billing/return?session_id=")
    await ada.get(again.headers["Location"])
    await becomes(ada, "active", "pro")


async def test_what_our_rows_do_not_know_yet_is_not_sold_twice(shop: Shop, ada: Person) -> None:
    await shop.stripe.deliver("drop")
    await upgrade(ada)
    await shop.stripe.subscribe(await shop.customer(ada), shop.price)
    await shop.stripe.expire_checkout(await shop.session(ada))

    refused = await ada.post("/billing/checkout", {"plan": "pro"}, allow_redirects=False)

    assert refused.status == 409
    assert refused.one("[data-code=already_subscribed]")
    await becomes(ada, "active", "pro")


async def test_a_tab_that_was_left_open_sells_nothing_beside_a_subscription(
    shop: Shop, ada: Person
) -> None:
    url = await upgrade(ada)
    await shop.quiet(ada)
    await shop.stripe.deliver("drop")
    await shop.stripe.subscribe(await shop.customer(ada), shop.price)

    refused = await ada.post("/billing/checkout", {"plan": "pro"}, allow_redirects=False)
    assert refused.status == 409, "nobody has told us, so Stripe is asked"
    await becomes(ada, "active", "pro")

    assert (await shop.stripe.open(url)).status == 410
    (attempt,) = await shop.rows(ada, "billing_checkouts")
    assert attempt["status"] == "expired"
    assert len(await shop.subscriptions(ada)) == 1


async def test_while_stripe_is_away_it_says_so_and_the_attempt_is_kept(
    shop: Shop, ada: Person
) -> None:
    await shop.stripe.away("error")
    refused = await ada.post("/billing/checkout", {"plan": "pro"}, allow_redirects=False)
    assert refused.status == 503
    assert refused.headers["Retry-After"]
    assert "payment service" in refused.text

    await shop.stripe.back()
    await shop.stripe.away("lost", only="POST /v1/checkout/sessions", times=1)
    await upgrade(ada)
    assert len(await shop.rows(ada, "billing_checkouts")) == 1
    keys = [call["key"] for call in await shop.stripe.calls("POST /v1/checkout/sessions")]
    assert len(keys) == 2
    assert len(set(keys)) == 1, "the same session, although its answer was lost"


async def test_another_s_session_is_nothing(
    shop: Shop, ada: Person, people: Callable[..., Person]
) -> None:
    """Case 25."""
    eve, nobody = people(shop.site), people(shop.site)
    await eve.register()
    paid = await shop.stripe.pay(await upgrade(ada))
    await becomes(ada, "active", "pro")
    session = await shop.session(ada)
    await shop.stripe.forget_calls()

    for given in (session, "cs_test_none", "", "x" * 5_000, "%00", "cs_%F0%9F%92%A9"):
        back = await eve.get(f"/billing/return?session_id={given}", allow_redirects=False)
        assert back.status == 303
        assert back.headers["Location"] == "/billing"
    assert shown(await eve.get("/billing")) == ("free", "free")
    for form in ({"customer": await shop.customer(ada)}, {"return_url": "https://evil.example"}):
        assert (await eve.post("/billing/portal", form)).status == 409
    calls = (
        await shop.stripe.calls()
    )  # what was bought before may still be read: it changes nothing
    assert [call for call in calls if call["method"] != "GET" or "/sessions" in call["path"]] == []

    form = {"customer": "cus_x", "return_url": "https://evil.example", "flow": "x"}
    assert (await ada.post("/billing/portal", form)).status == 422
    form.pop("flow")
    sent = await ada.post("/billing/portal", form, allow_redirects=False)
    assert sent.status == 303
    (call,) = await shop.stripe.calls("POST /v1/billing_portal/sessions")
    assert "evil" not in str(call["body"])
    assert await shop.customer(ada) in str(call["body"])
    asked = await nobody.get(paid.to, allow_redirects=False)
    assert asked.headers["Location"].startswith("/login?next=/billing/return")


async def test_what_the_portal_is_not_set_up_for_leads_to_its_first_page(
    shop: Shop, ada: Person
) -> None:
    await shop.buy(ada)
    form = {"flow": "subscription_update"}  # which a new Stripe account's portal does not have

    sent = await ada.post("/billing/portal", form, allow_redirects=False)

    assert sent.status == 303
    assert sent.headers["Location"].startswith(f"{shop.stripe.base}/p/session/")
    assert len(await shop.stripe.calls("POST /v1/billing_portal/sessions")) == 2
