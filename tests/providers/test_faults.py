"""Faults of the wire, made by a model server that orders them, and their kinds."""

import json
import time
from email.utils import formatdate

import aiohttp
import pytest
from llmock.pytest_plugin import LLMock

from chat.providers.anthropic import Anthropic
from chat.providers.domain import Done, Provider
from chat.providers.faults import from_answer, from_payload
from chat.providers.gemini import Gemini
from chat.providers.http import Limits
from chat.providers.openai import OpenAI
from tests.providers.wire import failed, text_of, told

ANSWER = "One two three four five six seven eight."


@pytest.fixture(params=[OpenAI, Anthropic, Gemini], ids=lambda wire: wire.__name__.lower())
def provider(
    request: pytest.FixtureRequest, llmock: LLMock, http: aiohttp.ClientSession
) -> Provider:
    llmock.reply(ANSWER, times=None)
    limits = Limits(first=10, idle=1.5, backoff=0.01)
    wire: type[OpenAI | Anthropic | Gemini] = request.param
    name = wire.__name__.lower()
    return wire(name, name, llmock.base_url(name), "key-for-tests", http, limits=limits)


async def test_a_rate_limit_is_waited_for_as_long_as_the_provider_says(
    llmock: LLMock, provider: Provider
) -> None:
    llmock.rate_limit(times=1, retry_after=0.2)
    began = time.monotonic()

    assert text_of(await told(provider)) == ANSWER
    assert time.monotonic() - began >= 0.2
    assert len(llmock.requests) == 2


async def test_a_rate_limit_of_minutes_is_told_at_once(llmock: LLMock, provider: Provider) -> None:
    llmock.rate_limit(times=1, retry_after=120)

    _, error = await failed(provider)

    assert (error.kind, error.status, error.retry_after) == ("rate_limit", 429, 120)
    assert len(llmock.requests) == 1


@pytest.mark.parametrize("status", [500, 503])
async def test_an_outage_is_given_up_after_two_more_tries(
    llmock: LLMock, provider: Provider, status: int
) -> None:
    llmock.outage(status=status)

    _, error = await failed(provider)

    assert (error.kind, error.status) == ("overloaded", status)
    assert len(llmock.requests) == 3


@pytest.mark.parametrize(
    ("status", "kind"), [(400, "bad_request"), (401, "auth"), (404, "not_found")]
)
async def test_what_trying_again_cannot_mend_is_asked_once(
    llmock: LLMock, provider: Provider, status: int, kind: str
) -> None:
    llmock.fail(status, times=None)

    assert (await failed(provider))[1].kind == kind
    assert len(llmock.requests) == 1


async def test_a_prompt_that_is_too_long_says_so(llmock: LLMock, provider: Provider) -> None:
    llmock.context_overflow()

    assert (await failed(provider))[1].kind == "context"


@pytest.mark.parametrize(
    ("fault", "more", "kind"),
    [
        ("disconnect", {}, "network"),
        ("truncate", {}, "truncated"),
        ("corrupt", {}, "protocol"),
        ("stall", {"seconds": 3}, "timeout"),
    ],
)
async def test_a_fault_in_the_middle_keeps_the_text_and_is_not_tried_again(
    llmock: LLMock, provider: Provider, fault: str, more: dict[str, int], kind: str
) -> None:
    # A reset takes what was not read yet with it: the text must be long there by then.
    llmock.pace(200 if fault == "disconnect" else 20)
    getattr(llmock, fault)(after_chunks=4, **more)

    text, error = await failed(provider)

    assert error.kind == kind
    assert text and ANSWER.startswith(text) and text != ANSWER
    assert len(llmock.requests) == 1


async def test_a_slow_first_token_within_the_limit_is_no_fault(
    llmock: LLMock, provider: Provider
) -> None:
    llmock.slow_first_token(0.5)

    assert (await told(provider))[-1] == Done("stop")


async def test_nobody_there_is_a_network_error(http: aiohttp.ClientSession) -> None:
    provider = OpenAI("o", "O", "http://127.0.0.1:9/v1", "", http, limits=Limits(backoff=0.01))

    assert (await failed(provider))[1].kind == "network"


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999/v1", "nonsense", "http://[::1/v1"])
async def test_an_impossible_address_is_an_error_of_ours(
    http: aiohttp.ClientSession, url: str
) -> None:
    provider = OpenAI("o", "O", url, "", http, limits=Limits(backoff=0.01))

    assert (await failed(provider))[1].kind in ("network", "protocol")


