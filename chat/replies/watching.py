"""Watching a reply grow: as server-sent events, or as a page that is kept open."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from dataclasses import replace

from quart import Blueprint, Response, redirect, request, url_for
from quart_auth import login_required

from chat.accounts import visitor
from chat.conversations.composing import composer
from chat.conversations.domain import Message
from chat.conversations.picking import picker
from chat.conversations.views import conversations, history, standing, versioned, whole
from chat.errors import NotFound, OverLimit, Unavailable
from chat.replies.following import Step, follow
from chat.replies.generations import current_generations
from chat.replies.live import Live
from chat.replies.sending import replies
from chat.replies.sheet import Sheet
from chat.replies.streams import current_streams
from chat.web import sse
from chat.web.hypermedia import Answer, streamed
from chat.web.templating import render

blueprint = Blueprint("watching", __name__)
COME_BACK = (200, 1_200)  # milliseconds: not all of them at once
HTML = {"Content-Type": "text/html; charset=utf-8", "X-Accel-Buffering": "no"}


@blueprint.get("/replies/<reply_id>/stream")
@login_required
async def stream(reply_id: str) -> Response:
    """Server-sent events: what is new since `Last-Event-ID` finished blocks, then what comes."""
    reply, conversation = await replies().placed(reply_id, visitor.account_id())  # or 404
    current_streams().check(visitor.account_id())
    if request.method == "HEAD":
        return Response("", headers=sse.HEADERS)
    held = _held(request.headers.get("Last-Event-ID", ""))

    async def events() -> AsyncGenerator[bytes, None]:
        with _as_long_as_it_may(), _place():
            yield sse.comment("prosa")
            async with _growing(reply, conversation.id) as live:
                async for step in _watched(live, held):
                    yield sse.event(step.html, id=step.blocks) if step else sse.KEEP_ALIVE
            last = await _last(reply_id)
            wait = random.randint(*COME_BACK)  # noqa: S311 (nobody gains by guessing it)
            yield sse.event(last) if last else sse.moving(wait)

    return streamed(events, **sse.HEADERS)


@blueprint.get("/conversations/<conversation_id>/live")
@login_required
async def page(conversation_id: str) -> Answer:
    """The conversation's page for browsers without scripts, kept open while the reply grows.

    Of several side by side each is written to its end before the next: a page has one open end.
    """
    account_id = visitor.account_id()
    conversation = await conversations().get(conversation_id, account_id)
    at = request.args.get("at", "")
    context = await whole(conversation, at=at)
    if not context["running"]:
        url = url_for("conversations.show", conversation_id=conversation_id, at=at or None)
        return redirect(url, 303)
    current_streams().check(account_id)
    if request.method == "HEAD":
        return Response("", headers=HTML)
    *before, reply = context["messages"]
    first, *others = reply.sides
    context |= {"messages": before, "message": first, "picked": first, "history": await history()}

    async def written() -> AsyncGenerator[str, None]:
        with _as_long_as_it_may(), _place():
            yield render("conversations/_live_head.html", **context)
            async for part in _open_ended(first, conversation_id):
                yield part
            ended = await _ended(first, reply)
            for other in others:
                known = {"message": ended, "next": other, "picked": first}
                yield render("conversations/_live_next.html", **known)
                async for part in _open_ended(other, conversation_id):
                    yield part
                ended = await _ended(other, reply)
            form = composer(conversation, replace(reply, state=ended.state, beside=()))
            chosen = picker(conversation)
            yield render(
                "conversations/_live_foot.html", message=ended, composer=form, picker=chosen
            )

    return streamed(written, **HTML)


async def _ended(reply: Message, path: Message) -> Message:
    """The reply as it is now; `path`: the one in its row that the shown path leads through."""
    found, conversation = await replies().placed(reply.id, visitor.account_id())
    return replace(await versioned(found, conversation), chosen=reply.id == path.id)


def _place() -> AbstractContextManager[None]:
    return current_streams().place(visitor.account_id(), visitor.session_id())


def _as_long_as_it_may() -> AbstractContextManager[None]:
    """A stream that has begun can only end: when its reply is deleted, or its place was taken."""
    return suppress(NotFound, OverLimit, Unavailable)


@asynccontextmanager
async def _growing(reply: Message, place: str) -> AsyncIterator[Live | None]:
    """The reply while it is written; None when it was not any more as it was looked up."""
    if not reply.running:
        yield None
        return
    async with current_generations().watch(reply.id, visitor.account_id(), place) as live:
        yield live


async def _open_ended(reply: Message, place: str) -> AsyncGenerator[str, None]:
    sheet = Sheet()
    async with _growing(reply, place) as live:
        async for step in _watched(live, -1):
            if step and live:
                yield sheet.grown(live)
        if live is None or live.ending:
            reply = await replies().get(reply.id, visitor.account_id())
    if reply.running:  # on without this watcher, or elsewhere
        yield sheet.text()
    else:
        yield await asyncio.to_thread(sheet.ended, reply)


async def _watched(live: Live | None, held: int) -> AsyncGenerator[Step | None, None]:
    """Steps of a reply until it ends or the watcher's session does; None when nothing is new."""
    if live is None:
        return
    streams, session_id = current_streams(), visitor.session_id()
    async for step in follow(live, held):
        if streams.ended(session_id):
            return
        yield step


async def _last(reply_id: str) -> str:
    """The final bubble; '' when the reply goes on without this watcher, or was deleted."""
    try:
        reply, conversation = await replies().placed(reply_id, visitor.account_id())
    except NotFound:
        return ""
    if reply.running:
        return ""
    return render("replies/_ended.html", **await standing(reply, conversation))


def _held(last_event_id: str) -> int:
    """The number of blocks a page has; anything unusable asks for a snapshot."""
    usable = last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 9
    return int(last_event_id) if usable else -1
