"""The schema: made from nothing, equal to the models, never run by an older release."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from postroom.store.blobs import Blobs
from postroom.store.database import Conflict, Database, StoreUnavailable, connect
from postroom.store.expunge import expunge
from postroom.store.flagging import Change, change_flags
from postroom.store.mailboxes import Mailboxes
from postroom.store.migrate import MIGRATIONS, SchemaNewer, migrate, status
from postroom.store.models import TABLES
from postroom.store.pgconnection import settings
from postroom.store.snapshots import ColumnsCache
from tests.core.store import first_release
from tests.databases import Postgresql

NAMES = tuple(sorted(path.stem for path in MIGRATIONS.glob("0*.py")))


def test_an_empty_database_gets_every_migration_once(empty_url: str) -> None:
    assert status(empty_url).applied == ()
    assert status(empty_url).pending == NAMES
    assert migrate(empty_url) == list(NAMES)
    assert migrate(empty_url) == []
    assert status(empty_url).pending == ()


def test_workers_that_start_together_migrate_once(empty_url: str) -> None:
    results: list[list[str]] = []
    threads = [threading.Thread(target=lambda: results.append(migrate(empty_url))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [[], [], [], list(NAMES)]


def test_a_database_of_a_newer_release_is_refused_in_words(db: Database, database_url: str) -> None:
    db.write(lambda tx: tx.do("INSERT INTO schema_migration (id, name, applied) VALUES (99, '9999_future', '2030-01-01 00:00:00')"))
    with pytest.raises(SchemaNewer, match=rf"newer Postroom \(migration 9999_future, this release knows up to {NAMES[-1]}\)"):
        migrate(database_url)
    with pytest.raises(SchemaNewer):
        status(database_url).refuse_newer()


COLUMNS = {
    "sqlite": "SELECT name FROM pragma_table_info(?)",
    "postgresql": "SELECT column_name FROM information_schema.columns WHERE table_name = ?",
}


def columns(db: Database, model: Any) -> list[str]:
    rows = db.read(lambda tx: tx.execute(COLUMNS[tx.dialect], (model._meta.table_name,)))
    return sorted(row[0] for row in rows)


def test_the_models_tell_the_columns_of_the_schema(db: Database) -> None:
    for model in TABLES:
        assert columns(db, model) == sorted(field.column_name for field in model._meta.sorted_fields)


def test_a_database_that_cannot_be_reached_is_said_without_its_password(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnavailable):
        migrate(f"sqlite:///{tmp_path}/file/x.db")
    with pytest.raises(StoreUnavailable) as caught:
        migrate("postgresql://user:secret@127.0.0.1:1/name")
    assert "secret" not in str(caught.value)
    assert "user" in str(caught.value)


def test_of_several_hosts_one_that_answers_is_used(postgresql: Postgresql) -> None:
    given = conninfo_to_dict(postgresql.url(postgresql.create()))
    url = f"postgresql:///{given['dbname']}?user={given['user']}&host=/nowhere,{given['host']}"
    assert migrate(url) == list(NAMES)
    db = connect(url, pool=2)
    assert db.read(lambda tx: tx.one("SELECT COUNT(*) FROM account")) == (0,)
    db.close()
    postgresql.drop(str(given["dbname"]))


def test_hosts_are_written_as_libpq_has_them() -> None:
    given = settings("postgresql://ann:secret@one:5432,two:5433/mail?connect_timeout=9")
    assert (given["host"], given["port"], given["dbname"], given["connect_timeout"]) == ("one,two", "5432,5433", "mail", "9")
    with pytest.raises(ValueError, match="is expected") as caught:
        settings("postgresql://ann:secret@one/mail?nonsense=1")
    assert "secret" not in str(caught.value)


def test_a_relative_path_is_relative_to_the_configuration(tmp_path: Path) -> None:
    migrate("sqlite:///./data/x.db", base=tmp_path)
    assert (tmp_path / "data" / "x.db").exists()
    database = connect("sqlite:///data/x.db", base=tmp_path)
    assert database.read(lambda tx: tx.one("SELECT COUNT(*) FROM account")) == (0,)
    database.close()


# --- from the first release


@pytest.fixture
def upgraded(empty_url: str, tmp_path: Path) -> Iterator[Database]:
    """A database of the first release with mail in it, brought to this one."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    first_release.make(empty_url, folder)
    assert migrate(empty_url) == list(NAMES[1:])
    database = connect(empty_url)
    yield database
    database.close()


