"""What we take from Stripe's objects: ids, states and times. Everything else stays there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

SECOND = 1_000
LATEST = 2**40  # seconds; beyond it is no date
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_ID = re.compile(r"[\w-]{1,255}", re.ASCII)
_TYPE = re.compile(r"[a-z0-9_.]{1,100}")


@dataclass(frozen=True, slots=True)
class Session:
    id: str
    status: str  # open, complete, expired
    url: str


@dataclass(frozen=True, slots=True)
class Mirror:
    """A subscription as it is stored; times in milliseconds. `prices`: of all its items."""

    id: str
    status: str
    prices: tuple[str, ...]
    period_start: int | None
    period_end: int | None
    trial_end: int | None
    cancel_at: int | None
    ended_at: int | None
    started_at: int
    unpaid_since: int | None  # its newest invoice is open since then
    amount: int | None
    currency: str
    interval: str


@dataclass(frozen=True, slots=True)
class Invoice:
    """Amounts in the currency's smallest unit, times in milliseconds."""

    id: str
    created_at: int
    amount: int
    currency: str
    status: str
    url: str
    subscription: str
    paid_at: int | None


@dataclass(frozen=True, slots=True)
class Price:
    id: str
    active: bool
    recurring: bool
    live: bool
    amount: int | None
    currency: str
    interval: str


@dataclass(frozen=True, slots=True)
class Event:
    """`created_at` in milliseconds; `customer` is '' where the object names none."""

    id: str
    type: str
    created_at: int
    customer: str
    object_id: str


def event(found: Any) -> Event:
    """ValueError unless it has the shape of an event."""
    data = found["data"]["object"]
    if not isinstance(data, Mapping):
        raise ValueError("an event about nothing")
    event_id, kind = found["id"], found["type"]
    if not (isinstance(event_id, str) and _ID.fullmatch(event_id)):
        raise ValueError("an event without an id")
    if not (isinstance(kind, str) and _TYPE.fullmatch(kind)):
        raise ValueError("an event without a type")
    own = _id(data.get("id"))
    customer = own if kind.startswith("customer.") and kind.count(".") == 1 else customer_of(data)
    return Event(event_id, kind, _time(found.get("created")) or 0, customer, own)


def customer_of(found: Any) -> str:
    """The customer of an object, whether it is expanded or an id."""
    return _id(found.get("customer")) if isinstance(found, Mapping) else ""


def session(found: Mapping[str, Any]) -> Session:
    paid = found.get("payment_status") == "paid"
    status = found.get("status") or ("complete" if paid else "open")
    return Session(found["id"], status, found.get("url") or "")


def subscription(found: Mapping[str, Any]) -> Mirror:
    """Of any of Stripe's versions: since 2025 periods are those of the items."""
    items = (found.get("items") or {}).get("data") or []
    first = items[0] if items else {}
    prices = [_price_of(item) for item in items]
    price = prices[0] if prices else {}
    start = first.get("current_period_start") or found.get("current_period_start")
    end = first.get("current_period_end") or found.get("current_period_end")
    cancel = found.get("cancel_at") or (end if found.get("cancel_at_period_end") else None)
    return Mirror(
        id=found["id"],
        status=found["status"],
        prices=tuple(_id(each) for each in prices),
        period_start=_time(start),
        period_end=_time(end),
        trial_end=_time(found.get("trial_end")),
        cancel_at=_time(cancel),
        ended_at=_time(found.get("ended_at")),
        started_at=_time(found.get("start_date")) or _time(found.get("created")) or 0,
        unpaid_since=_unpaid(found.get("latest_invoice")),
        amount=price.get("unit_amount", price.get("amount")),
        currency=price.get("currency") or "",
        interval=(price.get("recurring") or price).get("interval") or "",
    )


def invoice(found: Mapping[str, Any]) -> Invoice:
    """Of any of Stripe's versions: since 2025 a subscription is what an invoice's parent names."""
    parent = (found.get("parent") or {}).get("subscription_details") or {}
    return Invoice(
        id=found["id"],
        created_at=_time(found.get("created")) or 0,
        amount=int(found.get("total") or 0),
        currency=found.get("currency") or "",
        status=found.get("status") or "",
        url=_web(found.get("hosted_invoice_url")),
        subscription=_id(parent.get("subscription") or found.get("subscription")),
        paid_at=_time((found.get("status_transitions") or {}).get("paid_at")),
    )


def price(found: Mapping[str, Any], live: bool) -> Price:
    """`live`: what it is taken for where Stripe does not say it."""
    recurring = found.get("recurring") or {}
    return Price(
        id=found["id"],
        active=bool(found.get("active", True)),
        recurring=bool(recurring) or "recurring" not in found,
        live=bool(found.get("livemode", live)),
        amount=found.get("unit_amount"),
        currency=found.get("currency") or "",
        interval=recurring.get("interval") or "",
    )


def _price_of(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Before there were prices an item had a plan, of the same shape."""
    found = item.get("price") or item.get("plan") or {}
    return found if isinstance(found, Mapping) else {"id": found}


def _unpaid(found: Any) -> int | None:
    """A renewal is finalised and tried at once: the first failure was then."""
    if not isinstance(found, Mapping) or found.get("status") != "open":
        return None
    finalised = (found.get("status_transitions") or {}).get("finalized_at")
    return _time(finalised) or _time(found.get("created"))


def _id(found: Any) -> str:
    if isinstance(found, Mapping):
        found = found.get("id")
    return found if isinstance(found, str) and _ID.fullmatch(found) else ""


def _time(seconds: Any) -> int | None:
    """Milliseconds of Stripe's seconds; None for what is no time."""
    usable = isinstance(seconds, int) and not isinstance(seconds, bool) and 0 <= seconds <= LATEST
    return seconds * SECOND if usable else None


def _web(url: Any) -> str:
    """An address that may stand in a link; Stripe's stand-in is on the loopback."""
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
    except ValueError:
        return ""
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    return str(url) if safe and parts.hostname else ""
