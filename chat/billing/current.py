"""The plan of whoever sent this request, and how much of it is used."""

from collections.abc import Sequence
from dataclasses import dataclass

from quart import g, request

from chat.accounts import visitor
from chat.billing import allowance
from chat.billing.access import Access, access
from chat.billing.parts import current_plans
from chat.billing.refusals import Meter, ModelNotInPlan, QuotaExceeded, Refusal, Shortage
from chat.keys import own
from chat.providers.domain import Model
from chat.providers.guide import MODEL as GUIDE
from chat.web.current import current_catalog, current_db, current_settings, now
from chat.web.failures import sentence

# Where a composer, a picker or the limits of files are asked for.
SHOWING = "conversations presets replies editing watching attachments".split()
WITHOUT = ("watching.stream", "replies.show", "conversations.older", "attachments.show")
NEARLY = 0.8  # of a limit, from which on the composer shows it
OTHERS = 3  # models that a refusal offers


@dataclass(frozen=True, slots=True)
class Standing:
    """`meters`: those that can run out in a window."""

    access: Access
    meters: tuple[Meter, ...] = ()


async def resolve() -> None:
    """Before each request that shows what may be asked."""
    if request.blueprint in SHOWING and request.endpoint not in WITHOUT and visitor.account():
        await renew()


async def renew() -> None:
    """Looks again: after something was reserved."""
    db, account_id, plans = current_db(), visitor.account_id(), current_plans()
    found = await access(db, account_id, now(), plans)
    plan, meters = found.plan, list[Meter]()
    if plan.messages is not None or plan.output_tokens is not None:
        meters = await allowance.meters(db, account_id, found, now())
    ending = tuple(each for each in meters if each.limit is not None and each.resets_at)
    g.standing = Standing(found, ending)


def standing() -> Standing:
    """Of this request; the default plan's where nobody is signed in."""
    found = g.get("standing")
    return (
        found if isinstance(found, Standing) else Standing(Access(current_plans().default, "free"))
    )


def nearly() -> Meter | None:
    """The meter that runs out first, once it is worth showing."""
    near = [m for m in standing().meters if m.limit and m.used >= NEARLY * m.limit]
    return max(near, key=lambda m: m.used / (m.limit or 1), default=None)


async def meters(account_id: str) -> list[Meter]:
    """Everything that the account's plan counts."""
    db = current_db()
    found = await access(db, account_id, now(), current_plans())
    counted = await allowance.meters(db, account_id, found, now())
    return [*counted, *await allowance.stored(db, account_id, found)]


async def upload_limits(account_id: str) -> tuple[int | None, int | None, int | None]:
    """(bytes of one file, files with one message, bytes of all files); None where none is set."""
    plan = (await access(current_db(), account_id, now(), current_plans())).plan
    return plan.upload_bytes, plan.upload_files, plan.stored_bytes


def allowed(model: Model) -> bool:
    """Whether this visitor's plan holds the model."""
    return current_plans().allows(standing().access.plan, model)


def default_model() -> Model:
    """What this visitor's new conversations begin with."""
    usual = own.default()
    if allowed(usual):
        return usual
    return current_plans().default_model(standing().access.plan, current_catalog().offer())


def lock(model: Model) -> ModelNotInPlan:
    """Why this visitor cannot ask the model."""
    return ModelNotInPlan(model, current_plans().holder(model))


def shortage(error: Refusal, kept: Sequence[tuple[str, str]] = ()) -> Shortage:
    """What a refusal shows, and leads on to."""
    higher = current_plans().higher(standing().access.plan)
    sells = bool(current_settings().stripe_secret_key)
    return Shortage(
        sentence=sentence(error),
        code=error.code,
        models=_others(error),
        upgrade=higher.name if higher and sells else "",
        place=error.place,
        kept=kept,
    )


def _others(error: Refusal) -> list[Model]:
    """A few models that could be asked instead, the default first."""
    if isinstance(error, QuotaExceeded) and error.meter.key != allowance.TOKENS:
        return []  # replies are counted whoever writes them
    offer = current_catalog().offer()
    answering = (group for group in offer.groups if not group.trouble)
    found = [default_model(), *(model for group in answering for model in group.models)]
    fitting = {each.id: each for each in found if allowed(each) and _fits(each, error)}
    fitting.pop(GUIDE.id, None)  # it answers nothing of what people ask
    return list(fitting.values())[:OTHERS]


def _fits(model: Model, error: Refusal) -> bool:
    if isinstance(error, QuotaExceeded):
        return allowance.estimate(model) <= error.meter.left
    return True
