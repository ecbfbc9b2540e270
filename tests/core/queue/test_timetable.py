"""The schedule and the files that steer it make wishes; wishes are rows that outlive the worker."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from postroom.config.connections import ConnectionSettings
from postroom.queue import marks, timetable
from postroom.queue.timetable import Timetable
from postroom.sending.schedule import ScheduleItem
from postroom.store.database import Database, StoreUnavailable
from tests.core.queue.office import FakeLog, FakeNews

START = datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC).timestamp()  # a Monday
OFTEN = ScheduleItem("Often", every=300.0)


class Clockwork:
    """A timetable with a clock that the test moves."""

    def __init__(self, db: Database, folder: Path, *items: ScheduleItem) -> None:
        self.db, self.folder, self.time = db, folder, START + 1
        connections = [ConnectionSettings(name="A", default=True), ConnectionSettings(name="B"), ConnectionSettings(name="C", default=True)]
        self.table = self.again(*items, connections=connections)

    def again(self, *items: ScheduleItem, connections: list[ConnectionSettings]) -> Timetable:
        news, log = FakeNews(), FakeLog()
        return Timetable(
            self.db, news, log, items=items, connections=connections, zone=UTC, folder=self.folder, clock=lambda: self.time  # type: ignore[arg-type]
        )  # fmt: skip

    def look(self, seconds: float = 5.0) -> None:
        self.time += seconds
        self.table.look()

    @property
    def wanted(self) -> list[str]:
        return [mark.connection for mark in self.db.read(marks.wishes)]


def test_an_item_wants_its_connections_when_its_time_comes(db: Database, tmp_path: Path) -> None:
    here = Clockwork(db, tmp_path, OFTEN)
    here.look()
    assert here.wanted == []
    here.look(295)
    assert here.wanted == ["A", "C"]


def test_what_was_missed_for_long_is_not_made_up_for(db: Database, tmp_path: Path) -> None:
    here = Clockwork(db, tmp_path, ScheduleItem("Once", ("B",), at=(datetime(2026, 3, 2, 9, 5).time(),)))  # noqa: DTZ001 - a time of day
    here.look()
    here.look(3600)
    assert here.wanted == []


def test_what_was_missed_for_a_moment_is_made_up_for_once(db: Database, tmp_path: Path) -> None:
    here = Clockwork(db, tmp_path, ScheduleItem("Every", ("B",), every=60.0))
    here.look()
    here.look(400)
    assert here.wanted == ["B"]


def test_the_schedule_does_not_want_again_what_runs_already(db: Database, tmp_path: Path) -> None:
    here = Clockwork(db, tmp_path, ScheduleItem("Every", ("B",), every=60.0))
    here.look()
    here.look(60)
    (mark,) = db.read(marks.wishes)
    begun = db.write(lambda tx: marks.begin(tx, mark, 5))
    here.look(60)
    assert db.read(marks.wishes) == [begun]


def test_a_deny_item_cancels(db: Database, tmp_path: Path) -> None:
    here = Clockwork(db, tmp_path, OFTEN, ScheduleItem("Quiet", ("deny",)))
    here.look()
    here.look(600)
    assert here.wanted == []


def test_a_start_is_not_lost_when_the_database_goes_away_at_that_moment(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*arguments: object, **more: object) -> None:
        raise StoreUnavailable("away")

    here = Clockwork(db, tmp_path, OFTEN)
    here.look()
    with monkeypatch.context() as patch:
        patch.setattr(marks, "wish", away)
        with pytest.raises(StoreUnavailable):
            here.look(295)
    here.look()
    assert here.wanted == ["A", "C"]


def test_a_paused_schedule_wants_nothing_and_makes_nothing_up_for_it(db: Database, tmp_path: Path) -> None:
    here = Clockwork(db, tmp_path, OFTEN)
    db.write(lambda tx: timetable.pause(tx, 1))
    here.look()
    here.look(300)
    db.write(timetable.resume)
    here.look()
    assert here.wanted == []


def test_the_file_CONNECT_PAUSE_pauses_as_long_as_it_is_there(db: Database, tmp_path: Path) -> None:
    here = Clockwork(db, tmp_path, OFTEN)
    (tmp_path / "CONNECT.PAUSE").touch()
    here.look()
    here.look(300)
    (tmp_path / "CONNECT.PAUSE").unlink()
    assert here.wanted == []
    here.look(300)
    assert here.wanted == ["A", "C"]


def test_the_file_CONNECT_NOW_wants_the_default_connections_once(db: Database, tmp_path: Path) -> None:
    here = Clockwork(db, tmp_path)
    (tmp_path / "CONNECT.NOW").touch()
    here.table.look_at_files()
    assert (here.wanted, (tmp_path / "CONNECT.NOW").exists()) == (["A", "C"], False)


def test_of_two_workers_that_see_the_file_CONNECT_NOW_the_one_that_removes_it_obeys_it(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Clockwork(db, tmp_path)
    monkeypatch.setattr(Path, "exists", lambda path: True)
    here.table.look_at_files()
    assert (here.wanted, here.table.log.lines) == ([], [])


@pytest.mark.parametrize("again", [True, False])
def test_a_wish_during_a_run_is_kept_when_it_is_for_another_run(db: Database, again: bool) -> None:
    db.write(lambda tx: marks.wish(tx, ["A"], 1, "one"))
    (mark,) = db.read(marks.wishes)
    begun = db.write(lambda tx: marks.begin(tx, mark, 2))
    assert begun is not None
    db.write(lambda tx: marks.wish(tx, ["A"], 3, "two", again=again))
    db.write(lambda tx: marks.end(tx, begun, 0))
    assert [left.why for left in db.read(marks.wishes)] == (["two"] if again else [])


def test_a_wish_during_a_run_says_that_it_lasts_until_it_has_ended(db: Database) -> None:
    db.write(lambda tx: marks.wish(tx, ["A"], 1, "one"))
    (mark,) = db.read(marks.wishes)
    begun = db.write(lambda tx: marks.begin(tx, mark, 2))
    assert begun is not None
    for at in (3, 4):
        db.write(lambda tx, at=at: marks.wish(tx, ["A"], at, "two"))  # type: ignore[misc]
        assert db.read(marks.wishes) == [marks.Mark("A", at, "two", 0, running=2)]
    db.write(lambda tx: marks.end(tx, begun, 0))
    assert db.read(marks.wishes) == [marks.Mark("A", 4, "two")]


@pytest.mark.parametrize(("began", "wanted"), [(0, "one"), (2, "two"), (3, "one"), (4, "one")])
def test_a_wish_because_of_a_moment_is_fulfilled_by_a_run_that_begins_after_it(db: Database, began: int, wanted: str) -> None:
    db.write(lambda tx: marks.wish(tx, ["A"], 1, "one"))
    (mark,) = db.read(marks.wishes)
    if began:
        db.write(lambda tx: marks.begin(tx, mark, began))
    db.write(lambda tx: marks.wish(tx, ["A"], 5, "two", since=3))
    assert [left.why for left in db.read(marks.wishes)] == [wanted]


def test_a_wish_because_of_a_moment_is_fulfilled_by_a_run_that_is_over(db: Database) -> None:
    db.write(lambda tx: marks.end(tx, marks.Mark("A", 1, "one", 4), 4))
    db.write(lambda tx: marks.wish(tx, ["A"], 5, "two", since=4))
    assert db.read(marks.wishes) == []
    db.write(lambda tx: marks.wish(tx, ["A"], 5, "two", since=5))
    assert [left.why for left in db.read(marks.wishes)] == ["two"]


def test_a_wish_that_changes_nothing_is_not_told(db: Database, tmp_path: Path) -> None:
    here = Clockwork(db, tmp_path)
    for _ in range(3):
        here.table.wish(["A"], "3 messages wait", again=False)
    assert [(event, facts["connections"]) for event, facts in here.table.log.lines] == [("connection.wanted", ["A"])]


def test_a_run_whose_worker_died_begins_again(db: Database) -> None:
    db.write(lambda tx: marks.wish(tx, ["A"], 1, "one"))
    (mark,) = db.read(marks.wishes)
    db.write(lambda tx: marks.begin(tx, mark, 2))
    (left,) = db.read(marks.wishes)
    assert db.write(lambda tx: marks.begin(tx, left, 9)) == marks.Mark("A", 1, "one", 9)


def test_two_workers_cannot_begin_the_same_run(db: Database) -> None:
    db.write(lambda tx: marks.wish(tx, ["A"], 1, "one"))
    (mark,) = db.read(marks.wishes)
    assert db.write(lambda tx: marks.begin(tx, mark, 2)) is not None
    assert db.write(lambda tx: marks.begin(tx, mark, 3)) is None


def test_a_file_CONNECT_NOW_that_cannot_be_removed_is_told_once_and_not_obeyed_for_ever(db: Database, tmp_path: Path) -> None:
    here = Clockwork(db, tmp_path)
    (tmp_path / "CONNECT.NOW").mkdir()
    for _ in range(2):
        here.table.look_at_files()
    assert here.wanted == []
    assert [event for event, _ in here.table.log.lines] == ["connection.file_not_removed"]


def test_a_file_CONNECT_NOW_without_a_default_connection_says_so(db: Database, tmp_path: Path) -> None:
    table = Clockwork(db, tmp_path).again(connections=[ConnectionSettings(name="B")])
    (tmp_path / "CONNECT.NOW").touch()
    table.look_at_files()
    ((event, facts),) = table.log.lines
    assert (event, "no connection is marked default" in facts["reason"]) == ("connection.none", True)
    assert not (tmp_path / "CONNECT.NOW").exists()


def test_a_file_CONNECT_NOW_that_comes_while_the_database_is_away_is_kept(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*arguments: object, **more: object) -> None:
        raise StoreUnavailable("away")

    here = Clockwork(db, tmp_path)
    (tmp_path / "CONNECT.NOW").touch()
    with monkeypatch.context() as patch:
        patch.setattr(here.table, "wish", away)
        with pytest.raises(StoreUnavailable):
            here.table.look_at_files()
    here.table.look_at_files()
    assert here.wanted == ["A", "C"]


@pytest.mark.parametrize("by_file", [False, True])
def test_it_is_paused_by_command_or_by_file(db: Database, tmp_path: Path, *, by_file: bool) -> None:
    here = Clockwork(db, tmp_path)
    assert not here.table.paused()
    if by_file:
        (tmp_path / "CONNECT.PAUSE").touch()
    else:
        db.write(lambda tx: timetable.pause(tx, 1))
    assert here.table.paused()
