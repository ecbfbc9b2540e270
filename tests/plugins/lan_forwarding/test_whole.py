"""LAN forwarding in a whole server: from the client to the server of the rule, past connections and schedule, on both databases."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest

from postroom import ids
from postroom.sending.via import shown
from postroom.store.traces import Traces
from postroom.testing import Miniature
from tests.core.clients.smtp_peer import Peer
from tests.plugins.lan_forwarding.test_sender import DATA

GREETING = "S: 220 mx.test\nC: EHLO mail.example.test\nS: 250-mx.test\nS: 250 AUTH PLAIN\n"
LOGIN = "C: AUTH PLAIN AGZyZWQAZ2VoZWlt\nS: 235 Ok\n"
QUIT = "C: QUIT\nS: 221 Bye\n"
PATIENCE = 20.0

Make = Callable[..., Miniature]


@pytest.fixture
def make(tmp_path: Path, database_url: str) -> Iterator[Make]:
    """Builds the server, whose only connection waits for a schedule that never starts it."""
    made: list[Miniature] = []

    def build(**section: Any) -> Miniature:
        settings = {
            "database": {"url": database_url},
            "connections": [{"name": "Never", "sender": "Outbox"}],
        }
        made.append(Miniature(tmp_path, {"lan_forwarding": section}, settings))
        return made[-1]

    yield build
    for server in made:
        server.close()


def trace_of(reply: str) -> str:
    return reply.rsplit(maxsplit=1)[-1]


def story(server: Miniature, trace: str) -> list[dict[str, Any]]:
    return [{"event": event.event, **event.detail} for event in Traces(server.context.db).life(ids.parse(trace))]


def until(found: Callable[[], Any]) -> None:
    with gevent.Timeout(PATIENCE):
        while not found():
            gevent.sleep(0.005)


def transaction(address: str) -> str:
    return f"{GREETING}{LOGIN}C: MAIL *\nS: 250 Ok\nC: RCPT TO:<{address}>\nS: 250 Ok\n{DATA}{QUIT}"


def test_mail_for_a_rule_goes_to_its_server_at_once_and_the_trace_tells_it_without_the_password(make: Make) -> None:
    with Peer(transaction("ann@inside.test")) as peer:
        rule = {
            "addresses": "*@lan.test",
            "server": f"127.0.0.1:{peer.port}",
            "username": "fred",
            "password": "geheim",
            "rewrite": "*@inside.test",
        }
        server = make(rules=[rule])
        trace = trace_of(server.send("x@far.test", "ann@lan.test"))
        until(lambda: "delivered" in server.events(trace))
        server.plugin("lan_forwarding").sender.close()
        told = json.dumps(story(server, trace))
    assert '"how": ' in told
    assert "queue LAN ann@inside.test via fred:***@127.0.0.1" in told
    assert "geheim" not in told


def test_a_target_smtp_of_a_mapping_takes_the_same_way(make: Make) -> None:
    with Peer(transaction("bob@inside.test")) as peer:
        server = make()
        server.context.accounts.add_mapping("sales", [f"SMTP:bob@inside.test@fred:geheim@127.0.0.1:{peer.port}"])
        server.context.directory.refresh()
        trace = trace_of(server.send("x@far.test", "sales@example.test"))
        until(lambda: "delivered" in server.events(trace))
        server.plugin("lan_forwarding").sender.close()


def test_the_password_is_locked_in_the_queue(make: Make) -> None:
    server = make(rules=[{"addresses": "*@lan.test", "server": "127.0.0.1:9", "username": "fred", "password": "geheim"}])
    trace = trace_of(server.send("x@far.test", "ann@lan.test"))
    until(lambda: "deferred" in server.events(trace))
    ((via,),) = server.context.db.read(lambda tx: tx.execute("SELECT via FROM outgoing_recipient"))
    assert "geheim" not in via
    assert shown(via) == "fred:***@127.0.0.1:9"


def test_a_stranger_reaches_an_address_of_a_rule_and_no_other_elsewhere(make: Make) -> None:
    server = make(rules=[{"addresses": "*@lan.test", "server": "127.0.0.1:9"}])
    stranger: dict[str, Any] = {"address": "203.0.113.5", "no_auth": False}
    assert server.send("x@far.test", "ann@lan.test", **stranger).startswith("250")
    assert server.send("x@far.test", "ann@other.test", **stranger).startswith("550")
