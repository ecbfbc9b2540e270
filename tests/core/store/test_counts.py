"""What a mailbox counts, and what a cache shows of it, is true after any sequence of changes, also of another process."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator

import pytest

from postroom.store.accounts import Accounts
from postroom.store.blobs import Blobs
from postroom.store.columns import Columns
from postroom.store.copying import copy, move
from postroom.store.database import Database, connect
from postroom.store.expunge import expunge
from postroom.store.flagging import Change, Flagged, change_flags
from postroom.store.mailboxes import Folder, Mailboxes, append
from postroom.store.snapshots import ColumnsCache
from postroom.store.undelete import undelete

WORDS = ("$Junk", "$Forwarded", "work", "Work", "$junk", "later")
RECOUNT = (
    "SELECT count(*), coalesce(sum(1 - (flags & 1)), 0), coalesce(sum(CASE WHEN flags & 8 <> 0 THEN 1 ELSE 0 END), 0),"
    " coalesce(sum(size), 0) FROM message WHERE mailbox_id = ?"
)


class Walk:
    """Random changes of two folders of one account."""

    def __init__(self, db: Database, seed: int) -> None:
        self.db, self.dice = db, random.Random(seed)
        self.mailboxes = Mailboxes(db, Blobs(db))
        account = Accounts(db).get("joe")
        assert account is not None
        self.account = account.id
        self.boxes = [self.folder(path).id for path in ("INBOX", "Archive")]
        self.clock = itertools.count(1000)
        self.last: Flagged | None = None

    def folder(self, path: str) -> Folder:
        found = self.mailboxes.find(self.account, path)
        assert found is not None
        return found

    def some(self, box: int) -> list[int]:
        found = self.mailboxes.by_id(box)
        assert found is not None
        return [uid for uid in range(1, found.uidnext + 2) if self.dice.random() < 0.4]

    def step(self) -> None:
        box, other = self.dice.sample(self.boxes, 2)
        self.dice.choice(self.kinds())(box, other)

    def kinds(self) -> list[Callable[[int, int], object]]:
        return [self.append, self.append, self.append, self.flag, self.flag, self.expunge, self.copy, self.move, self.hide, self.undelete]

    def append(self, box: int, other: int) -> None:
        path = ("INBOX", "Archive")[self.boxes.index(box)]
        size, flags, words = self.dice.randrange(1, 50_000), self.dice.randrange(32), " ".join(self.dice.sample(WORDS, 2))
        self.db.write(
            lambda tx: append(tx, self.account, path, blob_id=size, size=size, prefix=b"", received_at=1, flags=flags, keywords=words)
        )

    def flag(self, box: int, other: int) -> None:
        words = tuple(self.dice.sample(WORDS, self.dice.randrange(3)))
        change = Change(self.dice.choice(("set", "add", "remove")), self.dice.randrange(32), words)
        since, uids = self.dice.choice((None, None, 5, 20)), self.some(box)
        self.last = self.db.write(lambda tx: change_flags(tx, box, uids, change, unchanged_since=since))

    def expunge(self, box: int, other: int) -> None:
        uids, marked = self.some(box), self.dice.random() < 0.7
        self.db.write(lambda tx: expunge(tx, box, uids, only_deleted=marked, at=next(self.clock)))

    def copy(self, box: int, other: int) -> None:
        uids, keep, target = self.some(box), self.dice.random() < 0.5, self.dice.choice((box, other))
        self.db.write(lambda tx: copy(tx, box, uids, target, keep_dates_and_flags=keep))

    def move(self, box: int, other: int) -> None:
        uids = self.some(box)
        self.db.write(lambda tx: move(tx, box, uids, other))

    def hide(self, box: int, other: int) -> None:
        self.mailboxes.hide(box, self.some(box))

    def undelete(self, box: int, other: int) -> None:
        undelete(self.db, self.account, self.dice.randrange(1000, 1010), at=2000)


def counts(db: Database, box: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What the mailbox says, and what is there."""
    said = db.read(lambda tx: tx.one("SELECT messages, unseen, deleted, bytes FROM mailbox WHERE id = ?", (box,)))
    true = db.read(lambda tx: tx.one(RECOUNT, (box,)))
    assert said is not None
    assert true is not None
    return said, tuple(map(int, true))


def shown(columns: Columns) -> list[object]:
    """All that a snapshot shows."""
    return [columns.uidnext, columns.uids, columns.flags, columns.modseqs, columns.sizes, columns.received, columns.saved, columns.blobs,
            columns.own, columns.keywords]  # fmt: skip


@pytest.fixture
def other(database_url: str) -> Iterator[Database]:
    """The same database as another process has it."""
    database = connect(database_url)
    yield database
    database.close()


@pytest.fixture(params=range(3))
def walk(db: Database, request: pytest.FixtureRequest) -> Walk:
    Accounts(db).add("joe")
    return Walk(db, request.param)


def test_the_counts_of_a_mailbox_equal_a_recount_after_every_change(walk: Walk) -> None:
    for _ in range(80):
        walk.step()
        for box in walk.boxes:
            said, true = counts(walk.db, box)
            assert said == true


def test_a_cached_snapshot_equals_a_fresh_one_after_changes_of_another_process(walk: Walk, other: Database) -> None:
    cache = ColumnsCache(other)
    for number in range(80):
        walk.step()
        for box in walk.boxes:
            if (number + box) % 3:
                assert shown(cache.current(box)) == shown(ColumnsCache(other).current(box))


def test_changes_lead_from_any_older_snapshot_to_the_newest(walk: Walk) -> None:
    cache, box = ColumnsCache(walk.db), walk.boxes[0]
    olds = [cache.current(box)]
    for _ in range(40):
        walk.step()
        if walk.last is not None and walk.dice.random() < 0.5:
            cache.applied(box, walk.last)
        olds.append(cache.current(box))
        walk.last = None
    for old in olds:
        for asked in (cache, ColumnsCache(walk.db)):
            assert led(old, asked) == state(olds[-1])


def state(columns: Columns) -> dict[int, tuple[int, str, int]]:
    """Flags, keywords and modseq by UID."""
    return {uid: (columns.flags[n], columns.keywords.get(uid, ""), columns.modseqs[n]) for n, uid in enumerate(columns.uids)}


def led(old: Columns, cache: ColumnsCache) -> dict[int, tuple[int, str, int]]:
    """The state that the changes since an old snapshot make of it."""
    found, delta = state(old), cache.changes(old.mailbox_id, old.modseq)
    assert delta.complete
    for uid in delta.vanished:
        found.pop(uid, None)
    return found | {uid: (flags, words, modseq) for uid, flags, words, modseq in delta.changed}


def test_untouched_messages_have_modseqs_that_grow_with_their_uids(walk: Walk) -> None:
    for _ in range(60):
        walk.step()
    for box in walk.boxes:
        sql = "SELECT modseq FROM message WHERE mailbox_id = ? AND touched = 0 ORDER BY uid"
        found = [row[0] for row in walk.db.read(lambda tx, sql=sql, box=box: tx.execute(sql, (box,)))]  # type: ignore[misc]
        assert found == sorted(found)
