"""Log lines: one each, whatever is in them."""

import json
import logging
import sys

import pytest

from chat.errors import Invalid
from chat.log import LONGEST, JsonLine, TextLine
from chat.web.guard import request_id

HOSTILE = "a\r\nb\x1b[31m\x00\x85\u2028\u202e\ud800" + "x" * 1_000_000


def record(message: str, error: Exception | None = None) -> logging.LogRecord:
    info = None
    if error:
        try:
            raise error
        except Exception:
            info = sys.exc_info()
    return logging.LogRecord("prosa", logging.ERROR, __file__, 1, "%s", (message,), info)


@pytest.mark.parametrize("formatter", [TextLine(), JsonLine()])
def test_s099_hostile_text_is_one_escaped_line_of_bounded_length(
    formatter: logging.Formatter,
) -> None:
    line = formatter.format(record(HOSTILE))

    assert line.isprintable()
    assert len(line.splitlines()) == 1
    assert LONGEST < len(line) < LONGEST + 200
    assert "a\\r\\nb" in line.replace("\\\\", "\\")


def test_an_unexpected_error_says_where_it_came_from_in_the_same_line() -> None:
    line = TextLine().format(record("Broken", RuntimeError("two\nlines")))

    assert "Broken: RuntimeError: two\\nlines at record (tests/test_log.py:" in line
    assert line.isprintable()


def test_an_expected_error_says_only_itself() -> None:
    line = TextLine().format(record("Refused", Invalid("Too short.")))
    assert line.endswith("Refused: Invalid: Too short.")


def test_json_lines_carry_the_request() -> None:
    token = request_id.set("2a")
    try:
        line = json.loads(JsonLine().format(record("said")))
    finally:
        request_id.reset(token)
    assert (line["level"], line["logger"], line["message"], line["request"]) == (
        "error",
        "prosa",
        "said",
        "2a",
    )
