"""Snapshots of mailboxes as columns, and the cache that keeps them."""

from __future__ import annotations

import time
from typing import Any

import gevent
import pytest

from postroom.store import snapshots
from postroom.store.columns import missing
from postroom.store.database import Database
from postroom.store.flagging import Change
from postroom.store.mailboxes import FLAGGED, SEEN
from postroom.store.snapshots import ColumnsCache
from tests.core.store.post import Post, post


@pytest.fixture
def joe(db: Database) -> Post:
    return post(db)


def test_the_columns_show_the_messages_in_the_order_of_uids(joe: Post) -> None:
    joe.fill(2, flags=SEEN)
    joe.fill(1, keywords="work")
    joe.expunge([1])
    shown = joe.columns()
    assert (shown.uids.tolist(), list(shown.flags), shown.keywords, list(shown.own)) == ([2, 3], [SEEN, 0], {3: "work"}, [0, 0])
    assert (shown.uidnext, shown.modseq, len(shown)) == (4, joe.folder().modseq, 2)
    assert (shown.sizes.tolist(), shown.received.tolist(), shown.saved.tolist()) == ([24, 24], [7, 7], [7, 7])
    assert [shown.position(uid) for uid in (1, 2, 3, 4)] == [-1, 0, 1, -1]


def test_an_unchanged_mailbox_is_the_same_object(joe: Post) -> None:
    cache, box = ColumnsCache(joe.db), joe.box()
    assert cache.current(box) is cache.current(box)
    joe.fill(1, "Work")
    assert cache.current(box) is cache.current(box)


def test_a_snapshot_never_changes(joe: Post) -> None:
    joe.fill(3)
    cache, box = ColumnsCache(joe.db), joe.box()
    old = cache.current(box)
    joe.flag([1], Change("add", FLAGGED, ("x",)))
    joe.expunge([2])
    joe.fill(1)
    assert cache.current(box).uids.tolist() == [1, 3, 4]
    assert (old.uids.tolist(), list(old.flags), old.keywords) == ([1, 2, 3], [0, 0, 0], {})


def test_what_was_computed_is_kept_while_the_messages_are_the_same(joe: Post) -> None:
    joe.fill(2)
    cache, box = ColumnsCache(joe.db), joe.box()
    cache.current(box).memo["sorted"] = [2, 1]
    joe.flag([1], Change("add", FLAGGED))
    joe.mailboxes.hide(box, [2])
    assert cache.current(box).memo == {"sorted": [2, 1]}
    joe.fill(1)
    assert cache.current(box).memo == {}
    cache.current(box).memo["sorted"] = [3]
    joe.expunge([3])
    assert cache.current(box).memo == {}


