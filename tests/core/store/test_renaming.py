"""Folders with new names: what moves along, what stays."""

from __future__ import annotations

import pytest

from postroom.store import acl, folders, subscriptions
from postroom.store import annotations as notes
from postroom.store.accounts import Account, Accounts
from postroom.store.database import Database
from postroom.store.folders import FolderExists, FolderMissing, FolderRefused, Folders
from postroom.store.renaming import rename

from .test_folders import NOW, USUAL, deliver, paths


@pytest.fixture
def account(db: Database) -> Account:
    return Accounts(db).add("joe")


@pytest.fixture
def tree(db: Database) -> Folders:
    return Folders(db)


def renamed(db: Database, account: Account, old: str, new: str) -> None:
    db.write(lambda tx: rename(tx, account.id, old, new))


def test_all_that_is_below_moves_along_and_stays_what_it_is(db: Database, tree: Folders, account: Account) -> None:
    made = tree.create(account.id, "a/b/c")
    tree.create(account.id, "ab")
    renamed(db, account, "a", "x/y")
    assert paths(tree, account)[6:] == ["ab", "x", "x/y", "x/y/b", "x/y/b/c"]
    now = tree.find(account.id, "x/y/b/c")
    assert now is not None
    assert (now.id, now.uidvalidity) == (made.id, made.uidvalidity)


def test_names_that_look_like_patterns_are_names(db: Database, tree: Folders, account: Account) -> None:
    for path in ("a_c/d", "abc/d"):
        tree.create(account.id, path)
    renamed(db, account, "a_c", "é/ü")
    assert paths(tree, account)[6:] == ["abc", "abc/d", "é", "é/ü", "é/ü/d"]


def test_rights_and_annotations_move_along(db: Database, tree: Folders, account: Account) -> None:
    made = tree.create(account.id, "a")
    db.write(lambda tx: acl.change(tx, made.id, "anyone", "set", "lr"))
    renamed(db, account, "a", "b")
    found = tree.find(account.id, "b")
    assert found is not None
    assert db.read(lambda tx: acl.entries(tx, found.id)) == {"anyone": "lr"}


def test_a_name_above_folders_can_be_renamed_though_it_is_none(db: Database, tree: Folders, account: Account) -> None:
    tree.create(account.id, "a/b")
    tree.delete(account.id, "a", NOW)
    renamed(db, account, "a", "x")
    assert paths(tree, account)[6:] == ["x/b"]


@pytest.mark.parametrize("new", ["Sent", "a", "x"])  # x is a name above x/y
def test_nothing_is_renamed_to_a_name_in_use(db: Database, tree: Folders, account: Account, new: str) -> None:
    for path in ("a", "x/y"):
        tree.create(account.id, path)
    tree.delete(account.id, "x", NOW)
    with pytest.raises(FolderExists):
        renamed(db, account, "a", new)


def test_nothing_moves_into_itself_and_what_is_not_there_does_not_move(db: Database, account: Account) -> None:
    with pytest.raises(FolderRefused):
        renamed(db, account, "Sent", "Sent/old")
    with pytest.raises(FolderMissing):
        renamed(db, account, "a", "b")


def test_names_that_would_become_too_deep_stay(db: Database, tree: Folders, account: Account) -> None:
    deep = "/".join("a" * folders.DEEPEST)
    tree.create(account.id, deep)
    with pytest.raises(FolderRefused):
        renamed(db, account, "a", "b/c")
    assert tree.find(account.id, deep) is not None
    assert tree.find(account.id, "b") is None


def test_inbox_stays_and_its_messages_go(db: Database, tree: Folders, account: Account) -> None:
    tree.create(account.id, "INBOX/kept")
    deliver(db, account)
    inbox = tree.find(account.id, "INBOX")
    assert inbox is not None
    db.write(lambda tx: notes.put(tx, inbox.id, account.id, {"/private/comment": b"x"}))
    renamed(db, account, "INBOX", "old")
    assert [(one.path, one.messages) for one in tree.tree(account.id) if one.path not in USUAL[1:]] == [
        ("INBOX", 0), ("INBOX/kept", 0), ("old", 1),
    ]  # fmt: skip
    old = tree.find(account.id, "old")
    assert old is not None
    for place in (inbox, old):  # RFC 5464 section 4.1: annotations are copied
        assert db.read(lambda tx, place=place: notes.entries(tx, place.id, account.id)) == {"/private/comment": b"x"}  # type: ignore[misc]


def test_subscriptions_stay_as_they_are(db: Database, account: Account) -> None:
    before = db.read(lambda tx: subscriptions.names(tx, account.id))
    renamed(db, account, "Sent", "a")
    assert db.read(lambda tx: subscriptions.names(tx, account.id)) == before


def test_folders_with_one_UIDVALIDITY_are_told_apart_when_one_takes_the_name_of_another(
    db: Database, tree: Folders, account: Account
) -> None:
    db.write(lambda tx: tx.do("UPDATE mailbox SET uidvalidity = 7 WHERE account_id = ?", (account.id,)))
    renamed(db, account, "Sent", "a")
    renamed(db, account, "Junk", "Sent")
    found = {one.path: one.uidvalidity for one in tree.tree(account.id)}
    assert found["INBOX"] == 7
    assert len({found["a"], found["Sent"], 7}) == 3
