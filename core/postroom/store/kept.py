"""Answers that are asked for again and again, kept for each blob: structure, envelope, preview, thread, sets of header fields.

A *kind* of answer has a name: what IMAP calls it. Sets of header fields become kinds when a client asks for many of them at once, so
that they are ready for new messages too. An answer is about the blob alone: what a message of its own has in front of it (``prefix``)
is not in it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from postroom.mail.structure import Part, bodystructure, dump, envelope, header_fields, preview, thread, thread_number
from postroom.mail.structure.transfer import Reader

from .database import Conflict, Database, StoreUnavailable, Tx

STRUCTURE, ENVELOPE, BODYSTRUCTURE, PREVIEW, THREADID = "STRUCTURE", "ENVELOPE", "BODYSTRUCTURE", "PREVIEW", "THREADID"
FIELDS = "HEADER.FIELDS"  # with the names behind it: "HEADER.FIELDS date from"
ALWAYS = (STRUCTURE, ENVELOPE, BODYSTRUCTURE)  # kept of every message

MOST_KINDS = 20  # each costs every new message some hundred bytes
LONGEST_NAME = 1_000  # characters
LONGEST_ANSWER = 65_536  # bytes; longer ones are computed each time
FRESH = 60.0  # seconds for which the list of kinds is believed
UNUSED = 60 * 86_400  # seconds after which a kind that nobody asks for is forgotten
NOTED = 86_400_000  # ms: how exactly it is known when a kind was asked for last

FEW, PIECE = 16, 500  # blobs; from how many on a range of the table is read, and how many at most
KINDS = "SELECT id, name, asked FROM kept_kind"
ADD = (
    "INSERT INTO kept_kind (id, name, asked) SELECT coalesce(max(id), 0) + 1, ?, ? FROM kept_kind HAVING count(*) < ?"
    " ON CONFLICT (name) DO NOTHING"
)
ASKED = "UPDATE kept_kind SET asked = ? WHERE id = ?"
RANGE = "SELECT blob_id, value FROM kept WHERE kind = ? AND blob_id BETWEEN ? AND ? LIMIT ?"
SOME = "SELECT blob_id, value FROM kept WHERE kind = ? AND blob_id IN"
KEEP = (
    "INSERT INTO kept (kind, blob_id, value) SELECT CAST(? AS INTEGER), CAST(? AS BIGINT), ? WHERE EXISTS (SELECT 1 FROM blob WHERE id = ?)"
    " ON CONFLICT (kind, blob_id) DO NOTHING"
)
OF_KIND = "SELECT blob_id FROM kept WHERE kind = ? LIMIT 1000"
DROP = "DELETE FROM kept WHERE kind = ? AND blob_id = ?"
DROP_KIND = "DELETE FROM kept_kind WHERE id = ?"

Answer = tuple[int, int, bytes]  # kind, blob id, value


class Kept:
    """The kept answers of one database. ``clock``: epoch seconds."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self.db, self.clock = db, clock
        self._kinds: dict[str, int] = {}
        self._asked: dict[str, int] = {}
        self._looked = 0.0

    def kinds(self) -> Mapping[str, int]:
        """The kinds that are kept, by name. Raises StoreUnavailable."""
        now = self.clock()
        if not self._kinds or not 0 <= now - self._looked < FRESH:
            self._look(now)
            if any(name not in self._kinds for name in ALWAYS):
                for name in ALWAYS:
                    self._add(name, now)
                self._look(now)
        return self._kinds

    def kind(self, name: str, *, add: bool = False) -> int | None:
        """The id of a kind that somebody asks for, None when it is not kept; ``add``: from now on it is, if there is room."""
        now = self.clock()
        found = self.kinds().get(name)
        if found is None and add and len(name) <= LONGEST_NAME and len(self._kinds) < MOST_KINDS:
            self._add(name, now)
            self._look(now)
            found = self._kinds.get(name)
        elif found is not None and now * 1000 - self._asked[name] > NOTED:
            self._asked[name] = at = int(now * 1000)
            with contextlib.suppress(StoreUnavailable):
                self.db.write(lambda tx: tx.do(ASKED, (at, found)))
        return found

    def answers(self, kind: int, blob_ids: Sequence[int]) -> dict[int, bytes]:
        """What is kept for these blobs, at most ``PIECE`` of them, and perhaps for others; one short read, or two."""
        return self.db.read(lambda tx: read(tx, kind, blob_ids)) if blob_ids else {}

    def keep(self, answers: Sequence[Answer]) -> None:
        """Keep answers, those for blobs that are gone excepted. Raises StoreUnavailable."""
        if answers:
            self.db.write(lambda tx: keep(tx, answers))

    def forget_unused(self) -> None:
        """Forget kinds that nobody has asked for in a long time. To be run under a lease."""
        before = int((self.clock() - UNUSED) * 1000)
        self._look(self.clock())
        for name, kind in list(self._kinds.items()):
            if name not in ALWAYS and self._asked[name] < before:
                while self.db.write(lambda tx, kind=kind: _drop(tx, kind)):  # type: ignore[misc]
                    pass
        self._looked = 0.0

    def _add(self, name: str, now: float) -> None:
        with contextlib.suppress(Conflict, StoreUnavailable):  # another worker was quicker; the disk is full: what is there can be read
            self.db.write(lambda tx: tx.do(ADD, (name, int(now * 1000), MOST_KINDS)))

    def _look(self, now: float) -> None:
        rows = self.db.read(lambda tx: tx.execute(KINDS))
        self._kinds = {name: kind for kind, name, _ in rows}
        self._asked = {name: asked for _, name, asked in rows}
        self._looked = now


