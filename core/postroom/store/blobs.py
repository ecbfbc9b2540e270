"""Message bytes: stored once by content, in chunks, so that no size costs more memory than a chunk or two."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator

from ..ids import new_id
from .database import Database, StoreUnavailable, Tx

CHUNK = 256 * 1024
DRAFT_MS = 24 * 3600 * 1000  # nobody takes a day to send a message: an incomplete blob this old was left behind by a crash

FIND = "SELECT id FROM blob WHERE hash = ? AND complete = 1 LIMIT 1"
FIND_AND_KEEP = "SELECT id FROM blob WHERE hash = ? AND complete = 1 LIMIT 1 FOR KEY SHARE"  # the collector must wait for us
INSERT_BLOB = "INSERT INTO blob (id, hash, size, complete, created) VALUES (?, ?, ?, ?, ?)"
INSERT_CHUNK = "INSERT INTO chunk (blob_id, seq, data) VALUES (?, ?, ?)"
COMPLETE = "UPDATE blob SET hash = ?, size = ?, complete = 1 WHERE id = ? AND complete = 0 RETURNING id"
READ_CHUNK = "SELECT data FROM chunk WHERE blob_id = ? AND seq = ?"
READ_PART = "SELECT substr(data, ?, ?) FROM chunk WHERE blob_id = ? AND seq = ?"


class Blobs:
    """The blobs of one database."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self.db = db
        self.clock = clock

    def draft(self) -> Draft:
        """Begin a new blob."""
        return Draft(self)

    def read(self, blob_id: int) -> Iterator[bytes]:
        """The bytes in chunks of 256 KB, each by a short read of its own. Raises KeyError at once when there is no such blob."""
        first = self._chunk(blob_id, 0)
        if first is None:
            raise KeyError(blob_id)
        return self._following(blob_id, first)

    def part(self, blob_id: int, start: int, length: int) -> bytes:
        """``length`` bytes from ``start`` (counted from 0); fewer where the blob ends."""
        parts = []
        while length > 0:
            seq, offset = divmod(start, CHUNK)
            wanted = min(length, CHUNK - offset)
            row = self.db.read(lambda tx, p=(offset + 1, wanted, blob_id, seq): tx.one(READ_PART, p))  # type: ignore[misc]
            if row is None or not row[0]:
                break
            parts.append(bytes(row[0]))
            start, length = start + wanted, length - wanted
        return b"".join(parts)

    def _following(self, blob_id: int, data: bytes | None) -> Iterator[bytes]:
        seq = 0
        while data is not None:
            if data:
                yield data
            if len(data) < CHUNK:
                return
            seq += 1
            data = self._chunk(blob_id, seq)

    def _chunk(self, blob_id: int, seq: int) -> bytes | None:
        row = self.db.read(lambda tx: tx.one(READ_CHUNK, (blob_id, seq)))
        return None if row is None else bytes(row[0])


class Draft:
    """A blob that is being received: up to 256 KB in memory, whole chunks beyond that in the database at once."""

    __slots__ = ("_blobs", "_digest", "_first", "_hash", "_id", "_now", "_seq", "_tail", "_tail_size", "size")

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._digest = hashlib.blake2b(digest_size=32)
        self._first = b""  # the first chunk stays here: checks read the header from it
        self._hash = b""
        self._id = 0
        self._now = 0
        self._seq = 0  # chunks written out so far
        self._tail: list[bytes] = []
        self._tail_size = 0
        self.size = 0

    @property
    def head(self) -> bytes:
        """The first bytes received, up to 256 KB."""
        return self._first or self._joined()[:CHUNK]

    def write(self, data: bytes) -> None:
        """Add bytes. Beyond 256 KB this commits full chunks, so it may wait and raise StoreUnavailable; the draft is then of no more use."""
        if self._hash:
            raise ValueError("the draft is sealed")
        self._digest.update(data)
        self.size += len(data)
        self._tail.append(data)
        self._tail_size += len(data)
        if self._tail_size > CHUNK:
            self._spill()

    def chunks(self) -> Iterator[bytes]:
        """All bytes received so far, from the start at each call."""
        for seq in range(self._seq):
            data = self._first if seq == 0 else self._blobs._chunk(self._id, seq)
            if data is None:
                raise KeyError(self._id)
            yield data
        yield from list(self._tail)

    def seal(self) -> None:
        """No more bytes will come: finish the hash here rather than on the writer thread. Calling it twice changes nothing."""
        if not self._hash:
            self._hash = self._digest.digest()
            self._tail = [self._joined()]
            self._now = int(self._blobs.clock() * 1000)
            self._id = self._id or new_id()

    def store(self, tx: Tx) -> int:
        """Make it a blob inside the caller's transaction (or find one of equal content) and return the blob's id."""
        if not self._hash:
            self.seal()
        row = tx.one(FIND if tx.dialect == "sqlite" else FIND_AND_KEEP, (self._hash,))
        if row is not None and row[0] != self._id:
            if self._seq:
                _drop_incomplete(tx, self._id)
            return int(row[0])
        if self._seq == 0:
            tx.do(INSERT_BLOB, (self._id, self._hash, self.size, 1, self._now))
        elif tx.one(COMPLETE, (self._hash, self.size, self._id)) is None:
            raise StoreUnavailable("the draft of this message was removed: it took longer than a day")
        if self._tail_size or self._seq == 0:
            tx.do(INSERT_CHUNK, (self._id, self._seq, self._tail[0]))
        return self._id

    def abandon(self) -> None:
        """Remove what was written out and not stored: harmless after ``store``. The draft is empty afterwards."""
        if self._seq:
            blob_id = self._id
            self._blobs.db.write(lambda tx: _drop_incomplete(tx, blob_id))
        self._seq = self._tail_size = 0
        self._tail, self._first = [], b""

    def _joined(self) -> bytes:
        return self._tail[0] if len(self._tail) == 1 else b"".join(self._tail)

    def _spill(self) -> None:
        data = self._joined()
        full = (len(data) - 1) // CHUNK  # the last byte stays here: a blob always ends with the chunk that store() writes
        pieces = [data[start * CHUNK : (start + 1) * CHUNK] for start in range(full)]
        self._tail = [data[full * CHUNK :]]
        self._tail_size = len(self._tail[0])
        del data
        for piece in pieces:
            self._write_out(piece)

    def _write_out(self, piece: bytes) -> None:
        begin = self._seq == 0
        if begin:
            self._first, self._id = piece, new_id()
        blob_id, seq, now = self._id, self._seq, int(self._blobs.clock() * 1000)

        def work(tx: Tx) -> None:
            if begin:
                tx.do(INSERT_BLOB, (blob_id, b"", 0, 0, now))
            tx.do(INSERT_CHUNK, (blob_id, seq, piece))

        self._blobs.db.write(work)
        self._seq += 1


def _drop_incomplete(tx: Tx, blob_id: int) -> None:
    if tx.execute("DELETE FROM blob WHERE id = ? AND complete = 0 RETURNING id", (blob_id,)):
        tx.do("DELETE FROM chunk WHERE blob_id = ?", (blob_id,))
