"""The schema: made from nothing, equal to the models, never run by an older release."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from postroom.store.database import Database, StoreUnavailable, connect
from postroom.store.migrate import MIGRATIONS, SchemaNewer, migrate, status
from postroom.store.models import TABLES
from postroom.store.pgconnection import settings
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
    with pytest.raises(ValueError, match="nonsense"):
        settings("postgresql://one/mail?nonsense=1")


def test_a_relative_path_is_relative_to_the_configuration(tmp_path: Path) -> None:
    migrate("sqlite:///./data/x.db", base=tmp_path)
    assert (tmp_path / "data" / "x.db").exists()
    database = connect("sqlite:///data/x.db", base=tmp_path)
    assert database.read(lambda tx: tx.one("SELECT COUNT(*) FROM account")) == (0,)
    database.close()
