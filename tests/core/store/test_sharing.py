"""Rights of others, subscriptions and annotations."""

from __future__ import annotations

import pytest

from postroom.store import acl, subscriptions
from postroom.store import annotations as notes
from postroom.store.accounts import Account, Accounts
from postroom.store.database import Database
from postroom.store.folders import Folders

EVERYBODY = ("ann", "anyone")


@pytest.fixture
def account(db: Database) -> Account:
    return Accounts(db).add("joe")


def grant(db: Database, folder: int, identifier: str, rights: str) -> None:
    db.write(lambda tx: acl.change(tx, folder, identifier, "set", rights))


def test_rights_are_those_of_all_identifiers_without_the_denied() -> None:
    entries = {"ann": "lrs", "anyone": "lw", "-anyone": "s", "bob": "a", "-bob": "l"}
    assert acl.rights(entries, EVERYBODY) == set("lrw")
    assert acl.rights(entries, ("eve", "anyone")) == set("lw")
    assert acl.rights({}, EVERYBODY) == frozenset()


def test_rights_are_set_added_and_removed_and_none_is_no_entry(db: Database, account: Account) -> None:
    folder = Folders(db).create(account.id, "a").id
    for mode, rights, left in (("set", "rl", "lr"), ("add", "al", "lra"), ("remove", "lt", "ra"), ("set", "w", "w")):
        db.write(lambda tx, mode=mode, rights=rights: acl.change(tx, folder, "ann", mode, rights))  # type: ignore[misc]
        assert db.read(lambda tx: acl.entries(tx, folder)) == {"ann": left}
    db.write(lambda tx: acl.change(tx, folder, "ann", "remove", "w"))
    assert db.read(lambda tx: acl.entries(tx, folder)) == {}


def test_a_list_has_a_bound(db: Database, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folders(db).create(account.id, "a").id
    monkeypatch.setattr(acl, "MOST", 1)
    grant(db, folder, "ann", "l")
    grant(db, folder, "ann", "lr")
    with pytest.raises(acl.TooManyEntries):
        grant(db, folder, "bob", "l")


def test_shared_folders_are_found_by_any_identifier_and_one_alone(db: Database, account: Account) -> None:
    folders = Folders(db)
    for path, identifier in (("a", "ann"), ("b", "anyone"), ("c", "bob"), ("INBOX", "ann")):
        found = folders.find(account.id, path) or folders.create(account.id, path)
        grant(db, found.id, identifier, "lr")
    grant(db, folders.create(account.id, "d").id, "ann", "l")
    denied = folders.find(account.id, "d")
    assert denied is not None
    grant(db, denied.id, "-anyone", "l")
    ann = Accounts(db).add("ann")
    shared = folders.shared_with(ann.id, EVERYBODY)
    assert [(one.owner, one.folder.path, one.rights) for one in shared] == [("joe", path, frozenset("lr")) for path in ("INBOX", "a", "b")]
    assert folders.shared_with(account.id, ("joe", "anyone")) == []
    one = folders.of_other("joe", "c", EVERYBODY)
    assert one is not None
    assert not one.rights
    assert folders.of_other("joe", "nothing", EVERYBODY) is None


def test_subscriptions_are_names_once_each(db: Database, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = db.read(lambda tx: subscriptions.names(tx, account.id))
    for _ in range(2):
        db.write(lambda tx: subscriptions.subscribe(tx, account.id, "#users/ann/x"))
    assert db.read(lambda tx: subscriptions.names(tx, account.id)) == usual | {"#users/ann/x"}
    for _ in range(2):
        db.write(lambda tx: subscriptions.unsubscribe(tx, account.id, "#users/ann/x"))
    assert db.read(lambda tx: subscriptions.names(tx, account.id)) == usual
    monkeypatch.setattr(subscriptions, "MOST", len(usual))
    with pytest.raises(subscriptions.TooManySubscriptions):
        db.write(lambda tx: subscriptions.subscribe(tx, account.id, "x"))


def test_annotations_are_shared_or_of_one_account(db: Database, account: Account) -> None:
    db.write(lambda tx: notes.put(tx, 5, notes.SHARED, {"/shared/comment": b"all"}))
    db.write(lambda tx: notes.put(tx, 5, account.id, {"/private/comment": b"\0mine"}))
    assert db.read(lambda tx: notes.entries(tx, 5, account.id)) == {"/private/comment": b"\0mine", "/shared/comment": b"all"}
    assert db.read(lambda tx: notes.entries(tx, 5, 1)) == {"/shared/comment": b"all"}
    db.write(lambda tx: notes.put(tx, 5, account.id, {"/private/comment": None}))
    assert db.read(lambda tx: notes.entries(tx, 5, account.id)) == {"/shared/comment": b"all"}


def test_too_many_annotations_change_nothing(db: Database, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "MOST", 2)
    with pytest.raises(notes.TooManyAnnotations):
        db.write(lambda tx: notes.put(tx, 5, account.id, {f"/private/{letter}": b"" for letter in "abc"}))
    assert db.read(lambda tx: notes.entries(tx, 5, account.id)) == {}
    db.write(lambda tx: notes.put(tx, 5, account.id, {"/private/a": b"", "/private/b": b"", "/private/c": None}))