def test_a_large_mailbox_is_loaded_in_pieces(joe: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    joe.fill(23, keywords="work")
    monkeypatch.setattr(snapshots, "PIECE", 5)
    shown = joe.columns()
    assert shown.uids.tolist() == list(range(1, 24))
    assert len(shown.keywords) == 23


def test_too_many_changes_are_read_elsewhere_or_all_is_loaded_anew(joe: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    joe.fill(40)
    cache, box = ColumnsCache(joe.db), joe.box()
    cache.current(box)
    monkeypatch.setattr(snapshots, "SHORT", 3)
    for most in (25, 5):
        monkeypatch.setattr(snapshots, "PIECE", most)
        joe.flag(list(range(1, 22)), Change("add" if most == 5 else "set", FLAGGED if most == 5 else SEEN))
        assert cache.current(box).flags == joe.columns().flags


def test_a_change_that_is_told_need_not_be_read(joe: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    joe.fill(3)
    cache, box = ColumnsCache(joe.db), joe.box()
    cache.current(box)
    cache.applied(box, joe.flag([1, 3], Change("add", SEEN, ("work",))))
    monkeypatch.setattr(snapshots, "read", None)
    assert (list(cache.current(box).flags), cache.current(box).keywords) == ([SEEN, 0, SEEN], {1: "work", 3: "work"})


def test_a_change_that_is_told_too_late_does_no_harm(joe: Post) -> None:
    joe.fill(2)
    cache, box = ColumnsCache(joe.db), joe.box()
    cache.current(box)
    first, second = joe.flag([1], Change("add", SEEN)), joe.flag([1], Change("remove", SEEN))
    cache.applied(box, second)
    cache.applied(box, first)
    assert list(cache.current(box).flags) == [0, 0]


def test_sessions_that_ask_together_load_once(joe: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    joe.fill(10)
    cache, box, loads, load = ColumnsCache(joe.db), joe.box(), [0], snapshots.load

    def counted(*arguments: Any) -> Any:
        loads[0] += 1
        return load(*arguments)

    monkeypatch.setattr(snapshots, "load", counted)
    jobs = [gevent.spawn(cache.current, box) for _ in range(10)]
    gevent.joinall(jobs, raise_error=True)
    assert loads == [1]
    assert len({id(job.get()) for job in jobs}) == 1


def test_the_snapshots_used_last_are_kept(joe: Post) -> None:
    for path in ("A", "B", "C"):
        joe.fill(50, path)
    cache = ColumnsCache(joe.db, limit=200)
    kept = {path: cache.current(joe.box(path)) for path in ("A", "B", "A", "C")}
    assert cache.current(joe.box("A")) is kept["A"]
    assert cache.current(joe.box("C")) is kept["C"]
    assert cache.current(joe.box("B")) is not kept["B"]


def test_a_mailbox_that_is_gone_is_a_key_error_and_forgotten(joe: Post) -> None:
    joe.fill(5)
    cache, box = ColumnsCache(joe.db), joe.box()
    cache.current(box)
    joe.db.write(lambda tx: tx.do("DELETE FROM mailbox WHERE id = ?", (box,)))
    for ask in (cache.current, lambda box: cache.changes(box, 1), lambda box: cache.vanished(box, 1, [(1, 9)])):
        with pytest.raises(KeyError):
            ask(box)
    assert cache._total == 0


def test_what_vanished_since_then_is_told_of_the_known_uids(joe: Post) -> None:
    joe.fill(20)
    cache, box = ColumnsCache(joe.db), joe.box()
    joe.expunge([2, 3])
    since = joe.folder().modseq
    joe.expunge([5, 6, 7, 20])
    assert cache.vanished(box, since, [(1, 99)]) == [(5, 7), (20, 20)]
    assert cache.vanished(box, 1, [(3, 6)]) == [(3, 3), (5, 6)]
    assert cache.vanished(box, joe.folder().modseq, [(1, 99)]) == []
    assert missing(cache.current(box), [(1, 4), (7, 20)]) == [(2, 3), (7, 7), (20, 20)]


def test_expunges_forgotten_beneath_a_snapshot_are_still_noticed(joe: Post) -> None:
    joe.fill(5)
    cache, box = ColumnsCache(joe.db), joe.box()
    cache.current(box)
    joe.expunge([2])
    joe.db.write(lambda tx: (tx.do("DELETE FROM expunged"), tx.do("UPDATE mailbox SET horizon = modseq WHERE id = ?", (box,))))
    assert cache.current(box).uids.tolist() == [1, 3, 4, 5]


def test_a_large_mailbox_is_fast(joe: Post) -> None:
    joe.fill(1)
    sql = (
        "INSERT INTO message (mailbox_id, uid, modseq, blob_id, size, prefix, received_at, flags, keywords, hidden, trace)"
        " VALUES (?, ?, 1, 1, 4096, ?, 0, 0, '', 0, 0)"
    )
    box = joe.box()
    joe.db.write(lambda tx: tx.many(sql, [(box, uid, b"x" * 300) for uid in range(2, 20_001)]))
    joe.db.write(lambda tx: tx.do("UPDATE mailbox SET uidnext = 20001 WHERE id = ?", (box,)))
    cache = ColumnsCache(joe.db)
    start = time.perf_counter()
    assert len(cache.current(box)) == 20_000
    joe.flag(list(range(1, 20_001)), Change("add", SEEN))
    assert cache.current(box).flags == bytes([SEEN]) * 20_000
    assert time.perf_counter() - start < 2.0
    joe.fill(1)
    start = time.perf_counter()
    assert len(cache.current(box)) == 20_001
    assert time.perf_counter() - start < 0.05


def test_deltas_stay_small_beside_the_snapshot(joe: Post) -> None:
    joe.fill(100)
    cache, box = ColumnsCache(joe.db), joe.box()
    cache.current(box)
    for bit in (1, 2, 4, 8, 16):
        cache.applied(box, joe.flag(list(range(1, 101)), Change("add", bit)))
        cache.applied(box, joe.flag([1], Change("remove", bit)))
    told = sum(len(delta.changed) for _, delta in cache._entries[box].deltas)
    assert 0 < told <= 25
    joe.expunge([7])
    assert cache.vanished(box, joe.folder().modseq - 2, [(1, 100)]) == [(7, 7)]


def test_equal_keywords_are_one_text(joe: Post) -> None:
    joe.fill(2, keywords="one two")
    first, second = joe.columns().keywords.values()
    assert first is second
