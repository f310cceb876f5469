"""Conversations that are simply there, many at once, written past the app."""

import secrets
from collections.abc import Mapping, Sequence

from chat.db.database import Transaction
from chat.db.queries import query
from tests.people import Person
from tests.rows import rows
from tests.site import Site

BEGAN = 1_700_000_000_000  # in November 2023
CONVERSATION = """
INSERT INTO conversations
  (id, account_id, title, model, leaf_id, pinned, archived, created_at, updated_at)
VALUES (:id, :owner, :title, 'openai/tiny', '', 0, 0, :now, :now)"""
MESSAGE = """
INSERT INTO messages
  (id, conversation_id, account_id, parent_id, role, text, html, key, created_at)
VALUES (:id, :talk, :owner, :parent, :role, :text, :html, NULL, :now)"""
REPLY = """
INSERT INTO replies
  (id, conversation_id, account_id, model, model_name, state, reason, epoch,
   input_tokens, output_tokens, cached_tokens, reasoning_tokens, started_at)
SELECT id, conversation_id, account_id, 'openai/tiny', 'tiny', 'complete', 'stop', 1, 0, 0, 0, 0, 0
  FROM messages WHERE conversation_id = :talk AND role = 'assistant'"""
LEAF = "UPDATE conversations SET leaf_id = :leaf WHERE id = :talk"


async def add_talks(site: Site, person: Person, number: int, title: str = "Talk") -> list[str]:
    """Ids of new conversations, oldest first; of three, two are of the same moment."""
    ids = [secrets.token_hex(16) for _ in range(number)]
    found = [
        {"id": talk, "title": f"{title} {n}", "now": BEGAN + (n - n % 3 // 2) * 1_000}
        for n, talk in enumerate(ids)
    ]
    await _write(site, person, (CONVERSATION, found))
    return ids


async def add_messages(site: Site, person: Person, talk: str, number: int) -> list[str]:
    """Ids of new messages, one below the other, by turns of both roles; oldest first."""
    ids = [secrets.token_hex(16) for _ in range(number)]
    found = [
        {
            "id": message,
            "talk": talk,
            "parent": ids[n - 1] if n else None,
            "role": ("user", "assistant")[n % 2],
            "text": f"Message number {n}.",
            "html": f"<p>Message number {n}.</p>" if n % 2 else "",
            "now": BEGAN + n,
        }
        for n, message in enumerate(ids)
    ]
    leaf = [{"leaf": ids[-1], "talk": talk}]
    await _write(site, person, (MESSAGE, found), (REPLY, [{"talk": talk}]), (LEAF, leaf))
    return ids


async def _write(
    site: Site, person: Person, *statements: tuple[str, Sequence[Mapping[str, object]]]
) -> None:
    sql = "SELECT id AS owner FROM accounts WHERE email = :email"
    owner = (await rows(site, sql, email=person.email))[0]

    async def write(tx: Transaction) -> None:
        for text, values in statements:
            await tx.many(query("test", text), [{**owner, **each} for each in values])

    await site.db.transaction(write)
