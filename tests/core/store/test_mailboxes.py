"""Folders: UIDs, listings, contents, deletion."""

from __future__ import annotations

import time

import gevent
import pytest

from postroom.store.accounts import Account, Accounts
from postroom.store.appending import append, append_to, shows
from postroom.store.blobs import CHUNK, Blobs
from postroom.store.database import Conflict, Database, connect
from postroom.store.mailboxes import SEEN, Entry, Mailboxes
from postroom.store.undelete import recoverable
from tests.core.store.post import Post, post


@pytest.fixture
def account(db: Database) -> Account:
    return Accounts(db).add("joe")


@pytest.fixture
def mailboxes(db: Database) -> Mailboxes:
    return Mailboxes(db, Blobs(db))


def deliver(db: Database, account: int, body: bytes, prefix: bytes = b"Return-Path: <>\r\n", folder: str = "INBOX") -> tuple[int, int]:
    draft = Blobs(db).draft()
    draft.write(body)
    draft.seal()
    size = len(prefix) + len(body)
    return db.write(
        lambda tx: append(tx, account, folder, blob_id=draft.store(tx), size=size, prefix=prefix, received_at=7, flags=SEEN, trace=9),
        keys=[account],
    )


def test_uids_count_up_and_are_never_used_again(db: Database, account: Account, mailboxes: Mailboxes) -> None:
    box, first = deliver(db, account.id, b"1")
    assert [first, *(deliver(db, account.id, b"x")[1] for _ in range(2))] == [1, 2, 3]
    mailboxes.delete(box, [2, 3])
    assert deliver(db, account.id, b"x")[1] == 4
    folder = mailboxes.find(account.id, "INBOX")
    assert folder is not None
    assert (folder.id, folder.uidnext, folder.account_id, folder.special) == (box, 5, account.id, "")
    assert abs(folder.uidvalidity - time.time()) < 60


def test_content_and_head_are_prefix_and_body(db: Database, account: Account, mailboxes: Mailboxes) -> None:
    body = b"Subject: x\r\n\r\n" + b"y" * (CHUNK * 2)
    box, uid = deliver(db, account.id, body, b"Prefix: 1\r\n")
    whole = b"Prefix: 1\r\n" + body
    assert b"".join(mailboxes.content(box, uid)) == whole
    for length in (0, 5, 11, 12, 1000, CHUNK - 1, CHUNK, CHUNK + 11, CHUNK + 12, CHUNK * 2, len(whole), len(whole) + 100):
        assert mailboxes.head(box, uid, length) == whole[:length]


def test_an_empty_message_with_and_without_a_prefix(db: Database, account: Account, mailboxes: Mailboxes) -> None:
    for prefix in (b"", b"P: 1\r\n"):
        box, uid = deliver(db, account.id, b"", prefix)
        assert b"".join(mailboxes.content(box, uid)) == mailboxes.head(box, uid, 100) == prefix


def test_the_listing_tells_size_flags_and_what_is_hidden(db: Database, account: Account, mailboxes: Mailboxes) -> None:
    box, _ = deliver(db, account.id, b"x", b"")
    for size in (2, 3):
        deliver(db, account.id, b"x" * size, b"")
    mailboxes.hide(box, [2])
    mailboxes.delete(box, [1])
    mailboxes.delete(box, [1, 99])
    assert mailboxes.listing(box) == [Entry(2, 2, SEEN, 1, 7), Entry(3, 3, SEEN, 0, 7)]


def test_every_change_raises_the_modification_sequence(db: Database, account: Account, mailboxes: Mailboxes) -> None:
    def modseq() -> int:
        folder = mailboxes.find(account.id, "INBOX")
        assert folder is not None
        return folder.modseq

    seen = [modseq()]
    box, _ = deliver(db, account.id, b"x")
    seen.append(modseq())
    mailboxes.hide(box, [1])
    seen.append(modseq())
    mailboxes.delete(box, [1])
    seen.append(modseq())
    assert seen == sorted(set(seen))


