"""Error answers of providers, sorted into the kinds of the domain."""

import json
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from chat.providers.domain import Kind, ProviderError

MAX_BODY = 64 * 1024  # bytes of an error answer that are looked at
MAX_MESSAGE = 500  # characters of it that reach the log
_STATUS = re.compile(r"[45]\d\d", re.ASCII)
_KEYS = re.compile(r"\b(?:sk|pk|rk|gsk|xai|hf|AIza)[-_]?[\w*.-]{8,}|Bearer\s+\S+", re.IGNORECASE)


def from_answer(
    status: int, headers: Mapping[str, str], body: bytes, api_key: str = ""
) -> ProviderError:
    """The error in an HTTP answer; `body` may be anything, `api_key` never reaches the message."""
    text, wait = body[:MAX_BODY].decode("utf-8", "replace"), _retry_after(headers)
    try:
        return from_payload(json.loads(text), status, api_key=api_key, retry_after=wait)
    except (ValueError, RecursionError):  # no JSON, or nested too deep to be looked through
        return from_payload(text, status, api_key=api_key, retry_after=wait)


def from_payload(
    payload: object, status: int = 0, *, api_key: str = "", retry_after: float = 0
) -> ProviderError:
    """The error in a decoded body or stream chunk; `status` 0 when there was none."""
    if isinstance(payload, list) and payload:
        payload = payload[0]
    code, message = _words(payload)
    if status in (0, 200) and _STATUS.match(code):
        status = int(code[:3])
    if api_key:
        message = message.replace(api_key, "[key]")
    message = _KEYS.sub("[key]", " ".join(message.split()))[:MAX_MESSAGE]
    kind = _kind(status, code.lower(), message.lower())
    wait = retry_after or _retry_delay(payload)
    return ProviderError(kind, message, status=status, retry_after=wait)


def _words(payload: object) -> tuple[str, str]:
    """What machines and what people are to read, from any of the shapes in use."""
    if not isinstance(payload, dict):
        return "", str(payload)
    error = payload.get("error") or payload
    if not isinstance(error, dict):
        return "", str(error)
    code = " ".join(str(error[name]) for name in ("code", "status", "type") if error.get(name))
    message = str(error.get("message") or error.get("detail") or "")
    if isinstance(details := error.get("detail"), list):  # FastAPI; `input` there is the prompt
        message = "; ".join(
            f"{each.get('loc')} {each.get('msg')}" for each in details if isinstance(each, dict)
        )
    param = str(error.get("param") or "")
    return code, message if param in message else f"{message} ({param})"


def _kind(status: int, code: str, message: str) -> Kind:
    if status == 429 and _TOO_LARGE.search(message):
        return "context"
    for kind, statuses, codes, phrases in _RULES:
        if status in statuses or codes.search(code):
            return kind
        if status != 429 and phrases.search(message):
            return kind
    if status >= 500 or status == 0:
        return "overloaded"
    return "bad_request" if status >= 400 else "protocol"


_NEVER = re.compile(r"(?!)")
_TOO_LARGE = re.compile(r"request too large")  # for a minute's tokens: to wait does not help

# Statuses, then words in code or type, then words in the message: the first rule that fits.
_RULES: tuple[tuple[Kind, frozenset[int], re.Pattern[str], re.Pattern[str]], ...] = (
    (
        "billing",
        frozenset({402}),
        re.compile(r"insufficient_quota|billing|insufficient_(credit|balance)"),
        re.compile(r"insufficient (credit|balance|fund)|credit balance is too low|enable billing"),
    ),
    (
        "context",
        frozenset({413}),
        re.compile(r"context_length|exceed_context_size|request_too_large"),
        re.compile(
            r"(maximum|exceeds?|available).{0,40}context|prompt is too long"
            r"|token count.{0,40}exceeds"
        ),
    ),
    (
        "unsupported",
        frozenset(),
        re.compile(r"unsupported_(image|content)"),
        re.compile(
            r"image.{0,40}(not supported|only supported|not enabled)|support.{0,20}image"
            r"|unknown variant .?image_url|not a multimodal model|at most 0 image"
            r"|required for image input|content must be a string"
        ),
    ),
    (
        "filtered",  # OpenRouter says so with 403
        frozenset(),
        re.compile(r"content_(filter|policy)|moderation"),
        re.compile(r"(input|prompt|request|message|content).{0,40} flagged|content filtering"),
    ),
    ("not_found", frozenset(), re.compile(r"model_not_found"), _NEVER),  # OpenAI: also with 403
    (
        "auth",
        frozenset({401, 403}),
        re.compile(r"invalid_api_key|authentication|permission"),
        re.compile(r"api key (not valid|expired)"),
    ),
    (
        "not_found",
        frozenset({404}),
        re.compile(r"not_found_error|invalid_model"),
        re.compile(
            r"model.{0,80}(does not exist|not found|not exist)|not a valid model|^invalid model"
        ),
    ),
    ("rate_limit", frozenset({429}), re.compile(r"rate_limit|too_many_requests|exhausted"), _NEVER),
    ("timeout", frozenset({408, 504}), re.compile(r"timeout|deadline_exceeded"), _NEVER),
    ("overloaded", frozenset({503, 529}), re.compile(r"overloaded|server_error|api_error"), _NEVER),
    ("bad_request", frozenset({400, 422}), re.compile(r"invalid_request"), _NEVER),
)


def _retry_delay(payload: object) -> float:
    """Seconds, from the RetryInfo among the details of Google's errors; 0 without one."""
    error = payload.get("error") if isinstance(payload, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(delay, str) and re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,9})?s", delay):
            return float(delay[:-1])
    return 0


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds, from a number or a date (RFC 9110, 10.2.3); 0 when absent or unreadable."""
    try:
        if value := headers.get("Retry-After-Ms", ""):
            seconds = float(value) / 1000
        elif (value := headers.get("Retry-After", "")) and not value[:1].isalpha():
            seconds = float(value)
        else:
            seconds = parsedate_to_datetime(value).timestamp() - time.time() if value else 0
    except (ValueError, OverflowError):
        return 0
    return min(seconds, 86_400) if seconds > 0 else 0
