"""Quotas: how much mail an account may keep."""

from __future__ import annotations

import pytest

from postroom.store.accounts import Account, Accounts
from postroom.store.database import Database
from postroom.store.directory import DirectoryCache
from postroom.store.folders import Folders
from postroom.store.quota import Quota, quota, room

from .test_folders import NOW, deliver

BODY = b"Subject: x\r\n\r\n"


@pytest.fixture
def account(db: Database) -> Account:
    return Accounts(db).add("joe")


def fits(db: Database, account: Account, size: int, messages: int = 1) -> bool:
    return db.read(lambda tx: room(tx, account.id, size, messages))


def test_an_account_without_a_quota_has_room_for_anything(db: Database, account: Account) -> None:
    assert fits(db, account, 1 << 50, 1 << 30)


def test_messages_of_all_folders_count_and_the_limit_itself_may_be_reached(db: Database, account: Account) -> None:
    Accounts(db).update("joe", quota_storage=100)
    for folder in ("INBOX", "Sent"):
        deliver(db, account, folder, BODY)
    assert db.read(lambda tx: quota(tx, account.id)) == Quota(2 * len(BODY), 2, 100, 0)
    assert fits(db, account, 100 - 2 * len(BODY))
    assert not fits(db, account, 101 - 2 * len(BODY))


def test_the_number_of_messages_is_bounded_by_itself(db: Database, account: Account) -> None:
    Accounts(db).update("joe", quota_messages=2)
    deliver(db, account)
    assert fits(db, account, 1 << 40)
    assert not fits(db, account, 1, 2)


def test_what_was_expunged_does_not_count(db: Database, account: Account) -> None:
    folders = Folders(db)
    folders.create(account.id, "a")
    deliver(db, account, "a")
    folders.delete(account.id, "a", NOW)
    assert db.read(lambda tx: quota(tx, account.id)).messages == 0


def test_nothing_more_fits_also_where_the_limit_was_lowered() -> None:
    assert Quota(10, 1, 5, 0).has_room(0, 0)


def test_the_directory_tells_who_has_a_quota(db: Database, account: Account) -> None:
    cache = DirectoryCache(db)
    assert not cache.fresh().users["joe"].bounded
    Accounts(db).update("joe", quota_messages=2)
    assert cache.fresh().users["joe"].bounded
