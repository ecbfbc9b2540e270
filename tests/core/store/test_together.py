"""Several processes change the same mailboxes at once: none waits for the other forever, and the counts stay true."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import gevent

from postroom.store.columns import Columns
from postroom.store.copying import copy, move
from postroom.store.database import Database
from postroom.store.expunge import expunge
from postroom.store.flagging import Change, change_flags
from postroom.store.mailboxes import append
from postroom.store.retention import forget
from postroom.store.snapshots import ColumnsCache
from postroom.store.uids import ascending, members
from postroom.store.undelete import undelete
from tests.core.store.post import Post, post
from tests.core.store.test_counts import counts, led, shown, state


def busy(db: Database, joe: Post, boxes: list[int], dice: random.Random) -> None:
    """What one session does for a while."""
    for _ in range(25):
        (first, second), uids = dice.sample(boxes, 2), [dice.randrange(1, 60) for _ in range(20)]
        works: list[Callable[..., object]] = [
            lambda tx: append(tx, joe.account, "INBOX", blob_id=1, size=5, prefix=b"", received_at=1),
            lambda tx: change_flags(tx, first, uids, Change("add", dice.randrange(32), ("x",))),  # noqa: B023
            lambda tx: change_flags(tx, first, uids, Change("remove", 9)),  # noqa: B023
            lambda tx: copy(tx, first, uids, second),  # noqa: B023
            lambda tx: move(tx, first, uids, second),  # noqa: B023
            lambda tx: expunge(tx, first, uids, at=5),  # noqa: B023
        ]
        db.write(dice.choice(works))


def restoring(db: Database, joe: Post) -> None:
    """Bring back what was deleted, again and again."""
    for _ in range(5):
        undelete(db, joe.account, 0, at=9)


def forgetting(db: Database) -> None:
    """Forget what was deleted, again and again."""
    for _ in range(5):
        forget(db, 1e6, 1.0)
        gevent.sleep(0.01)


def looking(cache: ColumnsCache, boxes: list[int]) -> None:
    """Look at the mailboxes, again and again."""
    for _ in range(50):
        for box in boxes:
            cache.current(box)
            gevent.sleep(0.002)


def test_two_processes_change_two_mailboxes_in_all_ways(dbs: list[Database]) -> None:
    joe = post(dbs[0])
    joe.fill(30)
    boxes = [joe.box("INBOX"), joe.box("Archive")]
    caches = [ColumnsCache(db) for db in dbs]
    jobs: list[Any] = [gevent.spawn(busy, dbs[number % 2], joe, boxes, random.Random(number)) for number in range(6)]
    jobs += [gevent.spawn(restoring, dbs[1], joe), gevent.spawn(forgetting, dbs[0])]
    jobs += [gevent.spawn(looking, cache, boxes) for cache in caches]
    gevent.joinall(jobs, raise_error=True)
    for box in boxes:
        said, true = counts(dbs[0], box)
        assert said == true
        assert shown(caches[0].current(box)) == shown(caches[1].current(box)) == shown(ColumnsCache(dbs[1]).current(box))


def test_moves_in_opposite_directions_lose_nothing(dbs: list[Database]) -> None:
    joe = post(dbs[0])
    joe.fill(10)
    joe.fill(10, "Archive")
    boxes = joe.box("INBOX"), joe.box("Archive")

    def to_and_fro(db: Database, source: int, target: int) -> None:
        for start in range(0, 200, 10):
            db.write(lambda tx, start=start: move(tx, source, [(start, start + 9)], target))  # type: ignore[misc]

    gevent.joinall([gevent.spawn(to_and_fro, dbs[0], *boxes), gevent.spawn(to_and_fro, dbs[1], *boxes[::-1])], raise_error=True)
    assert joe.folder("INBOX").messages + joe.folder("Archive").messages == 20
    assert sorted(joe.bodies("INBOX") + joe.bodies("Archive")) == sorted(
        b"Return-Path: <>\r\n%s %d" % (name, number) for name in (b"INBOX", b"Archive") for number in range(10)
    )


def test_changes_lead_from_any_moment_to_the_end_while_others_write(dbs: list[Database]) -> None:
    joe = post(dbs[0])
    joe.fill(30)
    boxes = [joe.box("INBOX"), joe.box("Archive")]
    cache, seen = ColumnsCache(dbs[1]), []
    job = gevent.spawn(busy, dbs[0], joe, boxes, random.Random(4))
    while not job.ready():
        seen.append(ColumnsCache(dbs[1]).current(boxes[0]))  # as somebody sees it who does not know this cache
        cache.current(boxes[0])
        gevent.sleep(0)
    job.get()
    final = state(cache.current(boxes[0]))
    assert all(led(old, cache) == final for old in seen)
    assert all(vanished(cache, old) == set(state(old)) - set(final) for old in seen)


def vanished(cache: ColumnsCache, old: Columns) -> set[int]:
    """What has vanished of an old snapshot, as QRESYNC asks for it."""
    return set(members(cache.vanished(old.mailbox_id, old.modseq, ascending(old.uids))))
