"""Accounts, mappings and lists, and the directory that shows them to routing."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable

import pytest

from postroom.store import acl
from postroom.store.accounts import Accounts
from postroom.store.annotations import SERVER, put
from postroom.store.blobs import Blobs
from postroom.store.changes import BadName, checked_name
from postroom.store.database import Conflict, Database, StoreUnavailable, Tx
from postroom.store.directory import Directory, DirectoryCache
from postroom.store.folders import Folders
from postroom.store.mailboxes import SPECIAL, Mailboxes


@pytest.fixture
def accounts(db: Database) -> Accounts:
    return Accounts(db)


def directory(db: Database) -> Directory:
    return DirectoryCache(db).current()


def test_an_account_is_found_by_its_name_in_any_case_and_by_its_id(accounts: Accounts) -> None:
    added = accounts.add("Joe.Bloggs", password="hash", admin=True, max_size=5, forward=["a@b.test", "c"], comment="Jö")
    assert added.name == "joe.bloggs"
    assert accounts.get("JOE.bloggs") == accounts.by_id(added.id) == added
    assert accounts.get("nobody") is None
    assert accounts.by_id(1) is None


def test_a_new_account_has_the_usual_folders(db: Database, accounts: Accounts) -> None:
    account = accounts.add("joe")
    mailboxes = Mailboxes(db, Blobs(db))
    folders = [mailboxes.find(account.id, path) for path in SPECIAL]
    assert [folder.special for folder in folders if folder] == ["", "\\Drafts", "\\Sent", "\\Junk", "\\Trash", "\\Archive"]


def test_accounts_are_listed_by_name(accounts: Accounts) -> None:
    for name in ("b", "a", "c"):
        accounts.add(name)
    assert [account.name for account in accounts.list()] == ["a", "b", "c"]


@pytest.mark.parametrize("name", ["", " ", "a b", "ä", "-a", "a-", ".a", "a..b", "a@b", "everyone", "No-One", "x" * 65, "a/b", "a\x00b"])
def test_a_bad_name_is_refused(name: str) -> None:
    with pytest.raises(BadName):
        checked_name(name)


def test_white_space_around_a_name_and_its_case_are_the_typists() -> None:
    assert checked_name(" Joe.O_x-1\n") == "joe.o_x-1"


def test_accounts_and_lists_have_checked_names(accounts: Accounts) -> None:
    with pytest.raises(BadName):
        accounts.add("a b")
    with pytest.raises(BadName):
        accounts.add_list("a b")


def test_a_name_is_taken_once_by_an_account_or_a_list(accounts: Accounts) -> None:
    accounts.add("joe")
    accounts.add_list("staff")
    for again in ("joe", "JOE", "staff"):
        with pytest.raises(Conflict, match="already"):
            accounts.add(again)
    with pytest.raises(Conflict, match="already"):
        accounts.add_list("Joe")


def test_fields_can_be_changed_except_the_fixed_ones(accounts: Accounts) -> None:
    accounts.add("joe")
    changed = accounts.update("Joe", enabled=False, assistants=[" a ", "b"], use_forwarding=True)
    assert accounts.get("joe") == changed
    assert (changed.enabled, changed.assistants, changed.use_forwarding) == (False, ("a", "b"), True)
    for wrong in ("name", "id", "created", "colour"):
        with pytest.raises(ValueError, match=wrong):
            accounts.update("joe", **{wrong: 1})
    with pytest.raises(KeyError):
        accounts.update("nobody", enabled=True)


def test_removing_says_whether_there_was_one(db: Database, accounts: Accounts) -> None:
    account = accounts.add("joe")
    assert accounts.remove("JOE")
    assert not accounts.remove("joe")
    assert Mailboxes(db, Blobs(db)).find(account.id, "INBOX") is None
    assert accounts.add("joe").id != account.id


def test_mappings_gather_targets_in_order_and_once(accounts: Accounts) -> None:
    accounts.add_mapping("Sales@Example.test", ["joe", "bob", "joe"])
    accounts.add_mapping("sales@example.test", ["bob", "eve"])
    accounts.add_mapping("*@other.test", ["joe"])
    assert accounts.mappings() == [("*@other.test", ("joe",)), ("sales@example.test", ("joe", "bob", "eve"))]
    assert accounts.remove_mapping("sales@example.test", "bob")
    assert not accounts.remove_mapping("sales@example.test", "bob")
    assert dict(accounts.mappings())["sales@example.test"] == ("joe", "eve")
    assert accounts.remove_mapping("SALES@example.test")
    assert len(accounts.mappings()) == 1


def test_lists_keep_the_order_of_their_members(accounts: Accounts) -> None:
    accounts.add_list("Staff", ["joe", "bob", "joe"])
    accounts.add_list("empty")
    assert accounts.lists() == {"empty": (), "staff": ("joe", "bob")}
    accounts.set_members("STAFF", ["eve"])
    assert accounts.lists()["staff"] == ("eve",)
    with pytest.raises(KeyError):
        accounts.set_members("none", [])
    assert accounts.remove_list("staff")
    assert not accounts.remove_list("staff")


def test_the_directory_shows_users_mappings_and_lists(db: Database, accounts: Accounts) -> None:
    seconds = itertools.count(1)
    accounts.clock = lambda: next(seconds)
    accounts.add("Joe", admin=True, enabled=False)
    eve = accounts.add("eve", admin=True, assistants=["joe"], internet=False)
    accounts.add("postmaster", admin=True)
    accounts.add_mapping("sales", ["joe"])
    accounts.add_mapping("*@x.test", ["eve"])
    accounts.add_mapping("?@x.test", ["eve", "joe"])
    accounts.add_list("staff", ["joe", "eve"])
    found = directory(db)
    assert found.administrator == "eve"
    assert found.users["eve"].id == eve.id
    assert (found.users["eve"].assistants, found.users["eve"].internet, found.users["joe"].enabled) == (("joe",), False, False)
    assert found.mappings == {"sales": ("joe",)}
    assert set(found.wildcards) == {("*@x.test", ("eve",)), ("?@x.test", ("eve", "joe"))}
    assert found.lists == {"staff": ("joe", "eve")}
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.administrator = "x"  # type: ignore[misc]


def test_an_empty_directory_has_no_administrator(db: Database) -> None:
    assert directory(db).administrator == ""


def test_every_kind_of_change_makes_the_directory_new(db: Database, accounts: Accounts) -> None:
    changes: list[Callable[[], object]] = [
        lambda: accounts.add("joe"),
        lambda: accounts.update("joe", comment="x"),
        lambda: accounts.add_mapping("x", ["joe"]),
        lambda: accounts.remove_mapping("x"),
        lambda: accounts.add_list("staff"),
        lambda: accounts.set_members("staff", ["joe"]),
        lambda: accounts.remove_list("staff"),
        lambda: accounts.remove("joe"),
    ]
    versions = [directory(db).version]
    for change in changes:
        change()
        versions.append(directory(db).version)
    assert versions == sorted(set(versions))


def test_the_cache_looks_once_a_second_and_at_once_when_asked(db: Database, accounts: Accounts) -> None:
    now = [0.0]
    cache = DirectoryCache(db, clock=lambda: now[0])
    before = cache.current()
    accounts.add("joe")
    assert cache.current() is before
    now[0] += 1.5
    assert "joe" in cache.current().users
    accounts.add("eve")
    assert "eve" not in cache.current().users
    assert "eve" in cache.fresh().users
    same = cache.current()
    assert cache.fresh() is same
    assert cache.refresh() is not same


def test_a_snapshot_is_good_enough_while_the_database_is_away(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    cache = DirectoryCache(db, clock=lambda: now[0])

    def away(fn: object) -> None:
        raise StoreUnavailable("away")

    Accounts(db).add("ann")
    with monkeypatch.context() as patch:
        patch.setattr(db, "read", away)
        patch.setattr(db, "read_slow", away)
        with pytest.raises(StoreUnavailable):
            cache.current()
    assert "ann" in cache.current().users
    monkeypatch.setattr(db, "read", away)
    now[0] += 5
    assert "ann" in cache.current().users
    with pytest.raises(StoreUnavailable):
        cache.fresh()


def test_everything_of_an_account_goes_with_it(db: Database, accounts: Accounts) -> None:
    joe, ann = accounts.add("joe"), accounts.add("ann")
    box = Folders(db).create(joe.id, "a")
    theirs = Folders(db).create(ann.id, "a")

    def work(tx: Tx) -> None:
        acl.change(tx, box.id, "ann", "set", "lr")
        acl.change(tx, theirs.id, "joe", "set", "lr")
        put(tx, box.id, joe.id, {"/private/comment": b"x"})
        put(tx, SERVER, joe.id, {"/private/comment": b"x"})

    db.write(work)
    Folders(db).delete(joe.id, "Sent", 1)
    accounts.remove("joe")
    assert db.read(lambda tx: [tx.one(f"SELECT count(*) FROM {table}") for table in ("acl", "annotation", "deleted_mailbox")]) == [(0,)] * 3
    assert {row[0] for row in db.read(lambda tx: tx.execute("SELECT account_id FROM subscription"))} == {ann.id}
