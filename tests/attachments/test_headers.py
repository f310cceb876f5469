"""Names and ranges, whatever they are."""

from hypothesis import given
from hypothesis import strategies as st

from chat.attachments.domain import clean_name
from chat.attachments.serving import disposition, part


@given(st.text(max_size=40) | st.from_regex(r"bytes=\d*-\d*", fullmatch=True), st.integers(0, 99))
def test_a_part_is_always_inside(header: str, size: int) -> None:
    found = part(header, size)
    assert found is None or found.whole or 0 <= found.start < found.stop <= size


@given(st.text(max_size=300))
def test_any_name_makes_one_clean_header(name: str) -> None:
    cleaned = clean_name(name)
    header = disposition("attachment", cleaned)

    assert cleaned
    assert len(cleaned.encode()) <= 200
    assert not set(cleaned) & set("/\\\r\n\0")
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
