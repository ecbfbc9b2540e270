"""Fixtures for all tests: databases of their own, and the servers that tests against a listening server share."""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from tests.databases import database_url, db, empty_url, engine, migrated_postgresql, migrated_sqlite, postgresql
from tests.house import House, open_house

__all__ = ["database_url", "db", "empty_url", "engine", "house", "migrated_postgresql", "migrated_sqlite", "postgresql"]

COMBINATIONS = [pytest.param((engine, workers), id=f"{engine}-{workers}") for engine in ("sqlite", "postgresql") for workers in (1, 3)]
SHARING = {  # files whose tests have one server together, or several neighbours of one, by its name (beside those of a house)
    **dict.fromkeys(("interop/test_lan_forwarding.py", "interop/test_limits.py", "interop/test_relays.py"), "ways"),
    "interop/test_direct.py": "street",
    "interop/test_dnssec.py": "dnssec",
    "interop/test_three_senders.py": "town",
    "faults/test_rogues.py": "rogues",
    **{f"faults/test_{name}.py": "target {}" for name in ("garbage", "imap", "open_relay", "slow_peers", "smuggling")},
}
OF_A_HOUSE = re.compile(r"\[((?:sqlite|postgresql)-[13])\b")


def server_of(nodeid: str) -> str:
    """The name of the server that a test shares with others, else its own."""
    if found := OF_A_HOUSE.search(nodeid):
        return found[1]
    shared = SHARING.get(nodeid.partition("::")[0].removeprefix("tests/"), nodeid)
    return shared.format("postgresql" if "[postgresql" in nodeid else "sqlite") if shared != nodeid else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """All tests on one server run in one process, so that each server is started once; the others go wherever there is time."""
    from xdist.scheduler import LoadScopeScheduling

    class ByServer(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return server_of(nodeid)

        def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
            """Forget what is done: with each result all that a process has is counted, and there are thousands."""
            super().mark_test_complete(node, item_index, duration)
            scope = self._split_scope(self.registered_collections[node][item_index])
            if all(self.assigned_work[node][scope].values()):
                del self.assigned_work[node][scope]

    return ByServer(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test that names houses is for these only: what it proves does not depend on the database and the number of workers."""
    elsewhere = [item for item in items if (mark := item.get_closest_marker("houses")) and not _named(item, mark.args)]
    config.hook.pytest_deselected(items=elsewhere)
    gone = set(elsewhere)
    items[:] = [item for item in items if item not in gone]


def _named(item: pytest.Item, names: tuple[str, ...]) -> bool:
    found = OF_A_HOUSE.search(item.nodeid)
    return found is not None and found[1] in names


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    """What commands make is private: one that a test runs in its own process would leave that to the Postfix of the next test."""
    previous = os.umask(0o077)
    os.umask(previous)
    try:
        return (yield)
    finally:
        os.umask(previous)


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
