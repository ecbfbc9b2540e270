"""Passwords of targets SMTP:… that an earlier build has left readable are locked at the start."""

from __future__ import annotations

from pathlib import Path

from postroom.credentials import Vault
from postroom.sending.via import Locker
from postroom.store.accounts import Accounts
from postroom.store.database import Database
from postroom.store.directory import DirectoryCache
from postroom.store.locking import lock_targets

TARGET = "SMTP:bob@far.example@fred:geheim@192.168.1.1:587"
PLAIN = "smtp:bob@far.example@192.168.1.1"


def filled(db: Database) -> Accounts:
    accounts = Accounts(db)
    accounts.add("ann", forward=(PLAIN, TARGET, "joe@far.example"), assistants=(TARGET,))
    accounts.add_mapping("sales", [PLAIN, TARGET, "ann"])
    accounts.add_list("staff", ["ann", TARGET])
    return accounts


def test_all_that_was_readable_is_locked_and_nothing_else_changes(db: Database, tmp_path: Path) -> None:
    accounts, locker = filled(db), Locker(Vault(tmp_path))
    locked = locker.keep(TARGET)
    assert lock_targets(db, locker.keep) == 4
    assert accounts.mappings() == [("sales", (PLAIN, locked, "ann"))]
    assert accounts.lists() == {"staff": ("ann", locked)}
    ann = accounts.get("ann")
    assert ann is not None and (ann.forward, ann.assistants) == ((PLAIN, locked, "joe@far.example"), (locked,))


def test_the_second_time_there_is_nothing_to_do(db: Database, tmp_path: Path) -> None:
    filled(db)
    locker = Locker(Vault(tmp_path))
    lock_targets(db, locker.keep)
    version = DirectoryCache(db).current().version
    assert lock_targets(db, locker.keep) == 0
    assert DirectoryCache(db).current().version == version


def test_without_such_passwords_no_key_is_made(db: Database, tmp_path: Path) -> None:
    Accounts(db).add_mapping("sales", [PLAIN, "ann"])
    assert lock_targets(db, Locker(Vault(tmp_path)).keep) == 0
    assert not (tmp_path / "secrets.key").exists()


def test_what_is_added_later_is_locked_from_the_start(db: Database, tmp_path: Path) -> None:
    locker = Locker(Vault(tmp_path))
    accounts = Accounts(db, keep=locker.keep)
    accounts.add_mapping("sales", [TARGET])
    accounts.add_list("staff", [TARGET])
    accounts.add("ann", forward=(TARGET,))
    assert lock_targets(db, locker.keep) == 0
    assert "geheim" not in str((accounts.mappings(), accounts.lists(), accounts.list()))


def test_a_mapping_goes_by_its_readable_target_too(db: Database, tmp_path: Path) -> None:
    accounts = Accounts(db, keep=Locker(Vault(tmp_path)).keep)
    accounts.add_mapping("sales", [TARGET, "ann"])
    assert accounts.remove_mapping("sales", TARGET)
    assert accounts.mappings() == [("sales", ("ann",))]
