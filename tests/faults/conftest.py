"""Real servers for the fault tests, each on a database of its own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.faults.load import Load
from tests.server import Server, merged

Launch = Callable[..., Server]


@pytest.fixture
def launch(database_url: str, tmp_path: Path) -> Iterator[Launch]:
    """A function that starts a server with these changes to the usual configuration, and the users bob and carol."""
    servers: list[Server] = []

    def start(changes: Mapping[str, Any] | None = None) -> Server:
        server = Server(tmp_path / "server")
        name = f"{uuid.uuid4().hex[:8]}.example.test"
        server.configure(merged({"server": {"hostname": name}, "database": {"url": database_url, "pool": 5}}, changes or {}))
        server.add_accounts({"bob": "secret", "carol": "secret"})
        servers.append(server)
        return server.start()

    yield start
    for server in servers:
        server.stop()


def load_of(server: Server, *recipients: str, clients: int = 4) -> Load:
    """Clients that keep this server busy with mail for these recipients, bob when none are given."""
    return Load(lambda: server.ports["SMTP"], server.changes["server"]["hostname"], recipients or ("bob@example.test",), clients)
