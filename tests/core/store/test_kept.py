"""Answers that are kept for blobs."""

from __future__ import annotations

import pytest

from postroom.mail.structure import load, scan
from postroom.store import kept as keeping
from postroom.store.blobs import Blobs
from postroom.store.database import Database, StoreUnavailable
from postroom.store.kept import Kept, computed, fields_kind

MESSAGE = b"Subject: s\r\nFrom: a@b\r\n\r\nbody\r\n"


@pytest.fixture
def kept(db: Database) -> Kept:
    return Kept(db, clock=lambda: 1_000_000_000.0)


def blobs_of(db: Database, count: int) -> list[int]:
    made = []
    for number in range(count):
        draft = Blobs(db).draft()
        draft.write(b"%d" % number)
        made.append(db.write(draft.store))
    return made


def test_the_usual_kinds_are_always_there(kept: Kept) -> None:
    assert set(kept.kinds()) == set(keeping.ALWAYS)


def test_a_kind_is_added_when_it_is_wanted(kept: Kept, db: Database) -> None:
    name = fields_kind({b"to", b"from"})
    assert name == "HEADER.FIELDS from to"
    assert kept.kind(name) is None
    number = kept.kind(name, add=True)
    assert number is not None
    assert Kept(db).kind(name) == kept.kind(name) == number


def test_there_are_not_too_many_kinds(kept: Kept) -> None:
    for number in range(keeping.MOST_KINDS * 2):
        kept.kind(f"HEADER.FIELDS x{number}", add=True)
    assert len(kept.kinds()) == keeping.MOST_KINDS
    assert kept.kind("HEADER.FIELDS " + "x" * 5000, add=True) is None


@pytest.mark.parametrize("step", [1, 7])
def test_answers_are_had_back_few_or_many_near_or_far(kept: Kept, db: Database, step: int) -> None:
    blobs = blobs_of(db, 150)
    kept.kinds()
    kept.keep([(kind, blob, b"%d/%d" % (kind, blob)) for blob in blobs for kind in (1, 2)])
    wanted = blobs[::step]
    found = kept.answers(2, wanted)
    assert [found.get(blob) for blob in wanted] == [b"2/%d" % blob for blob in wanted]
    assert kept.answers(2, [5, *wanted[:3]]) == {blob: b"2/%d" % blob for blob in wanted[:3]}


def test_the_first_answer_stays_and_what_is_gone_has_none(kept: Kept, db: Database) -> None:
    (blob,) = blobs_of(db, 1)
    kept.keep([(1, blob, b"one")])
    kept.keep([(1, blob, b"two"), (1, 12345, b"gone")])
    assert kept.answers(1, [blob, 12345]) == {blob: b"one"}


def test_answers_go_with_the_blob(kept: Kept, db: Database) -> None:
    (blob,) = blobs_of(db, 1)
    kept.keep([(kept.kinds()["ENVELOPE"], blob, b"one")])
    db.write(lambda tx: tx.do("INSERT INTO loose (blob_id) VALUES (?)", (blob,)))
    Blobs(db).collect(0)
    assert db.read(lambda tx: tx.execute("SELECT value FROM kept")) == []


def test_a_kind_that_nobody_asks_for_is_forgotten(db: Database) -> None:
    now = [1_000_000_000.0]
    kept = Kept(db, clock=lambda: now[0])
    old, used = kept.kind("HEADER.FIELDS a", add=True), kept.kind("HEADER.FIELDS b", add=True)
    assert old is not None and used is not None
    (blob,) = blobs_of(db, 1)
    kept.keep([(old, blob, b"x"), (used, blob, b"y")])
    now[0] += keeping.UNUSED - 10
    kept.kind("HEADER.FIELDS b")
    now[0] += 20
    kept.forget_unused()
    assert set(kept.kinds()) == {*keeping.ALWAYS, "HEADER.FIELDS b"}
    assert kept.answers(old, [blob]) == {}


def test_nothing_is_kept_and_nothing_fails_when_nothing_can_be_written(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fn: object, keys: object = ()) -> None:
        raise StoreUnavailable("disk full")

    monkeypatch.setattr(db, "write", full)
    kept = Kept(db)
    assert kept.kinds() == {}
    assert kept.kind("HEADER.FIELDS a", add=True) is None


def test_answers_are_computed() -> None:
    root = scan(MESSAGE)
    kinds = {"STRUCTURE": 1, "ENVELOPE": 2, "BODYSTRUCTURE": 3, "PREVIEW": 4, "HEADER.FIELDS from": 5, "THREADID": 6}
    found = {kind: value for kind, _, value in computed(kinds, 9, MESSAGE[: root.body_start], root, lambda at, n: MESSAGE[at : at + n])}
    assert load(found[1]) == root
    assert (found[4], found[5], found[6]) == (b"body", b"From: a@b\r\n\r\n", b"")
    assert b'"s"' in found[2] and b'"plain"' in found[3]
