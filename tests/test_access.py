"""Eve against everything of Ada's: by URL, by form, by child id under another parent."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from werkzeug.routing import Rule

from tests.attachments.sending import uploaded
from tests.people import PARTIAL, Person, conversation_of, reply_of
from tests.raw import ask
from tests.rows import rows, state, until
from tests.site import Site
from tests.upstream import Answer, Upstream

SECRETS = ("hippopotamus", "rhinoceros")  # a word of Ada's question, one of the reply
ABSENT = "0" * 32

# Every route is one of these. A new one belongs here before anything else.
PUBLIC = set(
    """health.healthz health.readyz assets.show conversations.new accounts.register
accounts.sign_up accounts.login accounts.log_in accounts.logout""".split()
)
OWN = set(
    """accounts.show accounts.preferences accounts.password accounts.end_others
attachments.add attachments.chips attachments.index conversations.default_model
conversations.index replies.start usage.show keys.show keys.save
keys.remove instructing.of_account instructing.save_of_account presets.index presets.add
billing.show billing.state billing.checkout billing.come_back billing.portal
leaving.show leaving.delete""".split()
)
# Not there, for whoever is no administrator.
ADMIN = set(
    """admin_billing.show admin_billing.sync admin_billing.notices admin_billing.grants""".split()
)
THINGS: dict[str, dict[str, str]] = {  # with a form that would do something to one's own
    "accounts.end_session": {},
    "attachments.show": {},
    "attachments.text": {},
    "attachments.delete": {},
    "conversations.show": {},
    "conversations.older": {},
    "conversations.path": {},
    "conversations.rename": {"title": "Taken"},
    "conversations.model": {"model": "openai/large"},
    "conversations.pin": {"on": "1"},
    "conversations.archive": {"on": "1"},
    "conversations.delete": {},
    "instructing.of_conversation": {},
    "instructing.save_of_conversation": {"system": "Obey Eve"},
    "presets.show": {},
    "presets.change": {"name": "Taken", "system": "Obey Eve"},
    "presets.delete": {},
    "editing.edit": {},
    "editing.add": {"text": "Go on", "model": "openai/tiny", "key": "k"},
    "replies.send": {"text": "Go on", "model": "openai/tiny", "key": "k"},
    "replies.show": {},
    "replies.stop": {},
    "replies.stop_all": {},
    "replies.retry": {},
    "replies.resume": {},
    "watching.stream": {},
    "watching.page": {},
}
QUERY = {"conversations.older": "?before={message}"}


@dataclass
class Things:
    """Ids of what is Ada's; `running` is a conversation whose reply is being written."""

    conversation: str
    reply: str
    running: str
    running_reply: str
    message: str
    session: str
    preset: str
    attachment: str

    def path(self, rule: Rule, *, finished: bool = True) -> str:
        found = {
            "conversation_id": self.conversation if finished else self.running,
            "reply_id": self.reply if finished else self.running_reply,
            "message_id": self.message if finished else self.running_reply,
            "session_id": self.session,
            "preset_id": self.preset,
            "attachment_id": self.attachment,
        }
        path = str(rule.rule)
        for name in rule.arguments:
            path = path.replace(f"<{name}>", found[name])
        return path + QUERY.get(rule.endpoint, "").format(message=self.message)

    def anonymous(self, text: str) -> str:
        for found in vars(self).values():
            text = text.replace(found, ABSENT)
        return text


NOTHING = Things(*[ABSENT] * 8)


@pytest.fixture(scope="module")
async def ada(site: Site) -> AsyncIterator[Person]:
    """The same for all of these tests: none of them may change anything of hers."""
    person = Person(site.base)
    await person.register()
    yield person
    await person.close()


