"""What an account used: by day, by model, by conversation, as bars and in tables."""

import re
import secrets
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.db.database import Row
from chat.db.queries import Query
from chat.usage.chart import HEIGHT, chart
from chat.usage.domain import Line
from chat.usage.repository import SQL
from tests.conftest import ON_SQLITE
from tests.people import Answer as Page
from tests.people import Person
from tests.rows import change, rows
from tests.site import Site
from tests.talks import add_messages, add_talks

USED = """
UPDATE replies
   SET day = :day, model = :model, model_name = :name, input_tokens = :input,
       output_tokens = :output, cached_tokens = :cached, cost = CAST(:cost AS INTEGER),
       estimated = :estimated
 WHERE conversation_id = :talk"""


def today() -> int:
    return int(datetime.now(UTC).timestamp()) // 86_400


async def use(
    site: Site, person: Person, title: str = "Talk", number: int = 1, **given: Any
) -> str:
    """A conversation with so many replies, all of them with these figures; its id."""
    (talk,) = await add_talks(site, person, 1, title)
    await add_messages(site, person, talk, 2 * number)
    usual = {"day": today(), "model": "openai/tiny", "name": "tiny", "input": 1000, "output": 50}
    await change(
        site, USED, **(usual | {"cached": 0, "cost": 700, "estimated": 0} | given), talk=talk
    )
    return talk


def table(page: Page, kind: str) -> list[list[str]]:
    lines = page.html.select(f"section[aria-labelledby=by-{kind}] tbody tr")
    return [
        [" ".join(cell.get_text(" ").split()) for cell in line.select("th, td")] for line in lines
    ]


async def test_it_is_found_from_the_account(ada: Person) -> None:
    account = await ada.get("/account")

    assert [str(link["href"]) for link in account.html.select("a[href='/account/usage']")]
    empty = await ada.get("/account/usage")
    assert empty.words(".usage > .soft") == "Nothing was used in the last 30 days."
    assert empty.html.select(".usage svg, .usage table") == []


async def test_the_same_replies_are_summed_three_times(site: Site, ada: Person) -> None:
    await use(site, ada, "Cheap", number=3)
    talk = await use(site, ada, "Dear", model="claude/big", name="Big", cost=2_000_000, cached=900)

    page = await ada.get("/account/usage")

    day = f"{datetime.now(UTC):%b} {datetime.now(UTC).day}"
    assert table(page, "day") == [[day, "4", "4,000 900 cached", "200", "$2.0021"]]
    assert table(page, "model") == [
        ["Big", "1", "1,000 900 cached", "50", "$2.0000"],
        ["tiny", "3", "3,000", "150", "$0.0021"],
    ]
    assert [line[0] for line in table(page, "conversation")] == ["Dear 0", "Cheap 0"]
    assert page.one(f"a[href='/conversations/{talk}']").text == "Dear 0"
    assert page.words(".usage > p:not(.back)") == (
        "The last 30 days: 4 replies · 4,000 in · 200 out · $2.00"
    )


async def test_thirty_days_count_and_have_a_bar_each(site: Site, ada: Person) -> None:
    for ago, cost in ((0, 100), (29, 400), (30, 10_000)):
        await use(site, ada, day=today() - ago, cost=cost)

    page = await ada.get("/account/usage")

    assert [line[-1] for line in table(page, "day")] == ["$0.0001", "$0.0004"]
    bars = page.html.select(".usage svg rect")
    assert [(bar["x"], bar["height"]) for bar in bars] == [("1.5", "100.0"), ("291.5", "25.0")]
    assert re.fullmatch(r"\w+ \d+: \$0\.00040", bars[0].text)
    assert "style=" not in str(page.one(".usage"))


async def test_without_prices_it_is_a_page_of_tokens(site: Site, ada: Person) -> None:
    await use(site, ada, cost=None)

    page = await ada.get("/account/usage")

    assert page.words("figcaption") == "Tokens by day up to 1,050 tokens"
    assert len(table(page, "model")[0]) == 4
    assert "$" not in page.words(".usage")
    assert "The price of 1 reply is not known" in page.words(".notes")


async def test_a_part_without_a_price_is_told_apart(site: Site, ada: Person) -> None:
    await use(site, ada)
    await use(site, ada, cost=None, model="local/x", name="Local", number=2)

    page = await ada.get("/account/usage")

    assert [line[-1] for line in table(page, "model")] == ["$0.0007", "–"]
    assert "The prices of 2 replies are not known" in page.words(".notes")


