"""Message bytes: stored once by content, in chunks, so that no size costs more memory than a chunk or two."""

from __future__ import annotations

import hashlib
import itertools
import random
import time
from collections.abc import Callable, Iterator, Sequence

from postroom.ids import RANDOM_BITS

from .collect import collect, drop_incomplete
from .database import Database, StoreUnavailable, Tx

CHUNK = 256 * 1024
PIECES = 512  # small writes that are kept apart: each costs more memory than its bytes
LOW_BITS = (1 << RANDOM_BITS) - 1

STORE = (
    "INSERT INTO blob (id, hash, size, complete, created, data) SELECT ?, ?, ?, 1, ?, ?"
    " WHERE NOT EXISTS (SELECT 1 FROM blob WHERE hash = ?) RETURNING id"
)
FIND = "SELECT id FROM blob WHERE hash = ? LIMIT 1"
FIND_AND_KEEP = f"{FIND} FOR KEY SHARE"  # PostgreSQL: the collector must wait for us; a row that it has just removed is not found
INSERT = "INSERT INTO blob (id, hash, size, complete, created, data) VALUES (?, ?, ?, ?, ?, ?)"
INSERT_CHUNK = "INSERT INTO chunk (blob_id, seq, data) VALUES (?, ?, ?)"
COMPLETE = "UPDATE blob SET hash = ?, size = ?, complete = 1 WHERE id = ? AND complete = 0 RETURNING id"
READ_FIRST = "SELECT data, size FROM blob WHERE id = ?"
READ_SMALL = "SELECT id, data FROM blob WHERE size <= ? AND id IN ({marks})"
READ_CHUNK = "SELECT data FROM chunk WHERE blob_id = ? AND seq = ?"
PART_OF_FIRST = "SELECT substr(data, CAST(? AS INTEGER), CAST(? AS INTEGER)) FROM blob WHERE id = ?"
PART = "SELECT substr(data, CAST(? AS INTEGER), CAST(? AS INTEGER)) FROM chunk WHERE blob_id = ? AND seq = ?"


