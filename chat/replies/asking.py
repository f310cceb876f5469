"""A question and its replies as they are before anything is written."""

import secrets
from collections.abc import Sequence
from dataclasses import replace

from chat.conversations.domain import Message
from chat.providers.domain import Model


def asked(text: str, models: Sequence[Model], now: int) -> tuple[Message, Message]:
    """A beginning, and the reply of its first model with those of the others beside it."""
    question = question_of(secrets.token_hex(16), text, now)
    if len(models) == 1:
        return question, reply_to(question.id, models[0], now)
    sides = enumerate(models, 1)
    reply, *others = [reply_to(question.id, model, now, side) for side, model in sides]
    return question, replace(reply, beside=tuple(replace(each, chosen=False) for each in others))


def question_of(message_id: str, text: str, now: int) -> Message:
    return Message(message_id, None, "user", text, "", now, "", "", "", "")


def reply_to(question_id: str, model: Model, now: int, side: int = 0) -> Message:
    """`side`: its column, 0 where it is alone."""
    return Message(
        id=secrets.token_hex(16),
        parent_id=question_id,
        role="assistant",
        text="",
        html="",
        created_at=now,
        state="pending",
        reason="",
        model=model.id,
        model_name=model.name,
        side=side,
    )
