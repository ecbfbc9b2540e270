"""Messages that are removed, had back, and forgotten in the end."""

from __future__ import annotations

import pytest

from postroom.store.accounts import Accounts
from postroom.store.blobs import Blobs
from postroom.store.database import Conflict, Database
from postroom.store.flagging import Change
from postroom.store.mailboxes import DELETED, SEEN, Mailboxes
from postroom.store.retention import forget
from postroom.store.snapshots import ColumnsCache
from postroom.store.undelete import Restored, recoverable, undelete
from tests.core.store.post import LATER, Post, post

DAY = 86400.0


@pytest.fixture
def joe(db: Database) -> Post:
    return post(db)


def count(db: Database, table: str) -> int:
    row = db.read(lambda tx: tx.one(f"SELECT count(*) FROM {table}"))
    assert row is not None
    return int(row[0])


def test_only_what_is_there_is_removed_and_told(joe: Post) -> None:
    joe.fill(5)
    assert joe.expunge([9, 4, 2]) == [2, 4]
    assert joe.expunge([2, 4]) == []
    assert joe.columns().uids.tolist() == [1, 3, 5]
    assert joe.folder().messages == 3


def test_only_marked_messages_go_when_that_is_asked(joe: Post) -> None:
    joe.fill(4)
    assert joe.expunge([1, 2, 3, 4], marked=True) == []
    joe.flag([1, 2, 3], Change("add", DELETED))
    assert joe.expunge([2, 3, 4], marked=True) == [2, 3]
    assert (joe.folder().messages, joe.folder().deleted) == (2, 1)


def test_removing_nothing_leaves_the_modseq_alone(joe: Post) -> None:
    joe.fill(1)
    before = joe.folder()
    joe.expunge([7])
    joe.expunge([1], marked=True)
    assert joe.folder() == before


def test_deleted_messages_come_back_with_new_uids_and_without_the_mark(joe: Post) -> None:
    joe.fill(2, flags=SEEN, keywords="$Junk")
    bodies = joe.bodies()
    joe.flag([1], Change("add", DELETED))
    joe.expunge([1, 2])
    assert undelete(joe.db, joe.account, LATER, at=LATER + 5) == [Restored("INBOX", joe.box(), 2)]
    assert joe.flags() == {3: (SEEN, "$Junk"), 4: (SEEN, "$Junk")}
    assert (joe.bodies(), joe.columns().received.tolist(), joe.columns().saved.tolist()) == (bodies, [7, 7], [LATER + 5] * 2)
    assert (joe.folder().messages, joe.folder().unseen, joe.folder().deleted) == (2, 0, 0)


def test_nothing_comes_back_twice(joe: Post) -> None:
    joe.fill(2)
    joe.expunge([1, 2])
    undelete(joe.db, joe.account, 0, at=LATER)
    assert undelete(joe.db, joe.account, 0, at=LATER) == []
    assert joe.folder().messages == 2


def test_only_what_was_deleted_since_then_and_in_that_folder_comes_back(joe: Post) -> None:
    joe.fill(2)
    joe.fill(1, "Work")
    joe.expunge([1], at=100)
    joe.expunge([2], at=200)
    joe.expunge([1], "Work", at=200)
    assert recoverable(joe.db, joe.account, 150) == [Restored("INBOX", joe.box(), 1), Restored("Work", joe.box("Work"), 1)]
    assert undelete(joe.db, joe.account, 150, folder="Work", at=300) == [Restored("Work", joe.box("Work"), 1)]
    assert joe.folder().messages == 0
    assert undelete(joe.db, joe.account, 50, at=300) == [Restored("INBOX", joe.box(), 2)]


def test_a_folder_that_is_gone_is_made_again(joe: Post) -> None:
    joe.fill(2, "Work")
    box = joe.box("Work")
    joe.expunge([1, 2], "Work")
    remember = "INSERT INTO deleted_mailbox (id, account_id, path, special, deleted_at) VALUES (?, ?, 'Work', '', ?)"
    joe.db.write(lambda tx: (tx.do(remember, (box, joe.account, LATER)), tx.do("DELETE FROM mailbox WHERE id = ?", (box,))))
    assert recoverable(joe.db, joe.account, 0) == [Restored("Work", 0, 2)]
    restored = undelete(joe.db, joe.account, 0, at=LATER)
    assert restored == [Restored("Work", joe.box("Work"), 2)]
    assert joe.box("Work") != box
    assert joe.flags("Work") == {1: (0, ""), 2: (0, "")}


