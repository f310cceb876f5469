"""The door for files: what a request may bring, and what becomes of it."""

import re
from collections.abc import Callable
from typing import cast

from quart import g, request
from werkzeug.datastructures import MultiDict

from chat.accounts import visitor
from chat.accounts.throttle import MINUTE, Throttle
from chat.attachments.domain import MOST_UNSENT, Attachment, Limits
from chat.attachments.keeping import Arriving, current_files
from chat.attachments.repository import AttachmentRepository
from chat.billing import current as billing
from chat.billing.plans import Plan, Plans
from chat.errors import Invalid
from chat.settings import Settings
from chat.web.current import current_db, current_settings, now
from chat.web.i18n import ngettext
from chat.web.multipart import Request

UPLOAD_FILES = 10  # of a message
STORED_BYTES = 1_000_000_000  # of an account
A_MINUTE = 60  # files of an account
_FORM = 1024 * 1024  # bytes, beside the files
_BRINGING = re.compile(r"/attachments|/conversations(/[^/]+/messages)?")


def attachments() -> AttachmentRepository:
    return AttachmentRepository(current_db())


def limits() -> Limits:
    """What the signed-in account may bring: what its plan says, else the settings."""
    return _of_plan(current_settings(), billing.standing().access.plan)


def file_limit(settings: Settings, plans: Plans) -> Callable[[str], int]:
    """Bytes of a form that brings files to a path, 0 where none are taken: for the guard."""
    bounds = [_of_plan(settings, plan) for plan in plans.by_key.values()] or [_usual(settings)]
    size = max(each.upload_bytes * each.upload_files for each in bounds) + _FORM
    return lambda path: size if _BRINGING.fullmatch(path) else 0


async def form_with_files() -> tuple[MultiDict[str, str], list[Attachment]]:
    """The form, and the files that came in its field `files`, which are kept then.

    Errors: TooLarge, Invalid, OverLimit, Unavailable; none of the files is kept then, and
    `request.form` has what was typed.
    """
    bound, account_id = limits(), visitor.account_id()
    intake = _Intake(bound)
    taking = cast(Request, request)
    taking.intake = intake
    kept: list[Attachment] = []
    try:
        form: MultiDict[str, str] = await request.form
        if taking.refusal:
            raise taking.refusal
        for arrived in intake.arrived:
            kept.append(await current_files().keep(arrived, account_id, bound))
    except BaseException:
        if kept:
            await current_files().discard(kept, account_id)
        raise
    finally:
        intake.drop()
    g.brought = [each.id for each in kept]
    return form, kept


async def to_be_sent() -> tuple[str, ...]:
    """Ids of what the form names, and of what came with it; Invalid when they are too many."""
    form = await request.form
    ids = [*form.getlist("attachment"), *g.get("brought", ())]
    left_out = set(form.getlist("discard"))  # a form may name tens of thousands
    wanted = tuple(each for each in dict.fromkeys(ids) if each and each not in left_out)
    most = limits().upload_files
    if len(wanted) > most:
        raise Invalid(_too_many(most))
    return wanted


async def name_of(attachment_id: str) -> str:
    """The name of a file, '' where it is nobody's or another's."""
    found = await attachments().some([attachment_id], visitor.account_id())
    return found[0].name if found else ""


async def waiting() -> tuple[Attachment, ...]:
    """What the form of this request would have sent: its page shows the chips again."""
    form = await request.form
    ids = [*form.getlist("attachment"), *g.get("brought", ())][:MOST_UNSENT]
    found = await attachments().some(ids, visitor.account_id())
    return tuple(each for each in found if each.message_id is None)


def _too_many(most: int) -> str:
    return ngettext(
        "A message takes %(number)s file. Leave some out.",
        "A message takes %(number)s files. Leave some out.",
        most,
        number=most,
    )


class _Intake:
    """The files of one request, on the disk as they arrive."""

    def __init__(self, bound: Limits) -> None:
        self.arrived: list[Arriving] = []
        self._bound = bound
        self._room = 0

    async def begin(self, name: str) -> Arriving:
        if len(self.arrived) >= self._bound.upload_files:
            raise Invalid(_too_many(self._bound.upload_files))
        await Throttle(current_db(), now()).count(
            f"upload {visitor.account_id()}",
            A_MINUTE,
            MINUTE,
            "That was a lot of files in a minute. Wait a little, then send more.",
        )
        if not self.arrived:
            self._room = self._bound.stored_bytes - await attachments().used(visitor.account_id())
        room = self._room - sum(each.size for each in self.arrived)
        self.arrived.append(Arriving(current_files().folder, name, self._bound, room))
        return self.arrived[-1]

    def drop(self) -> None:
        for each in self.arrived:
            each.drop()


def _of_plan(settings: Settings, plan: Plan) -> Limits:
    usual = _usual(settings)
    size, number, stored = plan.upload_bytes, plan.upload_files, plan.stored_bytes
    return Limits(
        usual.upload_bytes if size is None else size,
        usual.upload_files if number is None else number,
        usual.stored_bytes if stored is None else stored,
    )


def _usual(settings: Settings) -> Limits:
    return Limits(settings.limit_upload_mb * 1_000_000, UPLOAD_FILES, STORED_BYTES)
