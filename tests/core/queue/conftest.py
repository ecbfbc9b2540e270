"""A queue on each database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from postroom.store.database import Database, connect
from postroom.store.migrate import migrate
from tests.core.queue.office import Office


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path}/queue.db"
    migrate(url)
    database = connect(url)
    yield database
    database.close()


@pytest.fixture
def office(db: Database) -> Office:
    return Office(db)
