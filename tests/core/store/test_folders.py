"""Trees of folders: made, removed, renamed, shared."""

from __future__ import annotations

import time

import pytest

from postroom.store import acl, folders
from postroom.store.accounts import Account, Accounts
from postroom.store.blobs import Blobs
from postroom.store.database import Conflict, Database
from postroom.store.folders import FolderExists, FolderMissing, FolderRefused, Folders, SpecialTaken, TooManyFolders
from postroom.store.mailboxes import append

NOW = int(time.time() * 1000)
USUAL = ["INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash"]


@pytest.fixture
def account(db: Database) -> Account:
    return Accounts(db).add("joe")


@pytest.fixture
def tree(db: Database) -> Folders:
    return Folders(db)


def deliver(db: Database, account: Account, folder: str = "INBOX", body: bytes = b"Subject: x\r\n\r\n") -> None:
    draft = Blobs(db).draft()
    draft.write(body)
    draft.seal()
    db.write(
        lambda tx: append(tx, account.id, folder, blob_id=draft.store(tx), size=len(body), prefix=b"", received_at=7), keys=[account.id]
    )


def paths(tree: Folders, account: Account) -> list[str]:
    return [folder.path for folder in tree.tree(account.id)]


def test_a_new_account_has_the_usual_folders_inbox_first(tree: Folders, account: Account) -> None:
    assert paths(tree, account) == USUAL
    assert [folder.special for folder in tree.tree(account.id)] == ["", "\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash"]


def test_create_makes_the_folders_above_too(tree: Folders, account: Account) -> None:
    made = tree.create(account.id, "a/b/c")
    assert (made.path, made.uidnext, made.messages, made.account_id) == ("a/b/c", 1, 0, account.id)
    assert paths(tree, account)[6:] == ["a", "a/b", "a/b/c"]


def test_create_refuses_what_exists(tree: Folders, account: Account) -> None:
    with pytest.raises(FolderExists):
        tree.create(account.id, "Sent")


def test_create_for_an_account_that_is_gone_is_a_conflict(tree: Folders, account: Account) -> None:
    with pytest.raises(Conflict):
        tree.create(account.id + 1, "a")


def test_create_refuses_names_too_deep_and_too_long(tree: Folders, account: Account) -> None:
    assert tree.create(account.id, "/".join("a" * folders.DEEPEST)).path
    for path in ("/".join("a" * (folders.DEEPEST + 1)), "é" * 501):
        with pytest.raises(FolderRefused):
            tree.create(account.id, path)


def test_an_account_has_a_bounded_number_of_folders(tree: Folders, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "MOST", 8)
    tree.create(account.id, "a")
    with pytest.raises(TooManyFolders):
        tree.create(account.id, "b/c")  # two at once
    assert paths(tree, account) == [*USUAL[:1], *USUAL[1:], "a"]
    tree.create(account.id, "b")


def test_a_special_use_belongs_to_one_folder(tree: Folders, account: Account) -> None:
    with pytest.raises(SpecialTaken):
        tree.create(account.id, "Outgoing", "\\sent")
    assert tree.create(account.id, "Weighty", "\\Important").special == "\\Important"
    tree.delete(account.id, "Sent", NOW)
    assert tree.create(account.id, "Outgoing", "\\Sent").special == "\\Sent"


def test_a_name_made_anew_has_a_higher_uidvalidity(tree: Folders, account: Account) -> None:
    seen = [0]
    for _ in range(3):
        seen.append(tree.create(account.id, "a").uidvalidity)
        tree.delete(account.id, "a", NOW)
    assert seen == sorted(set(seen))


def test_deleted_folders_keep_their_messages_to_be_had_back(db: Database, tree: Folders, account: Account) -> None:
    made = tree.create(account.id, "a")
    deliver(db, account, "a")
    assert tree.delete(account.id, "a", NOW).id == made.id
    assert db.read(lambda tx: tx.execute("SELECT id, path, deleted_at FROM deleted_mailbox")) == [(made.id, "a", NOW)]
    assert db.read(lambda tx: tx.one("SELECT mailbox_id, uid, blob_id > 0 FROM expunged"))[:2] == (made.id, 1)  # type: ignore[index]
    assert db.read(lambda tx: tx.one("SELECT count(*) FROM message")) == (0,)


def test_deleting_a_folder_leaves_those_below_it(tree: Folders, account: Account) -> None:
    tree.create(account.id, "a/b")
    tree.delete(account.id, "a", NOW)
    assert paths(tree, account)[6:] == ["a/b"]
    with pytest.raises(FolderRefused, match="inferior"):
        tree.delete(account.id, "a", NOW)
    tree.create(account.id, "a")
    assert paths(tree, account)[6:] == ["a", "a/b"]


def test_inbox_and_missing_folders_cannot_be_deleted(tree: Folders, account: Account) -> None:
    with pytest.raises(FolderRefused):
        tree.delete(account.id, "INBOX", NOW)
    with pytest.raises(FolderMissing):
        tree.delete(account.id, "a", NOW)


def test_a_new_folder_inherits_the_rights_of_the_one_above(db: Database, tree: Folders, account: Account) -> None:
    parent = tree.create(account.id, "a")
    db.write(lambda tx: acl.change(tx, parent.id, "anyone", "set", "lr"))
    assert db.read(lambda tx: acl.entries(tx, tree.create(account.id, "a/b/c").id)) == {"anyone": "lr"}


def test_rights_and_annotations_go_with_their_folder(db: Database, tree: Folders, account: Account) -> None:
    folder = tree.create(account.id, "a")
    db.write(lambda tx: acl.change(tx, folder.id, "anyone", "set", "lr"))
    tree.delete(account.id, "a", NOW)
    assert db.read(lambda tx: acl.entries(tx, folder.id)) == {}
