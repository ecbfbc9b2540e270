"""Drafts and blobs: every byte comes back, nothing is kept twice, nothing in use is collected."""

from __future__ import annotations

import random
import threading
import time
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import gevent
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postroom.store.accounts import Accounts
from postroom.store.blobs import CHUNK, Blobs, Draft
from postroom.store.database import Database, Tx, connect
from postroom.store.mailboxes import Mailboxes, append
from postroom.store.migrate import migrate

KINDS = ("INSERT INTO outgoing (id, blob_id, prefix, size, sender, client_address, body, smtputf8, requiretls, ret, envid, queued_at,"
         " held, priority) VALUES (?, ?, ?, 0, '', '', '', 0, 0, '', '', 0, 0, 0)")  # fmt: skip


def pieces(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def drafted(blobs: Blobs, *parts: bytes) -> Draft:
    draft = blobs.draft()
    for part in parts:
        draft.write(part)
    draft.seal()
    return draft


def kept(db: Database, draft: Draft, account: int = 1) -> int:
    """Store a draft and refer to it from a folder of ``account``, or from the queue when there is no such account."""

    def work(tx: Tx) -> int:
        blob = draft.store(tx)
        tx.do(KINDS, (draft._blobs.new_id(), blob, b""))
        return blob

    return db.write(work)


def count(db: Database, table: str) -> int:
    row = db.read(lambda tx: tx.one(f"SELECT COUNT(*) FROM {table}"))
    return row[0] if row else 0


@pytest.fixture
def blobs(db: Database) -> Blobs:
    return Blobs(db)


@pytest.fixture(scope="module")
def one_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path_factory.mktemp('blobs') / 'x.db'}"
    migrate(url)
    db = connect(url)
    yield db
    db.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from([0, 1, 2, 4095, 65536, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 5]), max_size=6), st.integers())
def test_however_a_message_is_split_the_same_bytes_come_back(one_sqlite: Database, sizes: list[int], seed: int) -> None:
    parts = [pieces(size, seed + index) for index, size in enumerate(sizes)]
    whole = b"".join(parts)
    blobs = Blobs(one_sqlite)
    draft = drafted(blobs, *parts)
    assert draft.size == len(whole)
    assert draft.head == whole[:CHUNK]
    assert b"".join(draft.chunks()) == b"".join(draft.chunks()) == whole
    blob = kept(one_sqlite, draft)
    stored = list(blobs.read(blob))
    assert b"".join(stored) == whole
    assert all(len(chunk) <= CHUNK for chunk in stored)
    start = random.Random(seed).randrange(len(whole) + 1)
    assert blobs.part(blob, start, CHUNK + 7) == whole[start : start + CHUNK + 7]


@pytest.mark.parametrize("size", [0, 1, 1000, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 17])
def test_a_blob_of_any_size_comes_back_on_both_engines(db: Database, blobs: Blobs, size: int) -> None:
    data = pieces(size)
    draft = drafted(blobs, *(data[start : start + 50_000] for start in range(0, size, 50_000)))
    assert b"".join(draft.chunks()) == data
    blob = kept(db, draft)
    assert b"".join(blobs.read(blob)) == data
    assert blobs.part(blob, 10, 20) == data[10:30]
    assert blobs.part(blob, max(0, size - 5), 100) == data[max(0, size - 5) :]


def turns_between(pieces: Iterator[bytes]) -> list[int]:
    """How often another greenlet had its turn between each piece and the next."""
    turns = [0]

    def turn() -> None:
        while True:
            turns[0] += 1
            gevent.sleep(0)

    other = gevent.spawn(turn)
    gevent.sleep(0)
    try:
        seen = [turns[0] for _ in pieces]
    finally:
        other.kill()
    return [later - earlier for earlier, later in pairwise(seen)]


def test_while_a_large_blob_is_read_everybody_has_a_turn_between_two_chunks(db: Database, blobs: Blobs) -> None:
    blob = kept(db, drafted(blobs, pieces(5 * CHUNK)))
    turns = turns_between(blobs.read(blob))
    assert len(turns) == 4
    assert all(turns)


def test_while_a_draft_that_was_written_out_is_read_everybody_has_a_turn(blobs: Blobs) -> None:
    turns = turns_between(drafted(blobs, pieces(5 * CHUNK)).chunks())
    assert all(turns[:-1])  # the first and the last chunk are in memory


