"""The life of a message."""

from __future__ import annotations

import time

import pytest

from postroom.ids import first_id, new_id
from postroom.store import traces
from postroom.store.database import Database
from postroom.store.traces import Event, Traces


def test_a_life_is_told_in_the_order_of_time(db: Database) -> None:
    one, other = new_id(), new_id()
    db.write(lambda tx: traces.record(tx, one, 20, "delivered", {"to": "jöe", "n": 1}))
    db.write(lambda tx: traces.record_rows(tx, [traces.row(one, 10, "accepted", {}), traces.row(other, 5, "accepted", {"x": "\0"})]))
    assert Traces(db).life(one) == [Event(10, "accepted", {}), Event(20, "delivered", {"to": "jöe", "n": 1})]
    assert Traces(db).life(other) == [Event(5, "accepted", {"x": "\0"})]
    assert Traces(db).life(12345) == []


def test_old_lives_are_forgotten(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "LAST_OF_STEP", traces.LAST_OF_STEP.replace(str(traces.STEP), "2"))
    now = time.time()
    new, old = new_id(), [first_id(now - 3600) + number for number in range(5)]
    for trace in (new, *old):
        db.write(lambda tx, trace=trace: traces.record(tx, trace, 1, "accepted", {}))  # type: ignore[misc]
    Traces(db).forget(before=now - 60)
    assert not any(Traces(db).life(trace) for trace in old)
    assert len(Traces(db).life(new)) == 1
