"""A server with the IMAP4 plugin in a folder of the test, on each database; alice and bob have accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from postroom.testing import Miniature
from tests.plugins.imap4_server.talk import Talk

SERVICES = [
    {"id": 1, "name": "IMAP4", "listen": ["127.0.0.1:0"], "encryption": "starttls"},
    {"id": 2, "name": "IMAP4S", "listen": ["127.0.0.1:0"], "encryption": "tls"},
]


def section(**settings: Any) -> dict[str, Any]:
    """The section of the plugin with these settings for each service."""
    return {"imap4_server": {"services": [service | settings for service in SERVICES]}}


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Miniature]:
    """A server on each database."""
    with Miniature(tmp_path / "server", section(), {"database": {"url": database_url}}) as server:
        for name in ("alice", "bob"):
            server.add_user(name, "secret")
        yield server


@pytest.fixture
def configured(tmp_path: Path) -> Iterator[Callable[..., Miniature]]:
    """Makes a server (SQLite) whose services have the settings given: ``configured(idle=False)``."""
    running: list[Miniature] = []

    def make(**settings: Any) -> Miniature:
        server = Miniature(tmp_path / f"server{len(running)}", section(**settings))
        running.append(server)
        server.add_user("alice", "secret")
        return server

    yield make
    for server in running:
        server.close()


@pytest.fixture
def talk(server: Miniature) -> Iterator[Callable[..., Talk]]:
    """Makes clients of ``server`` that have logged in: ``talk("bob")``."""
    clients: list[Talk] = []

    def make(name: str = "alice", **facts: Any) -> Talk:
        clients.append(Talk(server, **facts))
        return clients[-1].log_in(name)

    yield make
    for client in clients:
        client.close()
