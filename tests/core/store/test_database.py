"""read, read_slow and write on both engines."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import gevent
import peewee
import pytest

from postroom.store.database import Conflict, Database, StoreUnavailable, Tx, connect
from postroom.store.models import State

PUT = "INSERT INTO state (name, value) VALUES (?, ?)"
VALUE = "SELECT value FROM state WHERE name = ?"
NAMES = "SELECT name FROM state WHERE name LIKE 'x%' ORDER BY name"


def put(name: str, value: str = "") -> Callable[[Tx], str]:
    def work(tx: Tx) -> str:
        tx.do(PUT, (name, value))
        return name

    return work


def names(db: Database) -> list[str]:
    return [row[0] for row in db.read(lambda tx: tx.execute(NAMES))]


def test_a_write_returns_what_its_function_returns_and_is_there_afterwards(db: Database) -> None:
    assert db.write(put("x", "1")) == "x"
    assert db.read(lambda tx: tx.one(VALUE, ("x",))) == ("1",)
    assert db.read_slow(lambda tx: tx.one(VALUE, ("x",))) == ("1",)


def test_an_exception_undoes_its_own_write_and_is_raised_to_its_caller(db: Database) -> None:
    def work(tx: Tx) -> None:
        tx.do(PUT, ("x", ""))
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        db.write(work)
    assert names(db) == []


@pytest.mark.parametrize("keys", [(), (1,), (2, 1)])
def test_a_function_that_fails_leaves_the_others_of_its_batch_alone(db: Database, keys: tuple[int, ...]) -> None:
    def work(number: int) -> None:
        def fn(tx: Tx) -> None:
            tx.do(PUT, (f"x{number}", ""))
            if number % 3 == 0:
                raise LookupError(number)
            assert tx.one(VALUE, (f"x{number}",)) == ("",)

        db.write(fn, keys=keys)

    greenlets = [gevent.spawn(work, number) for number in range(9)]
    gevent.joinall(greenlets)
    assert names(db) == ["x1", "x2", "x4", "x5", "x7", "x8"]
    assert [greenlet.successful() for greenlet in greenlets] == [False, True, True] * 3


def test_a_key_that_is_taken_is_a_conflict(db: Database) -> None:
    db.write(put("x"))
    with pytest.raises(Conflict):
        db.write(put("x"))
    db.write(put("x2"))
    assert names(db) == ["x", "x2"]


@pytest.mark.parametrize("keys", [(), (1,)])
def test_a_conflict_of_one_of_many_is_its_own(db: Database, keys: tuple[int, ...]) -> None:
    greenlets = [gevent.spawn(db.write, put(name), keys=keys) for name in ("x1", "x1", "x2", "x3", "x3")]
    gevent.joinall(greenlets)
    assert sorted(type(greenlet.exception).__name__ for greenlet in greenlets) == [
        "Conflict",
        "Conflict",
        "NoneType",
        "NoneType",
        "NoneType",
    ]
    assert names(db) == ["x1", "x2", "x3"]


def test_wrong_sql_is_a_bug_and_not_a_failure_of_the_database(db: Database) -> None:
    with pytest.raises(Exception) as caught:
        db.write(lambda tx: tx.execute("SELEKT 1"))
    assert not isinstance(caught.value, (StoreUnavailable, Conflict))
    assert db.write(put("x")) == "x"


def test_reading_cannot_write(db: Database) -> None:
    with pytest.raises(Exception):  # noqa: B017
        db.read(put("x"))
    assert names(db) == []


def test_many_writes_many_rows(db: Database) -> None:
    db.write(lambda tx: tx.many(PUT, [(f"x{number}", "") for number in range(5)]))
    assert len(names(db)) == 5


def test_several_rows_and_none(db: Database) -> None:
    db.write(lambda tx: tx.many(PUT, [("x1", "a"), ("x2", "b")]))
    assert db.read(lambda tx: tx.execute("SELECT name, value FROM state WHERE name LIKE 'x%' ORDER BY name")) == [("x1", "a"), ("x2", "b")]
    assert db.read(lambda tx: tx.one(VALUE, ("y",))) is None
    assert db.write(lambda tx: tx.execute("UPDATE state SET value = 'c' WHERE name = 'x1'")) == []
    assert db.write(lambda tx: tx.execute("DELETE FROM state WHERE name LIKE 'x%' RETURNING name")) in (
        [("x1",), ("x2",)],
        [("x2",), ("x1",)],
    )


def test_a_peewee_query_gives_rows_by_column_name(db: Database) -> None:
    db.write(lambda tx: tx.run(State.insert(name="x", value="ü")))
    query = State.select(State.name, State.value.alias("content"), peewee.fn.LENGTH(State.value).alias("n")).where(State.name == "x")
    assert db.read(lambda tx: tx.run(query)) == [{"name": "x", "content": "ü", "n": 1}]


def test_bytes_text_numbers_and_null_come_back_as_they_went_in(db: Database) -> None:
    values = (2**62, bytes(range(256)), 5, 1, -(2**62), b"")
    db.write(lambda tx: tx.do("INSERT INTO blob (id, hash, size, complete, created, data) VALUES (?, ?, ?, ?, ?, ?)", values))
    row = db.read(lambda tx: tx.one("SELECT id, hash, size, complete, created, data, NULL FROM blob"))
    assert row == (*values, None)


def test_writes_of_many_greenlets_all_commit(db: Database) -> None:
    jobs = [gevent.spawn(db.write, put(f"x{number:03}")) for number in range(300)]
    gevent.joinall(jobs, raise_error=True)
    assert len(names(db)) == 300


def test_threads_without_a_hub_write_and_read_too(db: Database) -> None:
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            db.write(put(f"x{number}"))
            assert f"x{number}" in names(db)
            assert db.read_slow(lambda tx: tx.one(VALUE, (f"x{number}",))) == ("",)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(names(db)) == 8


def test_greenlets_of_a_second_hub_are_woken_on_their_own_hub(db: Database) -> None:
    done: list[str] = []

    def hub() -> None:
        jobs = [gevent.spawn(db.write, put(f"x-other{number}")) for number in range(20)]
        gevent.joinall(jobs, raise_error=True)
        done.extend(str(job.value) for job in jobs)
        gevent.get_hub().destroy(destroy_loop=True)

    thread = threading.Thread(target=hub)
    thread.start()
    gevent.joinall([gevent.spawn(db.write, put(f"x-main{number}")) for number in range(20)], raise_error=True)
    thread.join()
    assert len(done) == 20
    assert len(names(db)) == 40


def test_other_greenlets_run_while_a_write_waits(db: Database) -> None:
    ran: list[int] = []
    entered, leave = threading.Event(), threading.Event()

    def work(tx: Tx) -> None:
        entered.set()
        assert leave.wait(10)

    def beside() -> None:
        while not entered.is_set():
            gevent.sleep(0.001)
        ran.append(1)
        leave.set()

    writer = gevent.spawn(db.write, work)
    gevent.spawn(beside).get()
    writer.get()
    assert ran == [1]


def test_a_greenlet_that_is_killed_while_it_waits_for_its_turn_writes_nothing(db: Database) -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow(tx: Tx) -> None:
        entered.set()
        assert leave.wait(10)

    first = gevent.spawn(db.write, slow)
    while not entered.is_set():
        gevent.sleep(0.001)
    second = gevent.spawn(db.write, put("x2"))
    third = gevent.spawn(db.write, put("x3"))
    gevent.sleep(0)
    second.kill()
    leave.set()
    first.get()
    third.get()
    assert names(db) == ["x3"]


def test_a_write_that_gets_no_turn_in_time_fails_and_is_not_done_later(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postroom.store.writer.TURN_SECONDS", 0.2)
    monkeypatch.setattr("postroom.store.handover.LOOK_SECONDS", 0.05)
    entered, leave = threading.Event(), threading.Event()

    def slow(tx: Tx) -> None:
        entered.set()
        assert leave.wait(10)

    first = gevent.spawn(db.write, slow)
    while not entered.is_set():
        gevent.sleep(0.001)
    with pytest.raises(StoreUnavailable, match="busy"):
        db.write(put("x"))
    leave.set()
    first.get()
    db.write(put("x2"))
    assert names(db) == ["x2"]


def test_close_commits_what_waits_and_then_refuses(db: Database) -> None:
    jobs = [gevent.spawn(db.write, put(f"x{number}")) for number in range(10)]
    gevent.sleep(0)
    db.close()
    gevent.joinall(jobs, raise_error=True)
    with pytest.raises(StoreUnavailable, match="closed"):
        db.write(put("x-late"))


def test_functions_with_and_without_keys_share_a_batch(db: Database) -> None:
    def work(number: int) -> int:
        def fn(tx: Tx) -> int:
            tx.do(PUT, (f"x{number}", str(number)))
            rows = [tx.one(VALUE, (f"x{number}",)) for _ in range(number % 4)]
            assert rows == [(str(number),)] * (number % 4)
            tx.many("UPDATE state SET value = ? WHERE name = ?", [(str(number + 1), f"x{number}")])
            assert tx.run(State.select(State.value).where(State.name == f"x{number}")) == [{"value": str(number + 1)}]
            return number

        return db.write(fn, keys=[number] * (number % 3))

    jobs = [gevent.spawn(work, number) for number in range(30)]
    gevent.joinall(jobs, raise_error=True)
    assert [job.value for job in jobs] == list(range(30))
    assert len(names(db)) == 30


def test_a_child_of_a_process_that_has_a_database_object_opens_its_own(db: Database, database_url: str) -> None:
    fresh = connect(database_url)  # nothing is opened yet, so forking is harmless
    child = os.fork()
    if child == 0:
        try:
            fresh.write(put("x-child"))
            os._exit(0 if names(fresh) == ["x-child"] else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    fresh.write(put("x-parent"))
    assert names(fresh) == ["x-child", "x-parent"]
    fresh.close()


def test_nothing_is_opened_before_the_first_use(tmp_path: object) -> None:
    database = connect(f"sqlite:///{tmp_path}/no/such/directory/x.db")
    with pytest.raises(StoreUnavailable):
        database.read(lambda tx: tx.execute("SELECT 1"))
    with pytest.raises(StoreUnavailable):
        database.write(lambda tx: tx.execute("SELECT 1"))
    database.close()


@pytest.mark.parametrize("url", ["mysql://x", "sqlite://", "sqlite:///:memory:", "sqlite://host/x.db"])
def test_an_unusable_url_says_what_is_wrong(url: str) -> None:
    with pytest.raises(ValueError, match="database url"):
        connect(url)