def error(**fields: object) -> bytes:
    return json.dumps({"error": fields}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, b"", "auth"),
        (403, b"<html>", "auth"),
        (402, b"{}", "billing"),
        (429, error(code="insufficient_quota", message="You exceeded your quota"), "billing"),
        (429, error(message="Rate limit reached: maximum context length"), "rate_limit"),
        (404, error(code="model_not_found", message="The model `x` does not exist"), "not_found"),
        (400, error(code="context_length_exceeded", message="too long"), "context"),
        (400, error(code=400, type="exceed_context_size_error", n_ctx=2048), "context"),
        (400, error(message="This model's maximum context length is 8192 tokens"), "context"),
        (500, error(message="image input is not supported - hint"), "unsupported"),
        (400, error(message="Model does not support image input"), "unsupported"),
        (400, error(message="odd", type="invalid_request_error"), "bad_request"),
        (422, b'{"detail":[{"msg":"no","input":"image is not supported"}]}', "bad_request"),
        (400, error(status="INVALID_ARGUMENT", message="API key not valid. Pass another."), "auth"),
        (
            400,
            error(status="FAILED_PRECONDITION", message="Please enable billing on it"),
            "billing",
        ),
        (400, error(message="The input token count (9) exceeds the maximum number"), "context"),
        (400, error(message="input length and `max_tokens` exceed context limit"), "context"),
        (400, error(message="Your credit balance is too low to access the API"), "billing"),
        (413, error(type="request_too_large", message="Request exceeds the size"), "context"),
        (429, error(status="RESOURCE_EXHAUSTED", message="check your billing"), "rate_limit"),
        (503, error(status="UNAVAILABLE", message="The model is overloaded."), "overloaded"),
        (
            429,
            error(
                code="rate_limit_exceeded",
                message="Request too large for x on tokens per min (TPM): Limit 30000, Requested 4",
            ),
            "context",
        ),
        (504, error(status="DEADLINE_EXCEEDED", message="too slow"), "timeout"),
        (418, b"[]", "bad_request"),
        (503, error(message="Loading model"), "overloaded"),
        (529, b"", "overloaded"),
        (500, b"null", "overloaded"),
        (307, b"", "protocol"),
        (400, error(code=400, message="openai/no-such is not a valid model ID"), "not_found"),
        (400, error(message="Model Not Exist", type="invalid_request_error"), "not_found"),
        (400, error(message="Invalid model: no-such", code="invalid_model"), "not_found"),
        (
            403,
            error(code="model_not_found", message="Project `p` does not have access to model `x`"),
            "not_found",
        ),
        (403, error(code=403, message="Your input was flagged"), "filtered"),
        (403, error(code="content_policy_violation", message="No"), "filtered"),
        (400, error(message="Output blocked by content filtering policy"), "filtered"),
        (400, error(code="content_filter", message="The prompt triggered it"), "filtered"),
    ],
)
def test_the_kind_of_an_error_answer(status: int, body: bytes, kind: str) -> None:
    assert from_answer(status, {}, body).kind == kind


def test_the_status_of_an_error_inside_a_stream_is_found() -> None:
    assert from_payload({"error": {"code": 402, "message": "pay"}}).status == 402


def test_the_message_is_short_and_holds_no_key() -> None:
    body = error(message="Bad key sk-proj-abcdef1234567890 or odd+key!\n" + "x" * 9000)
    message = from_answer(401, {}, body, "odd+key!").message
    assert "abcdef" not in message and "odd+key!" not in message and "\n" not in message
    assert len(message) == 500


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ("7", 7, 7),
        ("0.5", 0.5, 0.5),
        ("-3", 0, 0),
        ("nan", 0, 0),
        ("soon", 0, 0),
        ("9e99", 86_400, 86_400),
    ],
)
def test_retry_after_is_seconds(value: str, low: float, high: float) -> None:
    assert low <= from_answer(429, {"Retry-After": value}, b"").retry_after <= high


@pytest.mark.parametrize(
    ("delay", "seconds"), [("31s", 31), ("0.5s", 0.5), ("soon", 0), ("-1s", 0), (7, 0)]
)
def test_googles_delay_stands_among_the_details(delay: object, seconds: float) -> None:
    details = [7, {"@type": "Help"}, {"@type": "RetryInfo", "retryDelay": delay}]
    body = b"[" + error(code=429, details=details) + b"]"

    assert from_answer(429, {}, body).retry_after == seconds
    assert from_answer(429, {"Retry-After": "9"}, body).retry_after == 9


def test_retry_after_may_be_a_date() -> None:
    date = formatdate(time.time() + 1000, usegmt=True)

    assert 900 <= from_answer(429, {"Retry-After": date}, b"").retry_after <= 1001