def fields_kind(names: Iterable[bytes]) -> str:
    """The kind of a set of header fields (names in lower case)."""
    return " ".join([FIELDS, *sorted(name.decode("ascii", "replace") for name in names)])


def computed(kinds: Mapping[str, int], blob_id: int, header: bytes, root: Part, read: Reader) -> list[Answer]:
    """The answers of these kinds about one blob: its header, its structure, and what reads its bytes."""
    found = [(kind, blob_id, compute(name, header, root, read)) for name, kind in kinds.items()]
    return [answer for answer in found if len(answer[2]) <= LONGEST_ANSWER]


def compute(name: str, header: bytes, root: Part, read: Reader) -> bytes:
    """One answer."""
    if name == ENVELOPE:
        return envelope(header)
    if name == BODYSTRUCTURE:
        return bodystructure(root)
    if name == STRUCTURE:
        return dump(root)
    if name == PREVIEW:
        return preview(root, read).encode("utf-8", "replace")
    if name == THREADID:
        begun = thread(header)
        return b"T%016x" % thread_number(begun) if begun else b""
    found = header_fields(header, frozenset(name.encode().split()[1:]))
    return found.replace(b"\0", b"\x80") if b"\0" in found else found  # no literal of IMAP may hold a NUL (RFC 9051 section 9)


def read(tx: Tx, kind: int, blob_ids: Sequence[int]) -> dict[int, bytes]:
    """What is kept for these blobs.

    Blobs that came one after the other lie side by side, and are read as a range, as far as not too many others lie between them.
    """
    found: dict[int, bytes] = {}
    if len(blob_ids) > FEW:
        most = 2 * len(blob_ids)
        rows = tx.execute(RANGE, (kind, min(blob_ids), max(blob_ids), most))
        found = dict(rows) if tx.dialect == "sqlite" else {blob: bytes(value) for blob, value in rows}
        if len(rows) < most:
            return found
    left = [blob_id for blob_id in blob_ids if blob_id not in found]
    for start in range(0, len(left), PIECE):
        some = left[start : start + PIECE]
        some += some[-1:] * (next(size for size in (1, FEW, 128, PIECE) if size >= len(some)) - len(some))  # few different statements
        rows = tx.execute(f"{SOME} ({', '.join('?' * len(some))})", (kind, *some))
        found.update((blob, bytes(value)) for blob, value in rows)
    return found


def keep(tx: Tx, answers: Iterable[Answer]) -> None:
    """Keep answers inside the caller's transaction."""
    tx.many(KEEP, [(*answer, answer[1]) for answer in answers])


def _drop(tx: Tx, kind: int) -> bool:
    """Forget some answers of a kind, at the end the kind; True while there are more."""
    rows = tx.execute(OF_KIND, (kind,))
    tx.many(DROP, [(kind, row[0]) for row in rows])
    if not rows:
        tx.do(DROP_KIND, (kind,))
    return bool(rows)