def test_while_parts_of_a_large_blob_are_read_everybody_has_a_turn(db: Database, blobs: Blobs) -> None:
    blob = kept(db, drafted(blobs, pieces(5 * CHUNK)))
    assert all(turns_between(blobs.part(blob, seq * CHUNK, 100) for seq in range(5)))


def test_a_small_blob_costs_one_read_on_the_spot(one_sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = Blobs(one_sqlite)
    blob = kept(one_sqlite, drafted(blobs, pieces(CHUNK, seed=7)))
    monkeypatch.setattr(one_sqlite, "read_slow", None)
    assert b"".join(blobs.read(blob)) == pieces(CHUNK, seed=7)
    assert blobs.part(blob, 5, 10) == pieces(CHUNK, seed=7)[5:15]


@pytest.mark.parametrize("size", [0, 1, 1000, CHUNK, 2 * CHUNK + 17])
def test_a_draft_that_is_set_aside_waits_in_the_database(db: Database, blobs: Blobs, size: int) -> None:
    data = pieces(size, seed=5)
    draft = drafted(blobs, data)
    draft.set_aside()
    assert draft.size == 0 or not draft._tail
    assert b"".join(draft.chunks()) == data
    assert b"".join(blobs.read(kept(db, draft))) == data


def test_a_draft_that_is_set_aside_and_abandoned_leaves_nothing(db: Database, blobs: Blobs) -> None:
    draft = drafted(blobs, pieces(1000, seed=6))
    draft.set_aside()
    draft.abandon()
    assert count(db, "blob") == 0


def test_a_draft_that_arrives_in_crumbs_takes_little_more_memory_than_its_bytes(blobs: Blobs) -> None:
    """A stranger must not make many small objects of what he drips."""
    tracemalloc.start()
    try:
        draft = blobs.draft()
        for _ in range(CHUNK // 4):
            draft.write(bytes(bytearray(b"abc")))
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert draft.head == b"abc" * (CHUNK // 4)
    assert used < 2 * CHUNK


def test_equal_content_is_stored_once(db: Database, blobs: Blobs) -> None:
    small = [kept(db, drafted(blobs, b"the same")) for _ in range(3)]
    large = [kept(db, drafted(blobs, pieces(CHUNK * 2 + 1))) for _ in range(3)]
    assert len(set(small)) == len(set(large)) == 1
    assert count(db, "blob") == 2
    assert count(db, "chunk") == 2


def test_many_writers_of_equal_content_at_once_all_succeed(db: Database, blobs: Blobs) -> None:
    jobs = [gevent.spawn(kept, db, drafted(blobs, b"the same")) for _ in range(30)]
    gevent.joinall(jobs, raise_error=True)
    assert all(b"".join(blobs.read(job.get())) == b"the same" for job in jobs)


def test_reading_a_blob_that_is_not_there_is_a_key_error_at_once(blobs: Blobs) -> None:
    with pytest.raises(KeyError):
        blobs.read(12345)
    assert blobs.part(12345, 0, 10) == b""


def test_an_abandoned_draft_leaves_nothing(db: Database, blobs: Blobs) -> None:
    draft = blobs.draft()
    for _ in range(5):
        draft.write(pieces(CHUNK))
    assert count(db, "blob") == 1
    draft.abandon()
    draft.abandon()
    assert count(db, "blob") == count(db, "chunk") == 0


def test_abandoning_after_storing_removes_nothing(db: Database, blobs: Blobs) -> None:
    data = pieces(3 * CHUNK)
    draft = drafted(blobs, data)
    blob = kept(db, draft)
    draft.abandon()
    assert b"".join(blobs.read(blob)) == data


def test_a_sealed_draft_takes_no_more(blobs: Blobs) -> None:
    draft = drafted(blobs, b"x")
    draft.seal()
    with pytest.raises(ValueError, match="sealed"):
        draft.write(b"y")


def test_50_mb_cost_little_memory(blobs: Blobs) -> None:
    draft = blobs.draft()
    piece = pieces(65536)
    tracemalloc.start()
    try:
        for _ in range(800):
            draft.write(piece)
        draft.seal()
        for _ in draft.chunks():
            pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000
    draft.abandon()


def test_a_blob_is_collected_when_the_last_reference_is_gone(db: Database, blobs: Blobs) -> None:
    account, data = Accounts(db).add("joe"), pieces(CHUNK + 1)
    draft = drafted(blobs, data)

    def twice(tx: Tx) -> int:
        blob = draft.store(tx)
        box, _ = append(tx, account.id, "INBOX", blob_id=blob, size=draft.size, prefix=b"", received_at=0)
        append(tx, account.id, "INBOX", blob_id=blob, size=draft.size, prefix=b"", received_at=0)
        return box

    box = db.write(twice)
    mailboxes = Mailboxes(db, blobs, recover=False)
    mailboxes.delete(box, [1])
    assert blobs.collect(time.time()) == 0
    assert b"".join(mailboxes.content(box, 2)) == data
    mailboxes.delete(box, [2])
    assert blobs.collect(time.time()) == 1
    assert count(db, "blob") == count(db, "chunk") == count(db, "loose") == 0


def test_removing_an_account_and_a_queued_message_frees_their_blobs(db: Database, blobs: Blobs) -> None:
    accounts = Accounts(db)
    account = accounts.add("joe")
    for number in range(120):
        draft = drafted(blobs, b"%d" % number)
        db.write(
            lambda tx, draft=draft: append(tx, account.id, "INBOX", blob_id=draft.store(tx), size=1, prefix=b"", received_at=0)  # type: ignore[misc]
        )
    kept(db, drafted(blobs, b"queued"))
    accounts.remove("joe")
    assert blobs.collect(time.time()) == 120
    db.write(lambda tx: tx.do("DELETE FROM outgoing"))
    assert blobs.collect(time.time()) == 1
    assert count(db, "blob") == 0


def test_what_a_crash_left_behind_is_collected_after_a_day(db: Database) -> None:
    now = [1_000_000.0]
    blobs = Blobs(db, clock=lambda: now[0])
    blobs.draft().write(pieces(3 * CHUNK))
    assert blobs.collect(now[0] + 3600) == 0
    assert blobs.collect(now[0] + 25 * 3600) == 1
    assert count(db, "blob") == count(db, "chunk") == 0


def test_a_blob_found_again_while_it_is_collected_is_never_lost(database_url: str) -> None:
    """Writers keep finding equal content, deleting it, and two collectors run beside them; what is referred to must be readable."""
    dbs = [connect(database_url) for _ in range(3)]
    account = Accounts(dbs[0]).add("joe").id
    stop = threading.Event()
    failed: list[BaseException] = []

    def guarded(work: object, *args: object) -> None:
        try:
            work(*args)  # type: ignore[operator]
        except BaseException as error:
            failed.append(error)
            stop.set()

    def write(db: Database, seed: int) -> None:
        blobs, choice = Blobs(db), random.Random(seed)
        mailboxes = Mailboxes(db, blobs, recover=False)
        for _ in range(80):
            data = b"body %d" % choice.randrange(4)
            draft = drafted(blobs, data)
            box, uid = db.write(
                lambda tx, d=draft: append(tx, account, "INBOX", blob_id=d.store(tx), size=d.size, prefix=b"", received_at=0)  # type: ignore[misc]
            )
            assert b"".join(mailboxes.content(box, uid)) == data
            mailboxes.delete(box, [uid])

    def collect(db: Database) -> None:
        while not stop.is_set():
            Blobs(db).collect(time.time())

    collectors = [threading.Thread(target=guarded, args=(collect, db)) for db in dbs[1:]]
    writers = [threading.Thread(target=guarded, args=(write, db, seed)) for seed, db in enumerate(dbs[:2])]
    for thread in collectors + writers:
        thread.start()
    for thread in writers:
        thread.join(60)
    stop.set()
    for thread in collectors:
        thread.join(60)
    assert not failed
    Blobs(dbs[0]).collect(time.time())
    assert count(dbs[0], "blob") == count(dbs[0], "loose") == 0
    for db in dbs:
        db.close()


def test_ids_of_one_process_never_collide(tmp_path: Path) -> None:
    blobs = Blobs(connect(f"sqlite:///{tmp_path}/x.db"), clock=lambda: 1.0)
    assert len({blobs.new_id() for _ in range(100_000)}) == 100_000
