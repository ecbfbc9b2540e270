"""The life of a message."""

from __future__ import annotations

from postroom.ids import new_id
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


def test_old_lives_are_forgotten(db: Database) -> None:
    for trace in (100, 200):
        db.write(lambda tx, trace=trace: traces.record(tx, trace, 1, "accepted", {}))  # type: ignore[misc]
    Traces(db).forget(before=150)
    assert Traces(db).life(100) == []
    assert len(Traces(db).life(200)) == 1