@pytest.fixture(scope="module")
async def hers(site: Site, ada: Person, upstream: Upstream) -> Things:
    text = "My hippopotamus is ill"
    upstream.will(Answer(["Ask a ", "rhinoceros"]))
    attachment = await uploaded(ada, "hippopotamus.txt", b"rhinoceros")
    done = await ada.send(text, attachment=attachment)
    await ada.watched(reply_of(done))
    upstream.will(Answer(["Ask a rhinoceros", "."], held=asyncio.Event()))
    running = await ada.send(text)

    async def begun() -> bool:
        return await state(site, reply_of(running)) == "streaming"

    await until(begun, within=15)
    sql = "SELECT s.id FROM sessions s JOIN accounts a ON a.id = s.account_id WHERE email = :email"
    session = (await rows(site, sql, email=ada.email))[0]["id"]
    told = {"name": "Vet", "system": "You are a rhinoceros."}
    await ada.post("/presets", told)
    await ada.post("/account/instructions", told)
    await ada.post(f"/conversations/{conversation_of(done)}/instructions", told)
    await ada.post("/account/keys", {"provider": "openai", "key": "sk-rhinoceros"})
    sql = "SELECT p.id FROM presets p JOIN accounts a ON a.id = p.account_id WHERE email = :email"
    preset = (await rows(site, sql, email=ada.email))[0]["id"]
    return Things(
        conversation_of(done),
        reply_of(done),
        conversation_of(running),
        reply_of(running),
        str(done.one("[data-role=user]")["id"]).removeprefix("m-"),
        session,
        preset,
        attachment,
    )


@pytest.fixture
async def nobody(site: Site, people: Callable[..., Person]) -> Person:
    return people(site)


def rules(site: Site, endpoint: str) -> list[Rule]:
    return [rule for rule in site.app.url_map.iter_rules() if rule.endpoint == endpoint]


def methods(rule: Rule) -> list[str]:
    return sorted((rule.methods or set()) - {"OPTIONS"})


async def belongings(site: Site, person: Person) -> dict[str, list[dict[str, Any]]]:
    """All rows of an account."""
    mine = "account_id = (SELECT id FROM accounts WHERE email = :email)"
    found = {}
    tables = {"account_instructions": "account_id", "conversation_instructions": "account_id"}
    tables |= {"own_keys": "provider", "presets": "id"}
    tables |= dict.fromkeys(
        ("attachments", "conversations", "messages", "replies", "sessions"), "id"
    )
    for table, order in tables.items():
        sql = f"SELECT * FROM {table} WHERE {mine} ORDER BY {order}"
        found[table] = await rows(site, sql, email=person.email)
    found["account"] = await rows(site, "SELECT * FROM accounts WHERE email = :e", e=person.email)
    return found


def test_every_route_is_classified(site: Site) -> None:
    routes = {rule.endpoint for rule in site.app.url_map.iter_rules()}

    assert routes == PUBLIC | OWN | ADMIN | THINGS.keys()


def test_whatever_takes_an_id_is_somebody_s(site: Site) -> None:
    taking = {rule.endpoint for rule in site.app.url_map.iter_rules() if rule.arguments}

    assert taking - {"assets.show"} == THINGS.keys()


@pytest.mark.parametrize("shape", ["page", "fragment"])
@pytest.mark.parametrize("endpoint", sorted(THINGS))
async def test_eve_cannot_tell_ada_s_from_what_is_not_there(
    site: Site, ada: Person, eve: Person, hers: Things, endpoint: str, shape: str
) -> None:
    headers = PARTIAL if shape == "fragment" else {}
    before = await belongings(site, ada)
    form = THINGS[endpoint]
    for rule in rules(site, endpoint):
        for method in methods(rule):
            data = form if method == "POST" else None
            absent = await ask(eve, method, NOTHING.path(rule), headers, data=data)
            for finished in (True, False):
                path = hers.path(rule, finished=finished)
                foreign = await ask(eve, method, path, headers, data=data)

                expected = 303 if endpoint == "accounts.end_session" else 404
                assert foreign.status == absent.status == expected
                assert foreign.text == absent.text
                assert not any(word in foreign.text for word in SECRETS)
    assert await belongings(site, ada) == before


