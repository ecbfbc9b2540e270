"""Both databases for every test of the store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from postroom.store.database import Database, connect
from tests.databases import database_url, db, empty_url, engine, migrated_postgresql, migrated_sqlite, postgresql

__all__ = ["database_url", "db", "empty_url", "engine", "migrated_postgresql", "migrated_sqlite", "postgresql"]


@pytest.fixture
def dbs(database_url: str) -> Iterator[list[Database]]:
    """One database, as two processes have it."""
    found = [connect(database_url), connect(database_url)]
    yield found
    for each in found:
        each.close()
