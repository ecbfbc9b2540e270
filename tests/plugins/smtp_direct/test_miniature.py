"""A whole server that sends directly: from the submission to the other server, with a trace that says how."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gevent

from postroom import ids
from postroom.store.traces import Traces
from postroom.testing import FakeResolver, Miniature
from tests.core.clients.smtp_peer import PIPELINING, Peer
from tests.plugins.smtp_direct.direct import QUICK, table

HELLO = PIPELINING.replace("client.test", "*")
ENVELOPE = "C: MAIL *\nC: RCPT *\nC: DATA\nS: 250 Ok\nS: 250 Ok\nS: 354 Go\n!message\n"
BYE = "C: QUIT\nS: 221 Bye"


def server(folder: Path, port: int, resolver: FakeResolver | None = None, **section: Any) -> Miniature:
    """It sends everything directly, to servers at 127.0.0.1."""
    direct = {"port": port, "timeouts": QUICK, "tls": {"mta_sts": False}, "tls_reports": {"enabled": False}, **section}
    connection = {"name": "Internet", "sender": "Direct", "default": True, "immediate": True}
    known = resolver or table({"d.test": [(10, "mx.d.test")]})
    return Miniature(folder, {"smtp_direct": direct}, {"connections": [connection]}, resolver=known)


def told(mini: Miniature, reply: str, event: str) -> dict[str, Any]:
    """What the trace says of the first recipient at this event, when it is there."""
    trace = ids.parse(reply.rsplit(maxsplit=1)[-1])
    with gevent.Timeout(20, AssertionError(f"no {event}")):
        while True:
            found = [one for one in Traces(mini.context.db).life(trace) if one.event == event]
            if found:
                first: dict[str, Any] = found[0].detail["to"][0]
                return first
            gevent.sleep(0.01)


def test_a_message_arrives_and_the_trace_says_how(tmp_path: Path) -> None:
    with Peer(f"{HELLO}{ENVELOPE}S: 250 2.0.0 Taken as 7\n{BYE}") as peer, server(tmp_path, peer.port) as mini:
        mini.add_user("bob", "secret")
        reply = mini.send("bob@example.test", "you@d.test", no_auth=True)
        found = told(mini, reply, "delivered")
        assert found["reply"] == "250 2.0.0 Taken as 7"
        assert found["server"] == f"mx.d.test[127.0.0.1]:{peer.port}"
        assert found["how"] == "in the clear"


def test_a_server_without_8bitmime_gets_7_bits_and_the_trace_says_so(tmp_path: Path) -> None:
    with Peer(f"{HELLO}{ENVELOPE}S: 250 Ok\n{BYE}") as peer, server(tmp_path, peer.port) as mini:
        mini.add_user("bob", "secret")
        reply = mini.send("bob@example.test", "you@d.test", text="Subject: x\n\nGrüße an alle, die das hier lesen\n", no_auth=True)
        assert told(mini, reply, "delivered")["how"] == "in the clear; converted to 7-bit MIME"
    assert b"\r\n\r\nGr=C3=BC=C3=9Fe an alle, die das hier lesen\r\n" in peer.messages[0]


def test_mail_arrives_at_the_ninth_server_when_eight_are_dead(tmp_path: Path) -> None:
    names = [f"mx{number}.d.test" for number in range(1, 10)]
    resolver = table({"d.test": list(enumerate(names))}, hosts={name: ["127.0.0.9"] for name in names[:8]})
    with Peer(f"{HELLO}{ENVELOPE}S: 250 Ok\n{BYE}") as peer, server(tmp_path, peer.port, resolver) as mini:
        mini.add_user("bob", "secret")
        reply = mini.send("bob@example.test", "you@d.test", no_auth=True)
        assert "1 more server is left for the next attempt" in told(mini, reply, "deferred")["reply"]
        mini.later(3600)
        assert told(mini, reply, "delivered")["server"].startswith("mx9.d.test")


def test_a_refusal_is_traced_with_its_stage_and_reported(tmp_path: Path) -> None:
    refused = "C: MAIL *\nC: RCPT *\nC: DATA\nS: 250 Ok\nS: 550 5.1.1 Nobody\nS: 503 No\n"
    with Peer(f"{HELLO}{refused}{BYE}") as peer, server(tmp_path, peer.port) as mini:
        mini.add_user("bob", "secret")
        reply = mini.send("bob@example.test", "you@d.test", no_auth=True)
        assert told(mini, reply, "failed")["how"].startswith("RCPT; in the clear")
        with gevent.Timeout(20, AssertionError("no report")):
            while not mini.mailbox("bob"):
                gevent.sleep(0.01)
        assert b"550 5.1.1 Nobody" in mini.mailbox("bob")[0]


def test_a_domain_that_does_not_exist_fails_at_once(tmp_path: Path) -> None:
    with server(tmp_path, 25) as mini:
        mini.add_user("bob", "secret")
        reply = mini.send("bob@example.test", "you@gone.test", no_auth=True)
        assert "gone.test" in told(mini, reply, "failed")["reply"]