@pytest.mark.parametrize("shape", ["page", "fragment"])
@pytest.mark.parametrize("endpoint", sorted(OWN | ADMIN | THINGS.keys()))
async def test_whoever_is_not_signed_in_is_asked_to(
    site: Site, ada: Person, nobody: Person, hers: Things, endpoint: str, shape: str
) -> None:
    headers = PARTIAL if shape == "fragment" else {}
    before = await belongings(site, ada)
    for rule in rules(site, endpoint):
        for method in methods(rule):
            data = THINGS.get(endpoint) if method == "POST" else None
            path, nowhere = hers.path(rule), NOTHING.path(rule)
            asked = await ask(nobody, method, path, headers, data=data)
            absent = await ask(nobody, method, nowhere, headers, data=data)

            redirected = method != "POST" and shape == "page"
            assert asked.status == absent.status == (303 if redirected else 401)
            if redirected:
                assert asked.headers["Location"].startswith("/login?next=")
            assert not any(word in asked.text for word in SECRETS)
            assert hers.anonymous(asked.text) == absent.text
    assert await belongings(site, ada) == before


@pytest.mark.parametrize("endpoint", sorted(ADMIN))
async def test_what_is_about_everybody_is_not_there_for_others(
    site: Site, eve: Person, endpoint: str
) -> None:
    nowhere = await eve.get("/no-such-page")
    for rule in rules(site, endpoint):
        for method in methods(rule):
            form = {"email": eve.email, "plan": "pro"} if method == "POST" else None
            answer = await ask(eve, method, str(rule.rule), data=form)

            assert answer.status == 404
            assert method == "HEAD" or answer.text == nowhere.text


async def test_eve_finds_nothing_of_ada_s(eve: Person, hers: Things) -> None:
    own = ("/account", "/account/keys", "/account/instructions", "/presets")
    for path in ("/", "/conversations", *own, *(f"/conversations?q={w}" for w in SECRETS)):
        found = await eve.get(path)

        assert found.status == 200
        assert hers.conversation not in found.text
        assert hers.session not in found.text and hers.preset not in found.text
        assert "You are a rhinoceros" not in found.text and "key ends in" not in found.text


async def test_a_message_is_only_found_in_its_own_conversation(
    ada: Person, eve: Person, hers: Things
) -> None:
    """The id of a child under another parent, somebody else's or one's own."""
    mine = await eve.send("Hello")
    await eve.watched(reply_of(mine))
    for person, conversation in ((eve, conversation_of(mine)), (ada, hers.running)):
        for path in (f"/conversations/{conversation}/messages", f"/conversations/{conversation}"):
            for message in (hers.reply, hers.message, ABSENT):
                for name in ("before", "at") if path.endswith(conversation) else ("before",):
                    found = await person.get(f"{path}?{name}={message}")

                    assert found.status == 404
                    assert "rhinoceros" not in found.text


async def test_nothing_is_sent_below_a_message_of_another_conversation(
    eve: Person, hers: Things
) -> None:
    mine = await eve.send("Hello")
    await eve.watched(reply_of(mine))
    for message in (hers.reply, hers.message, ABSENT):
        refused = await eve.send("Go on", conversation_of(mine), parent=message)

        assert refused.status == 404


async def test_reading_changes_nothing(site: Site, ada: Person, hers: Things) -> None:
    """S079: links may be followed by anything that prefetches."""
    before = await belongings(site, ada)
    for rule in site.app.url_map.iter_rules():
        if "GET" in (rule.methods or ()) and rule.endpoint != "assets.show":
            answer = await ask(ada, "GET", hers.path(rule))
            assert answer.status in ((404,) if rule.endpoint in ADMIN else (200, 303)), rule
    assert await belongings(site, ada) == before


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
async def test_only_a_post_writes(site: Site, ada: Person, hers: Things, method: str) -> None:
    """S049: no other method, and none that is only claimed."""
    before = await belongings(site, ada)
    override = {"X-HTTP-Method-Override": "POST", "X-HTTP-Method": "POST"}
    writes = {str(rule.rule) for rule in site.app.url_map.iter_rules() if methods(rule) == ["POST"]}
    reads = {str(rule.rule) for rule in site.app.url_map.iter_rules() if "GET" in methods(rule)}
    for rule in site.app.url_map.iter_rules():
        if str(rule.rule) not in writes or (method in ("GET", "HEAD") and rule.rule in reads):
            continue
        path = hers.path(rule).partition("?")[0]
        answer = await ask(ada, method, f"{path}?_method=POST&on=1&title=x", override)
        assert answer.status == 405, path
        assert "POST" in answer.headers["Allow"]
    assert await belongings(site, ada) == before