async def test_estimates_are_marked_wherever_they_went(site: Site, ada: Person) -> None:
    await use(site, ada, "Stopped", estimated=1)
    await use(site, ada, "Whole", model="claude/big", name="Big", cost=1)

    page = await ada.get("/account/usage")

    assert [line[4] for line in table(page, "day")] == ["≈ $0.0007"]
    assert [line[4] for line in table(page, "model")] == ["≈ $0.0007", "$0.000001"]
    assert [line[4] for line in table(page, "conversation")] == ["≈ $0.0007", "$0.000001"]
    assert "≈" in page.words(".notes")


async def test_eve_sees_none_of_it(site: Site, ada: Person, eve: Person) -> None:
    await use(site, ada, "Secret")

    page = await eve.get("/account/usage")

    assert "Secret" not in page.text
    assert page.html.select(".usage table") == []


async def test_titles_and_names_are_text(site: Site, ada: Person) -> None:
    await use(site, ada, "<b>bold</b>", name="<i>model</i>")

    page = await ada.get("/account/usage")

    assert page.html.select(".usage b, .usage i") == []
    assert table(page, "conversation")[0][0] == "<b>bold</b> 0"


async def test_a_deleted_conversation_is_not_counted(site: Site, ada: Person) -> None:
    talk = await use(site, ada)
    await ada.post(f"/conversations/{talk}/deletion")

    page = await ada.get("/account/usage")

    assert page.html.select(".usage table") == []


async def test_the_longest_lists_are_cut(site: Site, ada: Person) -> None:
    for number in range(22):
        await use(site, ada, f"Talk {number}", model=f"m/{number}", cost=number)

    page = await ada.get("/account/usage")

    assert len(table(page, "model")) == len(table(page, "conversation")) == 20
    assert table(page, "conversation")[0][0] == "Talk 21 0"
    assert table(page, "day")[0][1] == "22"


async def test_it_speaks_portuguese(site: Site, ada: Person) -> None:
    await use(site, ada, cost=1_234_567)

    page = await ada.get("/account/usage", headers={"Accept-Language": "pt-BR"})

    assert page.words("h1") == "Uso"
    assert table(page, "model")[0][1:] == ["1", "1.000", "50", "US$ 1,2346"]


async def test_a_table_is_one_statement_however_much_there_is(
    site: Site, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    everything = type(site.db).all

    async def counted(db: Any, wanted: Query, **values: Any) -> list[Row]:
        asked.append(wanted.name)
        return list(await everything(db, wanted, **values))

    monkeypatch.setattr(type(site.db), "all", counted)
    for _ in range(2):
        await use(site, ada, model=secrets.token_hex(4))
        asked.clear()
        await ada.get("/account/usage")
        assert [name for name in asked if name.startswith("by_")] == [
            "by_day",
            "by_model",
            "by_conversation",
        ]


@ON_SQLITE
@pytest.mark.parametrize("name", sorted(SQL))
async def test_no_row_of_a_reply_is_read_for_a_sum(site: Site, name: str) -> None:
    """100,000 replies are read from the index alone, in its order."""
    values = dict.fromkeys(SQL[name].names, 1) | {"account_id": "x"}
    plan = await rows(site, f"EXPLAIN QUERY PLAN {SQL[name].text}", **values)
    steps = [row["detail"] for row in plan if "replies" in row["detail"]]

    assert "SEARCH replies USING COVERING INDEX replies_used (account_id=? AND day>?)" in steps
    assert not any(step.startswith("SCAN") for step in steps)


@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=30))
def test_a_bar_is_as_high_as_its_day_was_dear(costs: list[int]) -> None:
    lines = [Line(n, "", 1, cost, 0, 0, 0, cost, 0, 0) for n, cost in enumerate(costs)]

    drawn = chart(lines, 0, 29)

    assert len(drawn.bars) == 30
    assert drawn.most == max(costs)
    for bar, cost in zip(drawn.bars, costs, strict=False):
        assert bar.value == cost
        assert (bar.height > 0) == (cost > 0)
        assert bar.height <= HEIGHT and 0 <= bar.x < drawn.width
        assert bar.y + bar.height == pytest.approx(HEIGHT)
        if max(costs):
            assert bar.height == pytest.approx(HEIGHT * cost / max(costs), abs=1.6)
