"""Files: brought, shown, listed, deleted."""

from dataclasses import replace

from quart import Blueprint, request, url_for
from quart_auth import login_required

from chat.accounts import visitor
from chat.attachments.domain import Attachment
from chat.attachments.intake import attachments, form_with_files, limits
from chat.attachments.keeping import current_files
from chat.attachments.serving import served
from chat.errors import Invalid, NotFound
from chat.web.hypermedia import Answer, changed, page
from chat.web.templating import render

blueprint = Blueprint("attachments", __name__)
MOST_CHIPS = 50  # ids in one address


@blueprint.post("/attachments")
@login_required
async def add() -> str:
    """Chips of the files that came, as a fragment."""
    _, kept = await form_with_files()
    if not kept:
        raise Invalid("Choose a file first.")
    return render("attachments/_chips.html", chips=kept)


@blueprint.get("/attachments")
@login_required
async def chips() -> str:
    """Chips of those `id`s that were not sent yet: a draft that is opened again."""
    ids = request.args.getlist("id")[:MOST_CHIPS]
    found = await attachments().some(ids, visitor.account_id())
    unsent = [each for each in found if each.message_id is None]
    return render("attachments/_chips.html", chips=unsent)


@blueprint.get("/attachments/<attachment_id>")
@login_required
async def show(attachment_id: str) -> Answer:
    """The file, or with `size` one of the pictures that were made of it."""
    found, size = await _get(attachment_id), request.args.get("size", "")
    if size and size not in found.pictures:
        raise NotFound
    try:
        return await served(current_files().store, found, size)
    except FileNotFoundError:
        raise NotFound("This file is missing: it was lost on the server.") from None


@blueprint.get("/attachments/<attachment_id>/text")
@login_required
async def text(attachment_id: str) -> Answer:
    """What a model reads of it."""
    (found,) = await current_files().checked([await _get(attachment_id)])
    return await page("attachments/text.html", file=found)


@blueprint.post("/attachments/<attachment_id>/deletion")
@login_required
async def delete(attachment_id: str) -> Answer:
    """A file in the list, also out of a message that was sent; or with `unsent` a chip.

    A chip may stand in another tab still when its file was sent: the message keeps it.
    """
    if (await request.form).get("unsent"):
        await attachments().discard(attachment_id, visitor.account_id())
    else:
        await attachments().delete(attachment_id, visitor.account_id())
    current_files().freed.set()
    return await changed("attachments/_gone.html", page=url_for(".index"))


@blueprint.get("/account/files")
@login_required
async def index() -> Answer:
    account_id = visitor.account_id()
    files, older = await attachments().page(account_id, request.args.get("before", ""))
    there = await current_files().checked([line.attachment for line in files])
    files = [replace(line, attachment=each) for line, each in zip(files, there, strict=True)]
    return await page(
        "attachments/index.html",
        files=files,
        older=older,
        used=await attachments().used(account_id),
        limits=limits(),
    )


async def _get(attachment_id: str) -> Attachment:
    return await attachments().get(attachment_id, visitor.account_id())
