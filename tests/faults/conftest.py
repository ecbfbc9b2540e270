"""Real servers for the fault tests, each on a database of its own."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.faults.load import Load
from tests.faults.target import SERVICE_LIMITS, STRANGER, Target
from tests.server import Server, merged, serving

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


IMAP4 = {"encryption": "starttls", "allow_plaintext_auth": True, "max_logins_per_user": 2000, "max_logins_per_address": 2000}
ENGINES = ("sqlite", "postgresql")


@pytest.fixture(scope="session", params=ENGINES)
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """One server on each database for all tests with hostile peers."""
    changes: dict[str, Any] = {
        "access": [{"allow": STRANGER}, {"allow": "127.0.0.10", "no_auth": True}],
        "plugins": {
            "smtp_server": {
                "services": [
                    {"id": 1, "name": "SMTP", "listen": ["127.0.0.1:0"], **SERVICE_LIMITS},
                    {"id": 2, "name": "SMTPS", "listen": ["127.0.0.1:0"], "encryption": "tls", **SERVICE_LIMITS},
                ]
            },
            "pop3_server": {
                "services": [{"id": 1, "name": "POP3", "listen": ["127.0.0.1:0"], "allow_plaintext_auth": True, **SERVICE_LIMITS}]
            },
            "imap4_server": {
                "services": [{"id": 1, "name": "IMAP4", "listen": ["127.0.0.1:0"], **IMAP4, **SERVICE_LIMITS}],
            },
            "metrics": {"services": [{"id": 1, "name": "Metrics", "listen": ["127.0.0.1:0"], **SERVICE_LIMITS}]},
        },
    }
    name = None
    if request.param == "postgresql":
        postgresql = request.getfixturevalue("postgresql")
        name = postgresql.create(request.getfixturevalue("migrated_postgresql"))
        changes["database"] = {"url": postgresql.url(name), "pool": 5}
    with serving(tmp_path_factory.mktemp("target-") / "server", changes, {"bob": "secret", "carol": "secret"}) as server:
        target = Target(server)
        target.use()  # or the first to come would seem to cost what the worker keeps for all
        yield target
    if name is not None:
        postgresql.drop(name)


@pytest.fixture
def unharmed(target: Target) -> Iterator[None]:
    """After whatever came: the same worker, and no bug in the log."""
    pid, start = target.pid, len(target.server.log)
    yield
    assert target.pid == pid
    log = target.server.log[start:]
    assert not re.search(r"session\.bug|connection\.broken|Traceback|plugin\.fault", log), log[:4000]
