"""Counts of TLS connections by day and domain."""

from __future__ import annotations

import threading

from postroom.store.database import Database
from postroom.store.tls_results import TlsResultStore, TlsWay

GOOD = TlsWay(20_000, "site.test", "sts", "site.test", ("mode: enforce",), ("*.site.test",), "", "", "", "", "")
BAD = TlsWay(
    *(
        20_000,
        "site.test",
        "sts",
        "site.test",
        ("mode: enforce",),
        ("*.site.test",),
        "certificate-expired",
        "192.0.2.1",
        "mx",
        "192.0.2.2",
        "h",
    )
)
OTHER = TlsWay(20_001, "other.test", "no-policy-found", "other.test", (), (), "", "", "", "", "")


def test_counts_add_up_and_the_first_reason_stays(db: Database) -> None:
    store = TlsResultStore(db)
    store.add({GOOD: (3, ""), BAD: (1, "first")})
    store.add({GOOD: (4, ""), BAD: (1, "second")})
    assert [(one.way, one.count, one.reason) for one in store.of(20_000, "site.test")] == [(GOOD, 7, ""), (BAD, 2, "first")]


def test_days_that_are_over_are_due(db: Database) -> None:
    store = TlsResultStore(db)
    store.add({GOOD: (1, ""), BAD: (1, ""), OTHER: (1, "")})
    assert store.due(20_001) == [(20_000, "site.test")]
    assert store.due(20_002) == [(20_000, "site.test"), (20_001, "other.test")]


def test_what_is_reported_or_old_is_gone(db: Database) -> None:
    store = TlsResultStore(db)
    store.add({GOOD: (1, ""), BAD: (1, ""), OTHER: (1, "")})
    store.reported(20_000, "site.test")
    assert store.due(20_002) == [(20_001, "other.test")]
    store.forget(20_002)
    assert store.due(20_002) == []


def test_nothing_is_written_for_nothing(db: Database) -> None:
    TlsResultStore(db).add({})
    assert TlsResultStore(db).due(99_999) == []


def test_workers_that_write_at_once_lose_nothing(db: Database) -> None:
    store = TlsResultStore(db)
    ways = [TlsWay(20_000, f"{n}.test", "tlsa", "", (), (), "", "", "", "", "") for n in range(20)]
    writers = [threading.Thread(target=store.add, args=(dict.fromkeys(order, (1, "")),)) for order in (ways, ways[::-1]) * 3]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)
    assert [store.of(20_000, f"{n}.test")[0].count for n in range(20)] == [6] * 20