def test_a_folder_that_is_missing_is_made(db: Database, account: Account, mailboxes: Mailboxes) -> None:
    assert mailboxes.find(account.id, "Lists/a") is None
    box, uid = deliver(db, account.id, b"x", folder="Lists/a")
    folder = mailboxes.find(account.id, "Lists/a")
    assert folder is not None
    assert (folder.id, uid) == (box, 1)


def test_many_deliveries_at_once_make_a_missing_folder_once(db: Database, account: Account) -> None:
    jobs = [gevent.spawn(deliver, db, account.id, b"x", folder="New") for _ in range(30)]
    gevent.joinall(jobs, raise_error=True)
    results = [job.get() for job in jobs]
    assert len({box for box, _ in results}) == 1
    assert sorted(uid for _, uid in results) == list(range(1, 31))


def test_two_processes_deliver_into_the_same_mailboxes_without_gaps(database_url: str) -> None:
    dbs = [connect(database_url), connect(database_url)]
    accounts = [Accounts(dbs[0]).add(name).id for name in ("a", "b", "c")]
    jobs = [gevent.spawn(deliver, db, accounts[number % 3], b"x") for number in range(60) for db in dbs]
    gevent.joinall(jobs, raise_error=True)
    for account in accounts:
        folder = Mailboxes(dbs[0], Blobs(dbs[0])).find(account, "INBOX")
        assert folder is not None
        assert [entry.uid for entry in Mailboxes(dbs[1], Blobs(dbs[1])).listing(folder.id)] == list(range(1, 41))
    for db in dbs:
        db.close()


def test_locks_taken_in_opposite_orders_end_well(database_url: str) -> None:
    """Two processes that write the same two mailboxes in opposite orders, without naming keys: the deadlock is run again."""
    dbs = [connect(database_url), connect(database_url)]
    accounts = [Accounts(dbs[0]).add(name).id for name in ("a", "b")]

    def both(db: Database, order: list[int]) -> None:
        def work(tx: object) -> None:
            for account in order:
                append(tx, account, "INBOX", blob_id=1, size=1, prefix=b"", received_at=0)  # type: ignore[arg-type]

        db.write(work)

    for _ in range(5):
        gevent.joinall([gevent.spawn(both, dbs[0], accounts), gevent.spawn(both, dbs[1], accounts[::-1])], raise_error=True)
    folder = Mailboxes(dbs[0], Blobs(dbs[0])).find(accounts[0], "INBOX")
    assert folder is not None
    assert folder.uidnext == 11
    for db in dbs:
        db.close()


def test_delivery_to_an_account_that_is_gone_is_a_conflict(db: Database, account: Account) -> None:
    Accounts(db).remove("joe")
    with pytest.raises(Conflict, match="no account"):
        deliver(db, account.id, b"x")


def test_content_of_a_message_that_is_gone_is_a_key_error(db: Database, account: Account, mailboxes: Mailboxes) -> None:
    box, uid = deliver(db, account.id, b"x")
    mailboxes.delete(box, [uid])
    with pytest.raises(KeyError):
        mailboxes.content(box, uid)
    with pytest.raises(KeyError):
        mailboxes.head(box, uid, 10)


def test_a_large_mailbox_is_listed_fast(db: Database, account: Account, mailboxes: Mailboxes) -> None:
    box, _ = deliver(db, account.id, b"x")
    sql = (
        "INSERT INTO message (mailbox_id, uid, modseq, blob_id, size, prefix, received_at, flags, keywords, hidden, trace)"
        " VALUES (?, ?, 1, 1, 4096, ?, 0, 0, '', 0, 0)"
    )
    db.write(lambda tx: tx.many(sql, [(box, uid, b"x" * 300) for uid in range(2, 20_001)]))
    start = time.perf_counter()
    assert len(mailboxes.listing(box)) == 20_000
    assert time.perf_counter() - start < 1.0


# --- what IMAP asks for


@pytest.fixture
def joe(db: Database) -> Post:
    return post(db)


def test_a_folder_is_found_by_its_id(joe: Post) -> None:
    joe.fill(2, flags=SEEN)
    assert joe.mailboxes.by_id(joe.box()) == joe.folder()
    assert (joe.folder().messages, joe.folder().unseen, joe.folder().bytes) == (2, 0, 48)
    assert joe.mailboxes.by_id(5) is None


