"""Somebody deletes their account."""

import asyncio
from collections.abc import Callable

from tests.billing.conftest import Shop, becomes, upgrade
from tests.people import PASSWORD, Person, reply_of
from tests.rows import count, rows, until
from tests.site import Site
from tests.upstream import Answer, Upstream


async def test_what_is_paid_for_ends_first(
    shop: Shop, ada: Person, people: Callable[..., Person]
) -> None:
    """Nothing is deleted while Stripe is away; afterwards nothing is charged any more."""
    await shop.buy(ada)
    customer = await shop.customer(ada)
    await shop.stripe.away("error")
    refused = await ada.post("/account/deletion", {"password": PASSWORD})
    assert refused.status == 503
    assert "nothing was deleted" in refused.text
    await shop.stripe.back()
    await becomes(ada, "active", "pro")

    gone = await ada.post("/account/deletion", {"password": PASSWORD}, allow_redirects=False)

    assert gone.status == 303
    listed = await shop.stripe.v1.subscriptions.list_async({"customer": customer, "status": "all"})
    assert [each.status for each in listed.data] == ["canceled"]
    await shop.stripe.settled()
    for table in ("billing_accounts", "billing_subscriptions", "billing_invoices", "sessions"):
        assert await shop.rows(ada, table) == []
    assert (await people(shop.site, ada.email).log_in()).status == 422


async def test_an_open_checkout_cannot_be_paid_afterwards(shop: Shop, ada: Person) -> None:
    url = await upgrade(ada)
    await ada.post("/account/deletion", {"password": PASSWORD})

    assert (await shop.stripe.open(url)).status == 410


async def test_everything_goes_and_what_is_being_written_stops(
    site: Site, people: Callable[..., Person], upstream: Upstream
) -> None:
    """S047, S075, R43."""
    ada, phone = people(site), people(site)
    await ada.register()
    phone.email = ada.email
    await phone.log_in()
    (account,) = await rows(site, "SELECT id FROM accounts WHERE email = :e", e=ada.email)
    upstream.will(Answer(["One ", "two"], held=asyncio.Event()))
    running = reply_of(await ada.send("Count"))
    page = await ada.get("/account/deletion")
    assert page.one("form[action='/account/deletion'] input[type=password]")
    for wrong in ({}, {"password": "wrong"}):
        refused = await ada.post("/account/deletion", wrong)
        assert refused.status == 422
        assert "not right" in refused.words(".problem")

    gone = await ada.post("/account/deletion", {"password": PASSWORD})

    assert gone.status == 200
    assert gone.url == f"{site.base}/"
    for table in ("conversations", "messages", "replies", "sessions"):
        assert await count(site, table, "account_id = :id", id=account["id"]) == 0
    assert (await phone.get("/account")).url.startswith(f"{site.base}/login")
    generations = site.app.extensions["generations"]

    async def stopped() -> bool:
        return not generations.writes(running)

    await until(stopped, within=20)
