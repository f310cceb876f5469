"""Accounts with a past: conversations and messages put into the database as they would be."""

from tests.people import Person
from tests.rows import change
from tests.site import Site

_COUNTED = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
_DAY = 86_400_000


async def conversations(site: Site, person: Person, count: int, title: str) -> None:
    """`count` of them, a day apart; `title` may hold a %d."""
    await change(
        site,
        f"""INSERT INTO conversations (id, account_id, title, model, leaf_id, pinned, archived,
              created_at, updated_at)
            {_COUNTED}
            SELECT a.id || '-' || i, a.id, replace(:title, '%d', CAST(i AS TEXT)), 'openai/tiny',
              '', 0, 0, CAST(i AS INTEGER) * {_DAY}, CAST(i AS INTEGER) * {_DAY}
            FROM n, accounts a WHERE a.email = :email""",
        count=count,
        title=title,
        email=person.email,
    )


async def messages(site: Site, person: Person, count: int, text: str) -> None:
    """A conversation in which the person wrote `count` of them; `text` may hold a %d."""
    await conversations(site, person, 1, "A long talk")
    await change(
        site,
        f"""INSERT INTO messages (id, conversation_id, account_id, parent_id, role, text, html,
              created_at)
            {_COUNTED}
            SELECT c.id || '-' || i, c.id, a.id, CASE WHEN i > 1 THEN c.id || '-' || (i - 1) END,
              'user', replace(:text, '%d', CAST(i AS TEXT)), '', i
            FROM n, accounts a JOIN conversations c ON c.account_id = a.id
            WHERE a.email = :email ORDER BY i""",
        count=count,
        text=text,
        email=person.email,
    )
    await change(
        site,
        """UPDATE conversations SET leaf_id = id || '-' || CAST(CAST(:count AS INTEGER) AS TEXT)
           WHERE account_id IN (SELECT id FROM accounts WHERE email = :email)""",
        count=count,
        email=person.email,
    )
