"""What whoever runs the installation sees of payments, and can do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from chat.billing.access import DAY
from tests.billing.conftest import Shop, becomes, offers, selling, shown
from tests.conftest import ON_SQLITE
from tests.databases import Installer
from tests.people import Answer, Person
from tests.rows import change, until
from tests.sides import GUIDE
from tests.stripe.world import StripeAccount

PATH = "/admin/billing"


@pytest.fixture
async def root(shop: Shop, people: Callable[..., Person]) -> Person:
    return await administrator(shop, people)


async def administrator(shop: Shop, people: Callable[..., Person]) -> Person:
    person = people(shop.site)
    await person.register()
    await change(shop.site, "UPDATE accounts SET role = 'admin' WHERE email = :e", e=person.email)
    return person


async def test_a_free_plan_is_given_and_taken_back(shop: Shop, ada: Person, root: Person) -> None:
    asked = {"email": ada.email.upper(), "plan": "pro", "until": "2099-12-31"}
    page = await root.post(f"{PATH}/grants", asked)
    assert ada.email in page.words("[data-grant=pro]")
    given = await becomes(ada, "active", "pro")
    assert "2099" in given.words("#billing-state")
    (row,) = await shop.rows(ada, "billing_accounts")
    assert row["granted_until"] % DAY == 0
    assert row["customer_id"] is None

    await root.post(f"{PATH}/grants", {"email": ada.email, "plan": ""})
    assert shown(await ada.get("/billing")) == ("free", "free")
    for wrong, words in (
        ({"email": "nobody@example.com", "plan": "pro"}, "Nobody here"),
        ({"email": ada.email, "plan": "gold"}, "plans that there are"),
        ({"email": ada.email, "plan": "pro", "until": "soon"}, "2030-12-31"),
        ({"email": ada.email, "plan": "pro", "until": "2001-01-01"}, "still to come"),
        ({"email": ada.email, "plan": "pro", "until": "0001-01-01"}, "still to come"),
        ({"email": ada.email, "plan": "pro", "until": "9999-12-31x"}, "2030-12-31"),
    ):
        refused = await root.post(f"{PATH}/grants", wrong)
        assert refused.status == 422
        assert words in refused.words(".problem")
        assert refused.one(f"input[name=email][value='{wrong['email']}']")


async def test_notices_are_closed_and_accounts_read_again(
    shop: Shop, ada: Person, root: Person
) -> None:
    """Case 19 goes on: a dispute that is lost is closed by hand."""
    await shop.buy(ada)
    await shop.stripe.dispute(await shop.customer(ada))
    await becomes(ada, "hold", "free")
    page = await root.get(PATH)
    assert ada.email in page.words("[data-notice=dispute][data-closed='0']")
    notice = notice_of(page, ada)
    await root.post(f"{PATH}/notices", {"notice": notice, "closed": "1"})
    await becomes(ada, "active", "pro")
    await root.post(f"{PATH}/notices", {"notice": notice, "closed": "0"})
    await becomes(ada, "hold", "free")
    await root.post(f"{PATH}/notices", {"notice": notice, "closed": "1"})

    await shop.quiet(ada)
    await shop.stripe.deliver("drop")
    subscription = await shop.subscription(ada)
    await shop.stripe.v1.subscriptions.cancel_async(subscription)
    assert shown(await ada.get("/billing")) == ("active", "pro")
    page = await root.post(f"{PATH}/sync", {"email": ada.email})
    assert page.one(f"[data-subscription={subscription}]")
    await becomes(ada, "ended", "free")
    assert (await root.post(f"{PATH}/sync", {"email": "nobody@example.com"})).status == 422
    assert (await root.post(f"{PATH}/sync")).status == 200


def notice_of(page: Answer, person: Person) -> str:
    entries = page.html.select("[data-notice]")
    (mine,) = [each for each in entries if person.email in each.get_text()]
    return str(mine.select("input[name=notice]")[0]["value"])


@ON_SQLITE
async def test_a_broken_configuration_is_said_in_words(
    database: Installer,
    stripe_account: StripeAccount,
    people: Callable[..., Person],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    archived = await stripe_account.price()
    await stripe_account.v1.prices.update_async(archived, {"active": False})
    for price, words in (("price_unknown", "does not know"), (archived, "archived")):
        folder = tmp_path_factory.mktemp("broken")
        async with selling(database, stripe_account, folder, price=price) as shop:
            root = await administrator(shop, people)

            async def told(root: Person = root, price: str = price, words: str = words) -> bool:
                page = await root.get(PATH)
                return words in " ".join(
                    each.get_text() for each in page.html.select(f"[data-problem={price}]")
                )

            await until(told, within=20)
            page = await root.get("/billing")
            assert shown(page) == ("free", "free")
            assert not page.html.select("form[action='/billing/checkout']")
            assert "not available" in page.words("#billing-state")
            refused = await root.post("/billing/checkout", {"plan": "pro"})
            assert refused.status == 503
            assert (await root.get("/")).status == 200
            await root.close()


@ON_SQLITE
async def test_a_mistake_in_the_plans_ends_the_selling_alone(
    database: Installer,
    stripe_account: StripeAccount,
    people: Callable[..., Person],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    file = tmp_path / "plans.toml"
    file.write_text('default = "free"\n[plans.free]\nmessages = 1\n[plans.pro]\n')
    env = {"PLANS_FILE": str(file)}
    async with selling(database, stripe_account, tmp_path, **env) as shop:
        root = await administrator(shop, people)
        await shop.buy(root)
    file.write_text(file.read_text() + "mesages = 9\n")

    async with selling(database, stripe_account, tmp_path, price=shop.price, **env) as again:
        root.base = again.site.base
        ada = people(again.site)
        await ada.register()
        (line,) = [each for each in caplog.messages if str(file) in each]
        assert "[plans.pro] mesages is not known here." in line
        assert line.split(" Nothing")[0] in (await root.get(PATH)).words("[data-problem=plans]")
        assert shown(await root.get("/billing")) == ("active", "pro"), "it is paid for"

        page = await ada.get("/billing")
        assert shown(page) == ("free", "free")
        assert offers(page) == set()
        assert "Billing is not available" in page.words("#billing-state")
        assert (await ada.post("/billing/checkout")).status == 503
        assert await again.rows(ada, "billing_accounts") == []
        assert (await ada.send("Hello", model=GUIDE)).status == 200
        assert (await ada.send("Once more", model=GUIDE)).status == 429, "what could be read counts"
