"""Sends, stops, retries and continuations."""

import asyncio
from typing import Any

from quart import (
    Blueprint,
    redirect,
    request,
    url_for,
)
from quart_auth import login_required

from chat.accounts import visitor
from chat.attachments.intake import waiting
from chat.attachments.repository import FileGone
from chat.billing import current as billing
from chat.billing.refusals import REFUSALS, Refusal
from chat.conversations.composing import composer, kept
from chat.conversations.picking import picker
from chat.conversations.views import (
    column,
    conversations,
    fresh,
    history,
    standing,
    through,
    versioned,
    whole,
)
from chat.errors import ChatError, NotFound
from chat.replies import sending
from chat.replies.domain import Started
from chat.replies.generations import current_generations
from chat.replies.sending import replies
from chat.web.addresses import address
from chat.web.failures import marked, sentence
from chat.web.hypermedia import Answer, changed, elsewhere, page, partial
from chat.web.templating import render

blueprint = Blueprint("replies", __name__)


@blueprint.post("/conversations")
@login_required
async def start() -> Answer:
    """A new conversation with its first message."""
    try:
        started = await sending.send()
    except ChatError as error:
        if partial():
            raise
        return await _refused(error, "conversations/new.html", fresh())
    if not partial():
        return redirect(_anchor(started), 303)
    url = address("conversations.show", conversation_id=started.conversation.id)
    messages = [started.question, started.reply]
    context = column(started.conversation, messages, started.reply)
    return await changed(
        "replies/_started.html", page=url, push=url, history=await history(), **context
    )


@blueprint.post("/conversations/<conversation_id>/messages")
@login_required
async def send(conversation_id: str) -> Answer:
    """The next message of a conversation."""
    conversation = await conversations().get(conversation_id, visitor.account_id())
    try:
        started = await sending.send(conversation_id)
    except ChatError as error:
        if partial():
            raise
        at = "" if _astray(error) else (await request.form).get("parent", "")
        return await _refused(error, "conversations/show.html", await whole(conversation, at=at))
    return await changed(
        "replies/_sent.html",
        page=_anchor(started),
        messages=[started.question, started.reply],
        conversation=started.conversation,
        composer=composer(started.conversation, started.reply),
        picker=picker(started.conversation),
        history=await history(),
        open_id=conversation_id,
    )


@blueprint.get("/replies/<reply_id>")
@login_required
async def show(reply_id: str) -> str:
    reply, conversation = await replies().placed(reply_id, visitor.account_id())
    return render("replies/_reply.html", message=await versioned(reply, conversation))


@blueprint.post("/replies/<reply_id>/stop")
@login_required
async def stop(reply_id: str) -> Answer:
    account_id = visitor.account_id()
    reply, conversation = await replies().placed(reply_id, account_id)
    if reply.running:
        await current_generations().stop(reply_id, account_id, conversation.id)
        reply, conversation = await replies().placed(reply_id, account_id)
    url = url_for("conversations.show", conversation_id=conversation.id)
    context = await standing(reply, conversation)
    return await changed("replies/_replaced.html", page=f"{url}#m-{reply_id}", **context)


@blueprint.post("/conversations/<conversation_id>/stop")
@login_required
async def stop_all(conversation_id: str) -> Answer:
    """Stops every reply that is being written there."""
    account_id = visitor.account_id()
    conversation = await conversations().get(conversation_id, account_id)
    found = await replies().running(conversation_id, account_id)
    stop_one = current_generations().stop
    await asyncio.gather(*(stop_one(each, account_id, conversation_id) for each in found))
    ended = [await standing(await replies().get(each, account_id), conversation) for each in found]
    return await changed(
        "replies/_stopped.html",
        page=url_for("conversations.show", conversation_id=conversation_id),
        messages=[each["message"] for each in ended],
        composer=composer(conversation, ended[-1]["message"] if ended else None),
    )


@blueprint.post("/replies/<reply_id>/retry")
@login_required
async def retry(reply_id: str) -> Answer:
    last = await _is_last(reply_id)
    try:
        started = await sending.retry(reply_id)
    except REFUSALS as error:
        return await _short(error, reply_id)
    return await _again(started, last)


@blueprint.post("/replies/<reply_id>/continuation")
@login_required
async def resume(reply_id: str) -> Answer:
    alone = not (await replies().get(reply_id, visitor.account_id())).side
    last = alone or await _is_last(reply_id)
    try:
        started = await sending.resume(reply_id)
    except REFUSALS as error:
        return await _short(error, reply_id)
    return await _again(started, last)


async def _again(started: Started, last: bool) -> Answer:
    if not last:  # what came after the old answer is on another branch now
        return elsewhere(through(started.conversation.id, started.reply.id))
    context = await standing(started.reply, started.conversation)
    return await changed("replies/_replaced.html", page=_anchor(started), **context)


async def _refused(error: ChatError, template: str, context: dict[str, Any]) -> Answer:
    """The page that the form was on, with everything typed in it, and the reason."""
    form = await request.form
    chips, said, code = await waiting(), sentence(error), error.code
    if isinstance(error, REFUSALS):
        context["shortage"], said, code = billing.shortage(error, kept(form, chips)), "", ""
    preset = "" if _astray(error) else form.get("preset", "")
    refused = context["composer"].refused(form.get("text", ""), said, code, preset, chips)
    model, *sides = form.getlist("model") or [""]
    context["composer"] = refused
    context["picker"] = picker(context.get("conversation"), model, sides)
    return marked(await page(template, history=await history(), **context), error)


def _astray(error: ChatError) -> bool:
    """Whether what the form builds on is gone: its preset, or the message before."""
    return isinstance(error, NotFound) and not isinstance(error, FileGone)


async def _short(error: Refusal, reply_id: str) -> Answer:
    """The reply as it is, and below the composer why there is no other one."""
    if partial():
        raise error
    _, conversation = await replies().placed(reply_id, visitor.account_id())
    context = await whole(conversation, at=reply_id) | {"shortage": billing.shortage(error)}
    return marked(await page("conversations/show.html", history=await history(), **context), error)


async def _is_last(reply_id: str) -> bool:
    account_id = visitor.account_id()
    reply, conversation = await replies().placed(reply_id, account_id)
    return await conversations().ends_at(reply, conversation, account_id)


def _anchor(started: Started) -> str:
    url = address("conversations.show", conversation_id=started.conversation.id)
    return f"{url}#m-{started.reply.id}"
