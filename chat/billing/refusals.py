"""What a plan does not hold: what ran out, when it renews, and what still works."""

from collections.abc import Sequence
from dataclasses import dataclass

from chat.billing.plans import Plan
from chat.errors import Forbidden, OverLimit
from chat.providers.domain import Model
from chat.web.filters import minute, number
from chat.web.i18n import N_, gettext

SPENT = {
    "messages": N_(
        "You have used the %(limit)s messages of your plan. They renew on %(until)s (UTC)."
    ),
    "output_tokens": N_(
        "Too little is left of your plan's %(limit)s tokens. They renew on %(until)s (UTC)."
    ),
    "parallel": N_("Your plan writes %(limit)s answers at once. Wait for one to end."),
}
# Where the limit is one, or none.
SPENT_ONE = N_("You have used the one message of your plan. It renews on %(until)s (UTC).")
NO_MESSAGES = N_("Your plan holds no messages.")
TOO_FEW = N_(
    "That takes %(count)s messages, and your plan has %(left)s left. They renew on %(until)s (UTC)."
)
NEVER = N_("Your plan writes %(limit)s answers at once, and that takes %(count)s.")
NEVER_TWO = N_("Your plan writes one answer at a time, and that takes %(count)s.")
ONE = N_("Your plan writes one answer at a time. Wait for it to end.")
LOCKED = N_("%(model)s is not part of your plan. %(plan)s has it.")
NOWHERE = N_("%(model)s is not part of your plan.")
LABELS = {
    "messages": N_("Messages"),
    "output_tokens": N_("Tokens of answers"),
    "parallel": N_("Answers at once"),
    "stored_bytes": N_("Files"),
}
SOON = 5  # seconds after which another answer may have ended


@dataclass(frozen=True, slots=True)
class Meter:
    """What is used of what. `limit`: None when there is none; `resets_at`: ms, 0 for never."""

    key: str
    used: int
    limit: int | None
    resets_at: int = 0

    @property
    def label(self) -> str:
        return gettext(LABELS[self.key])

    @property
    def left(self) -> int:
        """Only where there is a limit."""
        return max(0, (self.limit or 0) - self.used)


class QuotaExceeded(OverLimit):
    """`wanted`: how much was asked for, all at once. `place`: the conversation, or ''."""

    place = ""

    def __init__(self, meter: Meter, wanted: int, now: int) -> None:
        self.meter = meter
        until = max(1, -(-(meter.resets_at - now) // 1_000)) if meter.resets_at else SOON
        super().__init__(
            _spent(meter, wanted),
            code="quota_exceeded",
            retry_after=until,
            limit=number(meter.limit or 0),
            left=number(meter.left),
            count=number(wanted),
            until=minute(meter.resets_at),
        )


class ModelNotInPlan(Forbidden):
    """`plan`: the least one that has the model, None when none does. `place` as above."""

    place = ""

    def __init__(self, model: Model, plan: Plan | None) -> None:
        self.model = model
        super().__init__(
            LOCKED if plan else NOWHERE,
            code="model_not_in_plan",
            model=gettext(model.name),
            plan=gettext(plan.name) if plan else "",
        )


Refusal = QuotaExceeded | ModelNotInPlan
REFUSALS = (QuotaExceeded, ModelNotInPlan)


@dataclass(frozen=True, slots=True)
class Shortage:
    """A refusal as it is shown. `models`: some that still work; `upgrade`: a plan to buy, or ''.

    `place`: the conversation that goes on with one of them, '' for a new one; `kept`: names and
    values of what was in the form, where the page does not hold it.
    """

    sentence: str
    code: str
    models: Sequence[Model]
    upgrade: str
    place: str = ""
    kept: Sequence[tuple[str, str]] = ()


def _spent(meter: Meter, wanted: int) -> str:
    if meter.key == "parallel" and wanted > (meter.limit or 0):
        return NEVER_TWO if meter.limit == 1 else NEVER
    if meter.key == "parallel" and meter.limit == 1:
        return ONE
    if meter.key == "messages" and wanted > 1 and meter.left:
        return TOO_FEW
    if meter.key == "messages" and not meter.limit:
        return NO_MESSAGES
    if meter.key == "messages" and meter.limit == 1:
        return SPENT_ONE
    return SPENT[meter.key]
