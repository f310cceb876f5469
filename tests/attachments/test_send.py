"""Files go with messages: with the form, by their chips, into new versions."""

import json
import secrets

from tests.attachments.sending import form, ids_of, post, upload, uploaded
from tests.people import Answer, Person, conversation_of, reply_of
from tests.rows import count
from tests.site import Site
from tests.upstream import Upstream

ABSENT = "0" * 32


def fields(text: str = "Read this", **more: str) -> dict[str, str]:
    return {"text": text, "model": "openai/tiny", "key": secrets.token_hex(8), **more}


def names(answer: Answer) -> list[str]:
    return [each.text for each in answer.html.select(".message .files bdi")]


async def test_a_chip_goes_with_its_message_and_is_shown_there(ada: Person) -> None:
    chip = await uploaded(ada, "notes.txt")
    answer = await ada.send("Read this", attachment=chip)
    page = await ada.get(f"/conversations/{conversation_of(answer)}")

    assert names(answer) == names(page) == ["notes.txt"]
    assert answer.words(".card small") == "11 bytes · What the model reads"
    assert page.html.select("#composer .chip") == []


async def test_files_in_the_form_itself_need_no_script(ada: Person) -> None:
    body = form([("a.txt", b"alpha"), ("b.txt", b"beta")], **fields())
    page = await post(ada, "/conversations", body, partial=False)

    assert page.status == 200
    assert names(page) == ["a.txt", "b.txt"]
    assert page.one(".message .bubble").text == "Read this"

    more = form([("c.txt", b"gamma")], **fields("And this"))
    path = f"/conversations/{conversation_of(page)}/messages"
    await ada.watched(reply_of(page))
    assert names(await post(ada, path, more, partial=False)) == ["a.txt", "b.txt", "c.txt"]


async def test_a_refused_form_keeps_its_text_and_its_chips(ada: Person) -> None:
    chip = await uploaded(ada, "first.txt")
    body = form([("second.txt", b"2")], **fields(model="nobody/knows", attachment=chip))
    page = await post(ada, "/conversations", body, partial=False)

    assert page.status == 422
    assert page.one("#composer textarea").text.strip() == "Read this"
    assert [each.text for each in page.html.select("#composer .chip bdi")] == [
        "first.txt",
        "second.txt",
    ]
    again = await ada.post(
        "/conversations", fields(attachment=ids_of(page)[1], discard=ids_of(page)[0])
    )
    assert names(again) == ["second.txt"]


async def test_a_file_that_is_too_large_leaves_what_was_typed(site: Site, ada: Person) -> None:
    before = await count(site, "attachments")
    large = b"x" * (site.settings.limit_upload_mb * 1_000_000 + 1)
    page = await post(ada, "/conversations", form([("film.mkv", large)], **fields()), partial=False)

    assert page.status == 413
    assert page.one("#composer textarea").text.strip() == "Read this"
    assert page.one("#composer .problem")["data-code"] == "upload_too_large"
    assert "film.mkv" in page.words("#composer .problem")
    assert await count(site, "attachments") == before


async def test_somebody_else_s_file_or_a_sent_one_refuses_the_message(
    site: Site, ada: Person, eve: Person
) -> None:
    """Both ways: her file on my message, my file on her conversation."""
    hers, mine = await uploaded(ada), await uploaded(eve)
    sent = await uploaded(eve)
    conversation = conversation_of(await ada.send("Hello"))
    await eve.send("Mine", attachment=sent)
    before = await count(site, "messages")
    for wrong in (hers, sent, ABSENT, "' OR 1=1 --"):
        refused = await eve.send("Give it to me", attachment=wrong)
        assert refused.status == 404
        assert "notes.txt" not in refused.text
    refused = await eve.send("Into yours", conversation, attachment=mine)

    assert refused.status == 404
    assert await count(site, "messages") == before
    assert await count(site, "attachments", "id = :id AND message_id IS NULL", id=mine) == 1
    assert (await ada.send("With it", attachment=hers)).status == 200


async def test_too_many_files_are_refused_with_the_number(ada: Person) -> None:
    files = [(f"{n}.txt", b"x%d" % n) for n in range(11)]
    refused = await upload(ada, *files)

    assert refused.status == 422
    assert refused.words(".notice") == "A message takes 10 files. Leave some out."
    chips = ids_of(await upload(ada, *files[:10]))
    body = form(files[10:], **fields())
    for chip in chips:
        body.add_field("attachment", chip)
    page = await post(ada, "/conversations", body, partial=False)
    assert page.status == 422
    assert len(ids_of(page)) == 11


async def test_the_same_key_with_the_same_files_is_the_same_message(
    site: Site, ada: Person
) -> None:
    again = fields(attachment=await uploaded(ada))
    first, second = (
        await ada.partial("/conversations", again),
        await ada.partial("/conversations", again),
    )
    assert conversation_of(first) == conversation_of(second)
    assert names(second) == ["notes.txt"]

    once = fields("With the form")
    bodies = [form([("a.txt", b"a of a form")], **once) for _ in range(2)]
    first, second = [await post(ada, "/conversations", body) for body in bodies]
    assert conversation_of(first) == conversation_of(second)
    mine = "account_id = (SELECT id FROM accounts WHERE email = :e)"
    assert await count(site, "attachments", mine, e=ada.email) == 2

    other = form([("a.txt", b"another content")], **once)
    refused = await post(ada, "/conversations", other)
    assert refused.status == 409
    assert refused.one(".notice")["data-code"] == "key_reused"