class Blobs:
    """The blobs of one database."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self.db = db
        self.clock = clock
        self._serial = itertools.count(random.SystemRandom().getrandbits(RANDOM_BITS))

    def new_id(self) -> int:
        """An id like those of ``postroom.ids`` whose low bits count on from a random start: two of one process never collide."""
        return int(self.clock() * 1000) << RANDOM_BITS | next(self._serial) & LOW_BITS

    def draft(self) -> Draft:
        """Begin a new blob."""
        return Draft(self)

    def read(self, blob_id: int) -> Iterator[bytes]:
        """The bytes in chunks of 256 KB, each by a read of its own. Raises KeyError at once when there is no such blob."""
        row = self.db.read(lambda tx: tx.one(READ_FIRST, (blob_id,)))
        if row is None:
            raise KeyError(blob_id)
        return self.following(blob_id, bytes(row[0]), row[1])

    def small(self, blob_ids: Sequence[int], limit: int) -> dict[int, bytes]:
        """Those of these blobs that have ``limit`` bytes (256 KB) at most, by one read that leaves the hub alone."""
        rows = self.db.read_slow(lambda tx: tx.execute(READ_SMALL.format(marks=",".join("?" * len(blob_ids))), (limit, *blob_ids)))
        return {number: bytes(data) for number, data in rows}

    def following(self, blob_id: int, first: bytes, size: int) -> Iterator[bytes]:
        """The chunks of a blob of ``size`` bytes whose first chunk has been read. Raises KeyError when it is removed meanwhile."""
        yield first
        for seq in range(1, -(-size // CHUNK)):
            yield self.chunk(blob_id, seq)

    def chunk(self, blob_id: int, seq: int) -> bytes:
        """One chunk after the first (which is in the blob's own row). Raises KeyError when it is gone.

        Never on the hub: who sends a large message to a quick peer has no other wait, and would let nobody else run until its end.
        """
        row = self.db.read_slow(lambda tx: tx.one(READ_CHUNK, (blob_id, seq)))
        if row is None:
            raise KeyError(blob_id)
        return bytes(row[0])

    def part(self, blob_id: int, start: int, length: int) -> bytes:
        """``length`` bytes from ``start`` (counted from 0); fewer where the blob ends, none when it is gone."""
        parts = []
        while length > 0:
            seq, offset = divmod(start, CHUNK)
            wanted = min(length, CHUNK - offset)
            found = self._part(blob_id, seq, offset, wanted)
            parts.append(found)
            if len(found) < wanted:
                break
            start, length = start + wanted, length - wanted
        return b"".join(parts)

    def collect(self, now: float) -> int:
        """Remove blobs that nobody refers to any more; ``now`` in epoch seconds; returns how many. To be run under a lease."""
        return collect(self.db, now)

    def _part(self, blob_id: int, seq: int, offset: int, wanted: int) -> bytes:
        sql, key, read = (PART, (blob_id, seq), self.db.read_slow) if seq else (PART_OF_FIRST, (blob_id,), self.db.read)
        row = read(lambda tx: tx.one(sql, (offset + 1, wanted, *key)))
        return b"" if row is None else bytes(row[0] or b"")  # SQLite: a part of nothing is NULL


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
        """Add bytes. Beyond 256 KB this commits full chunks, so it waits, and may raise StoreUnavailable: the end of the draft."""
        if self._hash:
            raise ValueError("the draft is sealed")
        self._digest.update(data)
        self.size += len(data)
        self._tail.append(data)
        self._tail_size += len(data)
        if self._tail_size > CHUNK:
            self._spill()
        elif len(self._tail) > PIECES:
            self._tail = [self._joined()]

    def chunks(self) -> Iterator[bytes]:
        """All bytes received so far, from the start at each call."""
        for seq in range(self._seq):
            yield self._blobs.chunk(self._id, seq) if seq else self._first or self._blobs.part(self._id, 0, CHUNK)
        yield from list(self._tail)

    def seal(self) -> None:
        """No more bytes will come: finish the hash here rather than on the writer thread. Calling it twice changes nothing."""
        if not self._hash:
            self._hash = self._digest.digest()
            self._tail = [self._joined()]
            self._now = int(self._blobs.clock() * 1000)
            self._id = self._id or self._blobs.new_id()

    def set_aside(self) -> None:
        """Seal it and keep all its bytes in the database, none in memory: its turn comes later. May raise StoreUnavailable."""
        self.seal()
        if self._tail_size:
            self._write_out(self._tail[0])
            self._tail, self._tail_size, self._first = [], 0, b""

    @property
    def whole(self) -> tuple[int, bytes, int, int, bytes] | None:
        """Id, hash, size, time and bytes of a sealed draft that is all in memory, else None."""
        return None if self._seq or not self._hash else (self._id, self._hash, self.size, self._now, self._tail[0])

    def store(self, tx: Tx) -> int:
        """Make it a blob inside the caller's transaction (or find one of equal content) and return the blob's id.

        The same transaction must refer to it: only what was referred to once is looked at by the collector.
        """
        self.seal()
        if self._seq:
            return self._complete(tx)
        assert self.whole is not None
        if tx.one(STORE, (*self.whole, self._hash)) is not None:
            return self._id
        found = self._equal(tx)
        if found is None:  # it was there a moment ago: the collector has removed it
            found = self._id
            tx.do(INSERT, (self._id, self._hash, self.size, 1, self._now, self._tail[0]))
        return found

    def _complete(self, tx: Tx) -> int:
        found = self._equal(tx)
        if found is not None:
            drop_incomplete(tx, self._id)
            return found
        if tx.one(COMPLETE, (self._hash, self.size, self._id)) is None:
            raise StoreUnavailable("the beginning of this message was removed: it took longer than a day")
        if self._tail_size:  # else it was set aside, all of it
            tx.do(INSERT_CHUNK, (self._id, self._seq, self._tail[0]))
        return self._id

    def _equal(self, tx: Tx) -> int | None:
        row = tx.one(FIND if tx.dialect == "sqlite" else FIND_AND_KEEP, (self._hash,))
        return None if row is None else int(row[0])

    def abandon(self) -> None:
        """Remove what was written out and not stored: harmless after ``store``. The draft is empty afterwards."""
        if self._seq:
            blob_id = self._id
            self._blobs.db.write(lambda tx: drop_incomplete(tx, blob_id))
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
            self._first, self._id = piece, self._blobs.new_id()
        blob_id, seq, now = self._id, self._seq, int(self._blobs.clock() * 1000)

        def work(tx: Tx) -> None:
            if begin:
                tx.do(INSERT, (blob_id, b"", 0, 0, now, piece))
            else:
                tx.do(INSERT_CHUNK, (blob_id, seq, piece))

        self._blobs.db.write(work)
        self._seq += 1
