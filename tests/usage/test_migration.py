"""Replies from before there were prices: their tokens are summed, their cost is not known."""

from pathlib import Path

import pytest

from chat.db import migrations
from chat.db.postgres import Postgres
from chat.db.queries import query
from chat.db.sqlite import SQLite
from chat.usage.domain import Line
from chat.usage.repository import UsageRepository
from tests.databases import Server

DAY = 86_400_000
ROWS = (
    "INSERT INTO accounts VALUES ('ada', 'a', 'a', 'x', 'user', '', '', '', 0)",
    "INSERT INTO conversations VALUES ('c', 'ada', 'Talk', 'm/m', 'r', 0, 0, 0, 0)",
    """INSERT INTO messages
         (id, conversation_id, account_id, role, text, html, created_at)
       VALUES ('r', 'c', 'ada', 'assistant', 'Hello', '', 0)""",
    f"""INSERT INTO replies
         (id, conversation_id, account_id, model, model_name, state, reason, epoch, input_tokens,
          output_tokens, cached_tokens, reasoning_tokens, started_at, ended_at)
       VALUES ('r', 'c', 'ada', 'm/m', 'M', 'complete', 'stop', 1, 7, 3, 2, 1, 0, {5 * DAY + 9})""",
)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_old_replies_are_summed_on_the_day_they_ended(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = ""
    if kind == "postgres":
        server: Server = request.getfixturevalue("postgres")
        url = await server.create()

    async def opened() -> SQLite | Postgres:
        return await (Postgres.open(url) if url else SQLite.open(tmp_path / "chat.db"))

    (tmp_path / "before").mkdir()
    for path in sorted(migrations.FOLDER.glob("*.sql"))[:2]:
        (tmp_path / "before" / path.name).write_text(path.read_text("utf-8"), "utf-8")
    with monkeypatch.context() as before:
        before.setattr(migrations, "FOLDER", tmp_path / "before")
        db = await opened()
        for row in ROWS:
            await db.run(query("test", row))
        await db.close()

    db = await opened()
    usage = UsageRepository(db)
    found = [await ask("ada", 5) for ask in (usage.by_day, usage.by_model, usage.by_conversation)]
    later = await usage.by_day("ada", 6)
    await db.close()

    sums = {"replies": 1, "input": 7, "cached": 2, "output": 3, "reasoning": 1}
    sums |= {"cost": 0, "unpriced": 1, "estimated": 0}
    names: list[tuple[int | str, str]] = [(5, ""), ("m/m", "M"), ("c", "Talk")]
    assert found == [[Line(key, name, **sums)] for key, name in names]
    assert later == []
