"""The bytes of a message, in front of the blob and in it, in pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.store.blobs import CHUNK, Blobs
from postroom.store.database import Database
from postroom.store.letter import Letter
from postroom.store.mailboxes import Content

PREFIX = b"Received: here\r\n"


def letter(db: Database, body: bytes, prefix: bytes = PREFIX) -> Letter:
    blobs = Blobs(db)
    draft = blobs.draft()
    for start in range(0, len(body), 100_000):
        draft.write(body[start : start + 100_000])
    return Letter(blobs, Content(1, prefix, db.write(draft.store), body[:CHUNK], len(body)))


@given(st.integers(0, 40), st.integers(0, 40))
def test_any_part_of_a_small_message_can_be_read(start: int, length: int) -> None:
    whole = PREFIX + b"0123456789"
    one = Letter(None, Content(1, PREFIX, 1, b"0123456789", 10))  # type: ignore[arg-type]
    assert (one.whole, one.size) == (whole, len(whole))
    assert one.read(start, length) == whole[start : start + length]


@pytest.mark.parametrize(
    ("start", "end"), [(0, 10), (5, 30), (CHUNK - 5, CHUNK + 40), (CHUNK + 20, CHUNK + 30), (2 * CHUNK, 9 * CHUNK), (9 * CHUNK, 10 * CHUNK)]
)
def test_any_part_of_a_large_message_can_be_read(db: Database, start: int, end: int) -> None:
    body = b"".join(b"%09d\n" % number for number in range(60_000))
    one = letter(db, body)
    pieces = list(one.pieces(start, end))
    assert one.whole is None
    assert b"".join(pieces) == (PREFIX + body)[start:end]
    assert all(len(piece) <= CHUNK for piece in pieces)


def test_a_message_that_goes_meanwhile_is_told(db: Database) -> None:
    one = letter(db, bytes(3 * CHUNK))
    db.write(lambda tx: tx.do("DELETE FROM chunk WHERE blob_id = ?", (one.blob_id,)))
    with pytest.raises(KeyError):
        one.read(CHUNK, CHUNK)
