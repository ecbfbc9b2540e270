"""The dialogues against the connection itself, in this process: the real store and the real plugin, nothing listens."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from postroom.testing.miniature import Miniature
from tests.accounts import fill, users_of
from tests.dialogue import Dialogue, load, run_with_accounts
from tests.house import USUAL, settings_of
from tests.plugins.imap4_server.connections import Connections

FOLDER = Path(__file__).parents[2] / "dialogues" / "imap4"
DIALOGUES = {path.stem: load(path) for path in sorted(FOLDER.glob("*.txt"))}


def service(number: int, name: str, dialogue: Dialogue) -> dict[str, Any]:
    """A service with the settings that a file names."""
    return {"id": number, "name": name, "listen": ["127.0.0.1:0"], **USUAL["imap4"], **settings_of(dialogue, "service")}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def miniature(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Miniature]:
    """One server for all files, each of which has a service and accounts of its own."""
    settings: dict[str, Any] = {}
    name = ""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql")
        name = server.create(request.getfixturevalue("migrated_postgresql"))
        settings = {"database": {"url": server.url(name), "pool": 3}}
    services = [service(number, title, dialogue) for number, (title, dialogue) in enumerate(DIALOGUES.items(), 1)]
    with Miniature(tmp_path_factory.mktemp(f"mini-{uuid.uuid4().hex[:6]}"), {"imap4_server": {"services": services}}, settings) as found:
        fill(found.context.db, DIALOGUES)
        found.context.directory.refresh()
        yield found
    if name:
        server.drop(name)


@pytest.mark.parametrize("name", [name for name, dialogue in DIALOGUES.items() if dialogue.settings.get("only") != "socket"])
def test_the_session_talks_as_written(miniature: Miniature, name: str) -> None:
    dialogue = DIALOGUES[name]
    address = f"192.0.2.{list(DIALOGUES).index(name) % 250 + 1}"  # of its own: failed logins of one address slow others down
    connections = Connections(miniature, name, **{"address": address, **settings_of(dialogue, "client")})

    def deliver(user: str, data: bytes) -> None:
        reply = miniature.send("ann@elsewhere.example", f"{user}@example.test", text=data.decode())
        assert reply.startswith("250"), reply

    run_with_accounts(dialogue, connections.open, deliver, users_of(name, dialogue))
    connections.close()