def test_another_account_gets_nothing_back(joe: Post) -> None:
    ann = post(joe.db, "ann")
    ann.fill(1)
    ann.expunge([1])
    assert undelete(joe.db, joe.account, 0, at=LATER) == []


def test_an_account_that_is_gone_has_left_nothing(joe: Post) -> None:
    joe.fill(3)
    joe.expunge([1])
    for table, values in (("acl", "?, 'joe', 'lr'"), ("acl", "?, '-joe', 'lr'"), ("annotation", "5, ?, '/x', ''")):
        joe.db.write(lambda tx, table=table, values=values: tx.do(f"INSERT INTO {table} VALUES ({values})", (77,)))  # type: ignore[misc]
    box = joe.box()
    joe.db.write(lambda tx: tx.do("INSERT INTO annotation VALUES (?, ?, '/x', '')", (joe.account, box)))
    Accounts(joe.db).remove("joe")
    tables = ("message", "expunged", "mailbox", "subscription", "acl")
    assert [count(joe.db, table) for table in tables] == [0] * len(tables)
    assert count(joe.db, "annotation") == 1
    with pytest.raises(Conflict):
        joe.fill(1)


def test_the_bytes_of_a_deleted_message_stay_until_it_is_forgotten(joe: Post) -> None:
    joe.fill(2)
    joe.expunge([1])
    assert Blobs(joe.db).collect(now=0) == 0
    forget(joe.db, LATER / 1000 + 3 * DAY + 1, keep=3 * DAY)
    assert Blobs(joe.db).collect(now=0) == 1
    assert joe.bodies() == [b"Return-Path: <>\r\nINBOX 1"]


def test_what_is_young_is_not_forgotten(joe: Post) -> None:
    joe.fill(2)
    joe.expunge([1], at=LATER)
    joe.expunge([2], at=LATER + 5000)
    assert forget(joe.db, LATER / 1000 + 3 * DAY + 1, keep=3 * DAY) == 1
    assert undelete(joe.db, joe.account, 0, at=LATER)[0].messages == 1


def test_a_mailbox_knows_how_far_back_it_knows_what_has_vanished(joe: Post) -> None:
    joe.fill(500)
    since = joe.folder().modseq
    joe.expunge(list(range(1, 450)), at=LATER)
    forgotten = joe.folder().modseq
    joe.expunge([460], at=LATER + 5000)
    assert joe.folder().horizon == 0
    assert forget(joe.db, LATER / 1000 + DAY + 1, keep=DAY) == 449
    assert joe.folder().horizon == forgotten
    cache = ColumnsCache(joe.db)
    assert cache.vanished(joe.box(), forgotten, [(1, 500)]) == [(460, 460)]
    assert cache.vanished(joe.box(), since, [(400, 455), (460, 470), (490, 900)]) == [(400, 449), (460, 460)]
    assert not cache.changes(joe.box(), since).complete
    assert cache.changes(joe.box(), forgotten).complete


def test_without_retention_the_history_is_kept_and_the_mail_is_not(db: Database, joe: Post) -> None:
    joe.fill(2)
    Mailboxes(db, Blobs(db), recover=False, clock=lambda: LATER / 1000).delete(joe.box(), [1])
    joe.expunge([2], at=LATER)  # from a time when there was retention
    assert forget(db, LATER / 1000 + 1, keep=0) == 1
    assert Blobs(db).collect(now=0) == 2
    assert undelete(db, joe.account, 0, at=LATER) == []
    assert ColumnsCache(db).vanished(joe.box(), 1, [(1, 9)]) == [(1, 2)]
    forget(db, LATER / 1000 + DAY + 1, keep=0)
    assert count(db, "expunged") == 0


def test_a_deleted_folder_is_forgotten_with_its_last_message(joe: Post) -> None:
    joe.fill(1, "Work")
    remember = "INSERT INTO deleted_mailbox (id, account_id, path, special, deleted_at) VALUES (?, 1, 'Work', '', ?)"
    joe.db.write(lambda tx: tx.do(remember, (joe.box("Work"), LATER)))
    joe.expunge([1], "Work", at=LATER + 9000)
    forget(joe.db, LATER / 1000 + 3 * DAY + 1, keep=3 * DAY)
    assert count(joe.db, "deleted_mailbox") == 1
    forget(joe.db, LATER / 1000 + 3 * DAY + 10, keep=3 * DAY)
    assert count(joe.db, "deleted_mailbox") == 0
