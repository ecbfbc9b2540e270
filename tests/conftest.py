"""Fixtures for all tests: databases of their own, and the servers that tests against a listening server share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.databases import database_url, db, empty_url, engine, migrated_postgresql, migrated_sqlite, postgresql
from tests.house import House, open_house

__all__ = ["database_url", "db", "empty_url", "engine", "house", "migrated_postgresql", "migrated_sqlite", "peer", "postgresql"]

# Tests of one group run in one process (`--dist loadgroup`), so that each server is started once.
COMBINATIONS = [
    pytest.param((engine, workers), id=f"{engine}-{workers}", marks=pytest.mark.xdist_group(f"{engine}-{workers}"))
    for engine in ("sqlite", "postgresql")
    for workers in (1, 3)
]


@pytest.fixture(scope="session", params=COMBINATIONS)
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A running server with its neighbours, on each database and with one worker and with three."""
    engine, workers = request.param
    folder = tmp_path_factory.mktemp(f"{engine}-{workers}-")
    if engine == "sqlite":
        with open_house(folder, None, workers) as house:
            yield house
        return
    server = request.getfixturevalue("postgresql")
    name = server.create(request.getfixturevalue("migrated_postgresql"))
    with open_house(folder, server.url(name), workers) as house:
        yield house
    server.drop(name)


@pytest.fixture
def peer(request: pytest.FixtureRequest) -> None:
    """With ``@needs("swaks")``: skip the test where that program is not installed."""
    for mark in request.node.iter_markers("needs"):
        for program in mark.args:
            if shutil.which(program) is None:
                pytest.skip(f"{program} is not installed")