async def test_a_new_version_keeps_the_files_of_the_old_one(ada: Person) -> None:
    answer = await ada.send("Read this", attachment=await uploaded(ada))
    await ada.watched(reply_of(answer))
    question = str(answer.one("[data-role=user]")["id"]).removeprefix("m-")
    form = fields("Read this again")
    page = await ada.post(f"/messages/{question}/versions", form)

    assert page.words(".message .bubble") == "Read this again"
    assert names(page) == ["notes.txt"]
    old = await ada.get(f"/conversations/{conversation_of(page)}?at={question}")
    assert names(old) == ["notes.txt"]
    await ada.watched(reply_of(page))
    retried = await ada.partial(f"/replies/{reply_of(page)}/retry")
    assert retried.status == 200
    assert names(await ada.get(f"/conversations/{conversation_of(page)}")) == ["notes.txt"]


async def test_a_draft_finds_its_unsent_files_and_nobody_else_s(ada: Person, eve: Person) -> None:
    first, sent, hers = await uploaded(ada, "1.txt"), await uploaded(ada), await uploaded(eve)
    await ada.send("Gone", attachment=sent)
    found = await ada.get(f"/attachments?id={first}&id={sent}&id={hers}&id={ABSENT}")

    assert ids_of(found) == [first]


async def test_a_removed_chip_is_gone(site: Site, ada: Person) -> None:
    chip = await uploaded(ada)
    removed = await ada.partial(f"/attachments/{chip}/deletion")

    assert (removed.status, removed.text.strip()) == (200, "")
    assert (await ada.partial(f"/attachments/{chip}/deletion")).status == 404
    assert await count(site, "attachments", "id = :id", id=chip) == 0
    refused = await ada.send("Read this", attachment=chip)
    assert refused.status == 404
    said = "A file of this message is gone, or was sent already. Leave it out."
    assert refused.words(".notice") == said


async def test_files_say_it_without_a_word(ada: Person, upstream: Upstream) -> None:
    answer = await ada.send("", attachment=await uploaded(ada, "Minutes of May.txt"))
    await ada.watched(reply_of(answer))
    page = await ada.get(f"/conversations/{conversation_of(answer)}")
    (asked,) = upstream.asked[-1]["messages"]

    assert names(page) == ["Minutes of May.txt"]
    assert page.words("h1").startswith("Minutes of May.txt")
    assert "Some notes." in asked["content"]

    upstream.asked.clear()
    await ada.watched(reply_of(await ada.send("And now?", conversation_of(answer))))
    first, _, last = upstream.asked[-1]["messages"]
    assert (first["content"], last["content"]) == (asked["content"], "And now?")
    again = await ada.post(f"/messages/{page.one('.message')['id'][2:]}/versions", fields(""))
    assert again.status == 422


async def test_a_message_whose_file_is_gone_stays_where_it_was_written(ada: Person) -> None:
    await ada.post("/presets", {"name": "Vet", "model": "", "system": "You are a vet."})
    listed = await ada.get("/presets")
    preset = str(listed.one(".sessions a")["href"]).removeprefix("/?preset=")
    new = await ada.post("/conversations", fields(attachment=ABSENT, preset=preset))

    assert new.status == 404
    assert new.one("#composer [name=preset]")["value"] == preset
    assert new.one("#composer textarea").text.strip() == "Read this"

    first = await ada.send("One")
    older = reply_of(first)
    await ada.watched(older)
    await ada.watched(reply_of(await ada.partial(f"/replies/{older}/retry")))
    below = fields(attachment=ABSENT, parent=older)
    again = await ada.post(f"/conversations/{conversation_of(first)}/messages", below)

    assert again.status == 404
    assert again.one("#composer [name=parent]")["value"] == older


async def test_a_chip_that_another_tab_still_shows_takes_nothing_out_of_its_message(
    site: Site, ada: Person, eve: Person
) -> None:
    shown = await upload(ada, ("notes.txt", b"Some notes."))
    chip = ids_of(shown)[0]
    button = shown.one(".chip button[hx-post]")
    url, values = str(button["hx-post"]), json.loads(str(button["hx-vals"]))
    await eve.partial(url, values)
    await ada.send("Read this", attachment=chip)
    removed = await ada.partial(url, values)

    assert (removed.status, removed.text.strip()) == (200, "")
    assert await count(site, "attachments", "id = :id AND message_id <> ''", id=chip) == 1
    waits = await uploaded(ada)
    await ada.partial(url.replace(chip, waits), values)
    assert await count(site, "attachments", "id = :id", id=waits) == 0


async def test_odd_ids_are_nobody_s_files(ada: Person) -> None:
    chip = await uploaded(ada)
    for odd in ("%00", f"{chip}%00", "%22", "a" * 5_000):
        found = await ada.get(f"/attachments?id={odd}&id={chip}")
        assert (found.status, ids_of(found)) == (200, [chip]), odd
    page = await ada.post("/conversations", fields(attachment="\0"))
    assert page.status == 404
    assert page.one("#composer textarea").text.strip() == "Read this"
    assert (await ada.send("No file", attachment="")).status == 200
