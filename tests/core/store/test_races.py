"""Two processes change the same thing at the same moment: what comes of it is what would have come of one after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import gevent
import pytest

from postroom.store import pgtx, quota, traces
from postroom.store.accounts import Accounts
from postroom.store.blobs import Blobs
from postroom.store.database import Database, StoreUnavailable, Tx
from postroom.store.delivery import deliver
from postroom.store.folders import FolderMissing, Folders, delete
from postroom.store.mailboxes import append, append_to
from postroom.store.renaming import rename
from postroom.store.retention import forget
from postroom.store.undelete import _restore
from tests.core.store.post import post
from tests.core.store.test_counts import counts

Work = Callable[[Tx], Any]


class Halting:
    """A transaction that waits a moment after the first statement that holds ``text``."""

    def __init__(self, tx: Tx, text: str, wait: Callable[[], object]) -> None:
        self.tx, self.text, self.wait = tx, text, wait

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[Any]:
        rows = self.tx.execute(sql, params)
        if self.text in sql:
            self.text = "nothing more"
            self.wait()
        return rows

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tx, name)


def at_once(db: Database, first: Work, then: Callable[[], Any], *, after: str = "SELECT 1") -> Any:
    """Do ``then`` in another process while ``first`` has come to the statement ``after``, or to its end; what ``then`` gave or raised."""
    begun, found = threading.Event(), []

    def wait() -> None:
        begun.set()
        time.sleep(0.3)

    def held(tx: Tx) -> None:
        halting: Any = Halting(tx, after, wait)
        first(halting)
        halting.execute("SELECT 1")  # what was sent has arrived

    def other() -> None:
        begun.wait()
        try:
            found.append(then())
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=other)
    thread.start()
    db.write(held)
    thread.join()
    return found[0]


def test_a_delivery_whose_equal_blob_is_just_collected_counts_once(dbs: list[Database]) -> None:
    joe = post(dbs[0])
    joe.expunge(joe.fill(1), recover=False)
    draft, note = Blobs(dbs[1]).draft(), traces.row(1, 2, "delivered", {})
    draft.write(b"INBOX 0")  # the same again
    draft.seal()
    about: dict[str, Any] = {"size": 7, "prefix": b"", "received_at": 1, "trace": 1, "note": note, "own": False}
    keys = [joe.account]
    arriving = lambda: dbs[1].write(lambda tx: deliver(tx, draft, joe.account, "INBOX", **about), keys=keys)  # noqa: E731
    at_once(dbs[0], lambda tx: tx.do("DELETE FROM blob"), arriving)
    said, true = counts(dbs[0], joe.box())
    assert said == true
    assert joe.bodies() == [b"INBOX 0"]


def test_a_folder_that_two_rename_gets_one_name_and_one_of_them_hears_no(dbs: list[Database]) -> None:
    joe = post(dbs[0])
    other = at_once(
        dbs[0],
        lambda tx: rename(tx, joe.account, "Archive", "One"),
        lambda: dbs[1].write(lambda tx: rename(tx, joe.account, "Archive", "Two")),
    )
    assert isinstance(other, FolderMissing)


def test_a_folder_that_is_just_renamed_is_not_deleted_under_its_old_name(dbs: list[Database]) -> None:
    joe = post(dbs[0])
    other = at_once(dbs[0], lambda tx: rename(tx, joe.account, "Archive", "One"), lambda: Folders(dbs[1]).delete(joe.account, "Archive", 5))
    assert isinstance(other, FolderMissing)
    assert joe.folder("One").path == "One"


def test_a_folder_that_two_delete_is_gone_and_one_of_them_hears_no(dbs: list[Database]) -> None:
    joe = post(dbs[0])
    other = at_once(dbs[0], lambda tx: delete(tx, joe.account, "Archive", 5), lambda: Folders(dbs[1]).delete(joe.account, "Archive", 5))
    assert isinstance(other, FolderMissing)


def test_a_folder_below_one_that_is_just_renamed_moves_with_it_or_is_made_anew(dbs: list[Database]) -> None:
    joe = post(dbs[0])
    at_once(dbs[0], lambda tx: rename(tx, joe.account, "Archive", "One"), lambda: Folders(dbs[1]).create(joe.account, "Archive/2026"))
    paths = {folder.path for folder in Folders(dbs[0]).tree(joe.account)}
    assert {"One", "Archive", "Archive/2026"} <= paths


def test_what_is_being_restored_is_not_forgotten_at_the_same_moment(dbs: list[Database]) -> None:
    joe = post(dbs[0])
    joe.expunge(joe.fill(3))
    place = (joe.box(), "INBOX", "", 3)

    def forgetting() -> None:
        forget(dbs[1], 1e9, 1.0)
        Blobs(dbs[1]).collect(time.time())

    at_once(dbs[0], lambda tx: _restore(tx, joe.account, place, 0, 20_000), forgetting, after="FROM expunged")
    assert len(joe.bodies()) == joe.folder().messages


def test_two_who_fill_an_account_do_not_exceed_its_limit(dbs: list[Database]) -> None:
    joe = post(dbs[0])
    Accounts(dbs[0]).update("joe", quota_messages=1)

    def put(tx: Tx) -> bool:
        quota.hold(tx, joe.account)
        fits = quota.room(tx, joe.account, 5)
        return fits and bool(append(tx, joe.account, "Sent", blob_id=1, size=5, prefix=b"", received_at=1))

    assert at_once(dbs[0], put, lambda: dbs[1].write(put)) is False


def test_mail_for_an_account_that_is_just_removed_leaves_nothing_behind(dbs: list[Database]) -> None:
    joe = post(dbs[0])
    at_once(
        dbs[0],
        lambda tx: append(tx, joe.account, "INBOX", blob_id=1, size=5, prefix=b"", received_at=1),
        lambda: Accounts(dbs[1]).remove("joe"),
    )
    assert dbs[0].read(lambda tx: tx.execute("SELECT account_id FROM mailbox UNION ALL SELECT mailbox_id FROM message")) == []


def test_writes_that_name_their_accounts_do_not_block_each_other(dbs: list[Database], monkeypatch: pytest.MonkeyPatch) -> None:
    lost: list[Exception] = []
    people = [post(dbs[0], name) for name in ("joe", "ann", "tom")]
    boxes = [(person.box(), person.account) for person in people]

    def note(error: Exception) -> Exception:
        lost.append(error)
        return StoreUnavailable(str(error))

    monkeypatch.setattr(pgtx, "understood", note)
    about: dict[str, Any] = {"blob_id": 1, "size": 5, "prefix": b"", "received_at": 1}

    def session(db: Database, number: int) -> None:
        for step in range(40):  # what several sessions do at once is one transaction, in the order in which they come
            box, account = boxes[(number * 7 + step) % 3]
            other = boxes[(number * 5 + step * 2) % 3][1]
            db.write(lambda tx: append_to(tx, box, **about), locks=(account,))  # noqa: B023
            db.write(lambda tx: append(tx, other, "INBOX", **about), keys=(other,))  # noqa: B023

    gevent.joinall([gevent.spawn(session, db, number) for number in range(4) for db in dbs], raise_error=True)
    assert lost == []
    assert sum(person.folder().messages for person in people) == 4 * 2 * 40 * 2
