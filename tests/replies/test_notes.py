"""What fits into a note comes out of it; what does not is looked up."""

from hypothesis import given
from hypothesis import strategies as st

from chat.db.database import LONGEST_NOTE
from chat.replies import notes
from chat.replies.domain import Chunk

TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
BODIES = st.one_of(TEXT, st.builds(lambda text, times: text * times, TEXT, st.integers(0, 500)))
CHUNKS = st.builds(
    Chunk,
    reply_id=st.text("0123456789abcdef", min_size=32, max_size=32),
    epoch=st.integers(1, 10**6),
    seq=st.integers(1, 10**6),
    body=BODIES,
    thought=st.just("") | BODIES,
)


@given(st.lists(CHUNKS, max_size=60))
def test_all_chunks_come_out_in_order_and_no_note_is_too_long(chunks: list[Chunk]) -> None:
    found = notes.of_chunks(chunks)

    assert all(len(note.encode()) <= LONGEST_NOTE for note in found)
    assert [notes.first_in(note) for note in found] == [
        next(notes.chunks_in(note))[0] for note in found
    ]
    came = [chunk for note in found for chunk in notes.chunks_in(note)]
    assert [chunk[:3] for chunk in came] == [(c.reply_id, c.epoch, c.seq) for c in chunks]
    for chunk, (_, _, _, *parts) in zip(chunks, came, strict=True):
        size = len(f"{chunk.body}{chunk.thought}".encode())
        assert parts == [chunk.body, chunk.thought] or (parts == [None, ""] and size > 3_000)


def test_only_chunks_have_a_first_one() -> None:
    others = (notes.of_end("a"), notes.of_stop("a"), notes.of_readers('["m', 1, 2), "")
    assert [notes.first_in(note) for note in others] == [""] * 4


def test_a_process_of_the_version_before_is_understood() -> None:
    assert list(notes.chunks_in('c[["a",1,2,"text"]]')) == [("a", 1, 2, "text", "")]


def test_many_short_chunks_share_a_note() -> None:
    chunks = [Chunk(f"{n:032x}", 1, 1, "a few words ") for n in range(200)]
    assert len(notes.of_chunks(chunks)) == 2
