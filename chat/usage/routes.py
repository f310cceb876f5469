"""What the signed-in account used."""

from quart import Blueprint
from quart_auth import login_required

from chat.accounts import visitor
from chat.accounts.domain import DAY
from chat.usage.chart import chart
from chat.usage.domain import told_apart, total
from chat.usage.repository import UsageRepository
from chat.web.current import current_db, now
from chat.web.hypermedia import Answer, page

blueprint = Blueprint("usage", __name__)
DAYS = 30


@blueprint.get("/account/usage")
@login_required
async def show() -> Answer:
    usage, account_id, today = UsageRepository(current_db()), visitor.account_id(), now() // DAY
    since = today - DAYS + 1
    days = await usage.by_day(account_id, since)
    return await page(
        "usage/show.html",
        days=days,
        chart=chart(days, since, today),
        models=told_apart(await usage.by_model(account_id, since)),
        conversations=await usage.by_conversation(account_id, since),
        total=total(days),
    )
