"""Reads new messages once, mailbox by mailbox, and keeps what will be asked of them: headings, answers of FETCH, and their words."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from postroom.mail.structure.heading import Heading, heading
from postroom.mail.wording import MOST_TEXT as KEPT_TEXT

from . import headings
from . import kept as answers
from .blobs import CHUNK, Blobs
from .database import Conflict, Database, Row, Tx
from .fulltext import places
from .fulltext.merging import merge
from .fulltext.scanning import Opened, Raw, opened, opened_large, read
from .fulltext.upkeep import forget_ownerless
from .fulltext.volume import MOST_MESSAGES, MOST_TEXT, Leaf, bind, leaf, store
from .kept import Answer, Kept

T = TypeVar("T")
SLICE = 50  # messages between two rests

PENDING = "SELECT id, account_id, digested, uidnext - 1 FROM mailbox WHERE uidnext - 1 > digested ORDER BY account_id, id"
NEXT = f"SELECT uid, blob_id FROM message WHERE mailbox_id = ? AND uid > ? AND uid <= ? ORDER BY uid LIMIT {SLICE}"
DONE = "UPDATE mailbox SET digested = ? WHERE id = ? AND digested = ? RETURNING id"

Offload = Callable[..., Any]


class Pending(NamedTuple):
    """A mailbox that has new messages: with UIDs above ``digested``, up to ``last``."""

    mailbox_id: int
    account_id: int
    digested: int
    last: int


class Digested(NamedTuple):
    """What was made of one message."""

    heading: Heading
    leaf: Leaf
    answers: list[Answer]


def pending(db: Database) -> list[Pending]:
    """All mailboxes that have new messages."""
    return [Pending(*row) for row in db.read_slow(lambda tx: tx.execute(PENDING))]


class Digester:
    """``pause(seconds worked)`` is called after each slice, ``progress(messages)`` after each that is kept.

    It may be cut off anywhere, and two at work at once do no harm: what is digested is noted together with what came of it, and who
    comes second leaves it.
    """

    def __init__(
        self,
        db: Database,
        blobs: Blobs,
        offload: Offload,
        kept: Kept,
        pause: Callable[[float], None] = lambda worked: None,
        progress: Callable[[int], None] = lambda messages: None,
    ) -> None:
        self.db, self.blobs, self.offload, self.kept, self.pause, self.progress = db, blobs, offload, kept, pause, progress

    def run(self) -> int:
        """Digest all that is new; how many messages. Raises StoreUnavailable."""
        forget_ownerless(self.db)
        return sum(map(self.mailbox, pending(self.db)))

    def mailbox(self, box: Pending) -> int:
        """Digest one mailbox; how many messages."""
        done, account_id = 0, box.account_id
        try:
            for messages, upto, leaves in self._batches(box):
                self._keep(box, upto, leaves)
                box = box._replace(digested=upto)
                self.progress(messages)
                done += messages
        except Conflict:  # another one has digested it, or it is to be done anew, or it is gone
            return done
        while self._worked_on(lambda: merge(self.db, self.offload, account_id)):
            pass
        return done

    def _batches(self, box: Pending) -> Iterator[tuple[int, int, list[Leaf]]]:
        """How many messages, up to which UID, and those of them that the index does not have: as much as one volume takes."""
        leaves: list[Leaf] = []
        messages, after = 0, box.digested
        while rows := self._rows(box, after):
            after = rows[-1][0]
            leaves += self._worked_on(lambda rows=rows: self._slice(box.account_id, rows))  # type: ignore[misc]
            messages += len(rows)
            if len(leaves) > MOST_MESSAGES - SLICE or sum(one.size for one in leaves) > MOST_TEXT:
                yield messages, after, leaves
                leaves, messages = [], 0
        yield messages, box.last, leaves

    def _rows(self, box: Pending, after: int) -> list[Row]:
        return self.db.read_slow(lambda tx: tx.execute(NEXT, (box.mailbox_id, after, box.last)))

    def _slice(self, account_id: int, rows: Sequence[Row]) -> list[Leaf]:
        """Read and take apart what is new in these messages, and keep all but their words."""
        wanted = sorted({row[1] for row in rows})
        known = places.of(self.db, account_id, wanted)
        new = [blob_id for blob_id in wanted if blob_id not in known]
        if not new:
            return []
        raws, kinds = read(self.blobs, new), self.kept.kinds()
        found: list[Digested] = self.offload(_digested, [raw for raw in raws if raw.size <= CHUNK], kinds)
        found += [one for raw in raws if raw.size > CHUNK for one in self._large(raw, kinds)]
        self.db.write(lambda tx: _write(tx, found))
        return [one.leaf for one in found]

    def _large(self, raw: Raw, kinds: Mapping[str, int]) -> list[Digested]:
        try:
            message = opened_large(self.blobs, raw, self.offload, KEPT_TEXT)
        except KeyError:  # removed meanwhile
            return []
        return [self.offload(_taken_apart, raw, message, kinds)]

    def _keep(self, box: Pending, upto: int, leaves: list[Leaf]) -> None:
        volume = self.offload(bind, box.account_id, leaves) if leaves else None

        def work(tx: Tx) -> None:
            if volume is not None:
                store(tx, volume)
            if tx.one(DONE, (upto, box.mailbox_id, box.digested)) is None:  # last: mail for this mailbox waits from here on
                raise Conflict("the mailbox has been digested by another")

        self.db.write(work, locks=(box.account_id,))

    def _worked_on(self, work: Callable[[], T]) -> T:
        start = time.monotonic()
        result = work()
        self.pause(time.monotonic() - start)
        return result


def _write(tx: Tx, found: Sequence[Digested]) -> None:
    headings.keep(tx, [(one.leaf.blob_id, one.heading) for one in found])
    answers.keep(tx, [answer for one in found for answer in one.answers])


def _digested(raws: Sequence[Raw], kinds: Mapping[str, int]) -> list[Digested]:
    return [_taken_apart(raw, opened(raw.first), kinds) for raw in raws]


def _taken_apart(raw: Raw, message: Opened, kinds: Mapping[str, int]) -> Digested:
    header = raw.first[: message.root.body_start]
    found = answers.computed(kinds, raw.blob_id, header, message.root, message.read)
    return Digested(heading(header), leaf(raw.blob_id, message.wording(KEPT_TEXT)), found)
