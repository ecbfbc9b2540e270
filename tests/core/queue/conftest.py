"""A queue on each database."""

from __future__ import annotations

import pytest

from postroom.store.database import Database
from tests.core.queue.office import Office


@pytest.fixture
def office(db: Database) -> Office:
    return Office(db)