def test_several_contents_are_read_at_once_and_missing_ones_left_out(joe: Post) -> None:
    joe.fill(5)
    found = joe.mailboxes.contents(joe.box(), [5, 2, 99, 3])
    assert [(one.uid, one.prefix + one.first, one.blob_size) for one in found] == [
        (uid, b"Return-Path: <>\r\nINBOX %d" % (uid - 1), 7) for uid in (2, 3, 5)
    ]


def test_a_message_is_recent_for_the_first_who_asks(joe: Post) -> None:
    assert joe.mailboxes.claim_recent(joe.box()) == 1
    joe.fill(3)
    assert joe.mailboxes.claim_recent(joe.box()) == 1
    assert joe.mailboxes.claim_recent(joe.box()) == 4
    joe.fill(1)
    jobs = [gevent.spawn(joe.mailboxes.claim_recent, joe.box()) for _ in range(5)]
    gevent.joinall(jobs, raise_error=True)
    assert sorted(job.get() for job in jobs) == [4, 5, 5, 5, 5]
    assert joe.mailboxes.claim_recent(5) == 0


def test_a_message_is_put_into_a_mailbox_by_its_id(joe: Post) -> None:
    box = joe.box()
    values = {"blob_id": 1, "size": 3, "received_at": 5, "saved_at": 9, "flags": SEEN, "keywords": "b a B"}
    assert [joe.db.write(lambda tx: append_to(tx, box, **values)) for _ in range(2)] == [1, 2]
    assert joe.flags() == {1: (SEEN, "a b"), 2: (SEEN, "a b")}
    assert (joe.columns().received[0], joe.columns().saved[0], joe.folder().keywords) == (5, 9, "b a")
    with pytest.raises(Conflict, match="no mailbox"):
        joe.db.write(lambda tx: append_to(tx, 5, **values))


@pytest.mark.parametrize(
    ("prefix", "shown"),
    [
        (b"", False),
        (b"Return-Path: <a@b>\r\nReceived: from x\r\n\tby y;\r\n now\r\nX-Spam: no\r\n", False),
        (b"received-spf: pass\r\nAUTHENTICATION-RESULTS: x; spf=pass\r\nDelivered-To: a\r\nX-Original-To : a\r\n", False),
        (b"Return-Path: <a@b>\r\nSubject: [list] x\r\n", True),
        (b"To: a\r\n", True),
        (b"Message-ID: <1@x>\r\nReceived: x\r\n", True),
        (b" continued: x\r\n", True),
        (b"X-A: b\r\n\r\n", True),
    ],
)
def test_a_prefix_of_trace_fields_shows_nothing_in_imap(prefix: bytes, shown: bool) -> None:
    assert shows(prefix) is shown


def test_a_delivered_message_says_whether_its_prefix_shows_something(joe: Post) -> None:
    for prefix in (b"Received: x\r\n", b"Subject: x\r\n"):
        joe.db.write(lambda tx, prefix=prefix: append(tx, joe.account, "INBOX", blob_id=1, size=1, prefix=prefix, received_at=1))  # type: ignore[misc]
    assert list(joe.columns().own) == [0, 1]


def test_folders_made_in_one_second_have_rising_uidvalidities(joe: Post) -> None:
    found = [joe.folder().uidvalidity]
    for path in ("A", "B", "C"):
        joe.fill(1, path)
        found.append(joe.folder(path).uidvalidity)
    assert found == sorted(set(found))


def test_a_folder_that_is_made_is_subscribed(joe: Post) -> None:
    joe.fill(1, "Lists/News")
    names = {row[0] for row in joe.db.read(lambda tx: tx.execute("SELECT name FROM subscription"))}
    assert names == {"INBOX", "Drafts", "Sent", "Junk", "Trash", "Archive", "Lists/News"}


def test_what_pop3_deletes_can_be_had_back(joe: Post) -> None:
    joe.fill(1)
    joe.mailboxes.delete(joe.box(), [1])
    assert [one.messages for one in recoverable(joe.db, joe.account, 0)] == [1]