def test_mailboxes_of_the_first_release_are_counted(upgraded: Database) -> None:
    mailboxes = Mailboxes(upgraded, Blobs(upgraded))
    found, empty = mailboxes.by_id(10), mailboxes.find(1, "Empty")
    assert found is not None
    assert empty is not None
    assert (found.messages, found.unseen, found.deleted, found.bytes) == (4, 2, 2, 355)
    assert (found.recent, found.horizon, found.digested, found.uidnext, found.modseq) == (1, 30, 0, 8, 30)
    assert (empty.messages, empty.unseen, empty.deleted, empty.bytes) == (0, 0, 0, 0)


def test_messages_of_the_first_release_are_shown_whole(upgraded: Database) -> None:
    shown = ColumnsCache(upgraded).current(10)
    assert (shown.uids.tolist(), list(shown.flags), shown.keywords) == ([1, 2, 4, 7], [0, 1, 9, 8], {4: "work"})
    assert (shown.saved.tolist(), shown.blobs.tolist(), list(shown.own)) == ([1234] * 4, [99] * 4, [1] * 4)
    assert b"".join(Mailboxes(upgraded, Blobs(upgraded)).content(10, 4)) == b"Subject: own\r\nabc"


def test_changes_in_the_first_release_are_known_by_their_modseq(upgraded: Database) -> None:
    delta = ColumnsCache(upgraded).changes(10, 23)
    assert [change[0] for change in delta.changed] == [4, 7]
    assert not delta.complete  # nobody knows what was removed in those days
    assert ColumnsCache(upgraded).vanished(10, 23, [(1, 9)]) == [(3, 3), (5, 6)]


def test_a_mailbox_of_the_first_release_goes_on_as_any_other(upgraded: Database) -> None:
    done = upgraded.write(lambda tx: change_flags(tx, 10, [1, 2, 4], Change("add", 1, ("Work",))))
    upgraded.write(lambda tx: expunge(tx, 10, [7], at=5))
    found = Mailboxes(upgraded, Blobs(upgraded)).by_id(10)
    assert found is not None
    assert (done.changed, found.messages, found.unseen, found.deleted, found.bytes, found.modseq) == ([1, 2, 4], 3, 0, 1, 350, 32)
    cache = ColumnsCache(upgraded)
    assert (cache.changes(10, 31).vanished, cache.vanished(10, 30, [(1, 9)])) == ([7], [(7, 7)])


def test_owners_are_subscribed_to_the_folders_of_the_first_release(upgraded: Database) -> None:
    rows = upgraded.read(lambda tx: tx.execute("SELECT account_id, name FROM subscription ORDER BY name"))
    assert rows == [(1, "Empty"), (1, "INBOX")]


def test_a_large_message_of_the_first_release_is_read_whole(upgraded: Database) -> None:
    assert b"".join(Blobs(upgraded).read(98)) == first_release.LARGE
    with pytest.raises(Conflict):
        upgraded.write(lambda tx: tx.do("INSERT INTO chunk (blob_id, seq, data) VALUES (98, 2, ?)", (b"",)))


def test_queued_mail_of_the_first_release_knows_its_recipients_and_its_priority(upgraded: Database) -> None:
    assert upgraded.read(lambda tx: tx.execute("SELECT recipients, priority FROM outgoing")) == [(2, 50)]


def test_chunks_lie_apart_from_their_keys_on_sqlite(upgraded: Database) -> None:
    sql = {"sqlite": "SELECT count(rowid) FROM chunk", "postgresql": "SELECT count(*) FROM chunk"}  # a table WITHOUT ROWID has no rowid
    assert upgraded.read(lambda tx: tx.one(sql[tx.dialect])) == (2,)
