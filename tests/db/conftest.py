"""Installations to copy."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from chat.db.database import Transaction
from chat.db.queries import query
from tests.attachments.sending import uploaded
from tests.databases import SECRET, Installer, Server
from tests.people import Person, conversation_of, reply_of
from tests.places import Place, Places
from tests.talks import add_messages, add_talks
from tests.upstream import Answer, Upstream

ODD = "Grüße 👩‍👩‍👧 \u202e\ufffd ‹'\"\\› \x7f\x01\n\ttab"
MESSAGES = 3_000
STARTED = """
INSERT INTO replies (id, conversation_id, account_id, model, model_name, state, reason, epoch,
  input_tokens, output_tokens, cached_tokens, reasoning_tokens, started_at, worker, stop_asked)
SELECT id, conversation_id, account_id, 'openai/tiny', 'tiny', 'streaming', '', 3,
       0, 0, 0, 0, 0, 7, 1
  FROM messages WHERE id = 'unfinished'"""
BEGUN = """
INSERT INTO messages (id, conversation_id, account_id, parent_id, role, text, html, created_at)
SELECT 'unfinished', id, account_id, leaf_id, 'assistant', :text, '', 0
  FROM conversations WHERE id = :talk"""
CHUNK = "INSERT INTO reply_chunks (reply_id, seq, body) VALUES ('unfinished', :seq, :body)"
BOUGHT = (  # by whoever is there
    """INSERT INTO billing_accounts (account_id, customer_id, create_key, email, dirty_gen,
       lease_token, lease_until, created_at)
       SELECT id, 'cus_1', 'k', email, 3, 'held', 9, 0 FROM accounts""",
    """INSERT INTO billing_subscriptions (subscription_id, account_id, price_id, status, started_at,
       currency, interval_unit) SELECT 'sub_1', id, 'price_1', 'active', 0, 'usd', 'month'
       FROM accounts""",
    """INSERT INTO billing_invoices (invoice_id, account_id, created_at, amount, currency, status,
       url) SELECT 'in_1', id, 0, 1900, 'usd', 'paid', '' FROM accounts""",
    """INSERT INTO billing_checkouts (attempt_id, account_id, plan_key, price_id, trial_days, url,
       status, expires_at, created_at)
       SELECT 'a1', id, 'pro', 'price_1', 0, '', 'complete', 0, 0 FROM accounts""",
    """INSERT INTO stripe_events (event_id, type, created_at, outcome, source, deliveries,
       next_try_at, received_at)
       VALUES ('evt_1', 'invoice.paid', 0, 'queued', 'webhook', 1, 0, 0)""",
    """INSERT INTO billing_notices (notice_key, account_id, kind, detail, created_at)
       SELECT 'refund:ch_1', id, 'refund', 'ch_1', 0 FROM accounts""",
    "INSERT INTO billing_cursor (id, events_until, next_at) VALUES (1, 5, 7)",
)
LEAF = "UPDATE conversations SET leaf_id = 'unfinished' WHERE id = :talk"


@pytest.fixture
def place(postgres: Server, tmp_path: Path) -> Places:
    """`await place("sqlite")`: where nothing is yet."""
    made = 0

    async def make(kind: str) -> Place:
        nonlocal made
        made += 1
        path = tmp_path / f"data{made}" / "chat.db"
        address = f"sqlite:///{path}" if kind == "sqlite" else await postgres.create()
        return Place(kind, address, {"DATABASE_URL": address, "SECRET_KEY": SECRET})

    return make


@dataclass
class Filled:
    """A place with people and talks; `texts`: what the page of a talk says, message by message."""

    place: Place
    person: Person
    texts: dict[str, list[str]]


Filling = Callable[[str], Awaitable[Filled]]


@pytest.fixture
async def filled(place: Places, upstream: Upstream, tmp_path: Path) -> AsyncIterator[Filling]:
    """`await filled("postgres")`: an installation that somebody has used, and that has left."""
    people: list[Person] = []

    async def fill(kind: str) -> Filled:
        found: Place = await place(kind)
        env = {**found.settings, "OPENAI_BASE_URL": upstream.url}
        async with Installer().running(tmp_path / "run", env) as site:
            people.append(person := Person(site.base))
            await person.register()
            (long,) = await add_talks(site, person, 1)
            await add_messages(site, person, long, MESSAGES)
            upstream.will(Answer(["First."]), Answer(["Second."]))
            sent = await person.send(ODD, attachment=await uploaded(person))
            await person.watched(reply_of(sent))
            retried = await person.partial(f"/replies/{reply_of(sent)}/retry")
            await person.watched(reply_of(retried))
            begun = conversation_of(await person.send("begun"))
            told = {"name": "Vet", "system": ODD, "temperature": "0.7"}
            await person.post("/presets", told)
            await person.post("/account/instructions", told)
            await person.post(f"/conversations/{long}/instructions", told)
            await person.post("/account/keys", {"provider": "openai", "key": "sk-of-adas-own"})
            texts = {talk: await said(person, talk) for talk in (long, conversation_of(sent))}
        await unfinish(found, begun)
        return Filled(found, person, texts)

    yield fill
    for person in people:
        await person.close()


async def said(person: Person, talk: str) -> list[str]:
    page = await person.get(f"/conversations/{talk}")
    return [part.get_text() for part in page.html.select("[data-part=text]")]


async def unfinish(found: Place, talk: str) -> None:
    """A reply that somebody was writing when the power went."""
    begun = "be\0gun " if found.kind == "sqlite" else "be\ufffdgun "

    async def write(tx: Transaction) -> None:
        await tx.run(query("test", BEGUN), talk=talk, text=begun)
        await tx.run(query("test", STARTED))
        await tx.run(query("test", LEAF), talk=talk)
        for statement in BOUGHT:
            await tx.run(query("test", statement))
        chunks = [{"seq": n, "body": f"chunk {n} "} for n in range(1, 4)]
        await tx.many(query("test", CHUNK), chunks)

    async with found.open() as db:
        await db.transaction(write)
