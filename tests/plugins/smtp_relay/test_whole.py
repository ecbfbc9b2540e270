"""Accounts and fallback of a relay in a whole server, with a sender of another plugin, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from postroom import ids
from postroom.store.traces import Traces
from postroom.testing import Miniature

RELAY: dict[str, Any] = {
    "name": "Relay",
    "servers": ["127.0.0.1:9"],
    "encryption": "none",
    "accounts": [{"user": "ann", "username": "ann@isp.example", "password": "geheim"}],
    "fallback": ["Outbox"],
}


@pytest.fixture
def server(tmp_path: Path, database_url: str) -> Iterator[Miniature]:
    """A server whose relay is away, and whose outbox stands in for it."""
    connections = [{"name": "Internet", "sender": "Relay", "default": True, "immediate": True}]
    with Miniature(tmp_path, {"smtp_relay": RELAY}, {"database": {"url": database_url}, "connections": connections}) as running:
        yield running


def how(server: Miniature, reply: str) -> str:
    trace = reply.rsplit(maxsplit=1)[-1]
    life = {event.event: event.detail for event in Traces(server.context.db).life(ids.parse(trace))}
    return str(life["delivered"]["to"][0]["how"])


def test_a_sender_of_another_plugin_takes_over_and_the_trace_tells_it(server: Miniature) -> None:
    reply = server.send("ann@example.test", "joe@far.test", user="ann", no_auth=True)
    server.wait_for(1)
    words = how(server, reply)
    assert words.startswith("by Outbox, because Relay could not be used (127.0.0.1:9 cannot be reached")
    assert "geheim" not in words


def test_mail_of_people_without_an_account_goes_by_the_fallback(server: Miniature) -> None:
    reply = server.send("bob@example.test", "joe@far.test", user="bob", no_auth=True)
    server.wait_for(1)
    assert how(server, reply).startswith("by Outbox, because Relay could not be used (no account of sender Relay")
