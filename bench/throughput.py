"""Messages per second: accepted and durable in the mailbox, and relayed, against Postfix in the same run."""

from __future__ import annotations

from collections.abc import Iterator

from .load import rate, send, sink
from .servers import (
    postfix_relaying,
    postfix_to_maildir,
    postgresql,
    postroom,
    stored_by_postroom,
    stored_on_postgresql,
)
from .table import Row, compared

ROUNDS = 3  # the peers take turns, so that what else the machine does falls on both
WARM_UP = 200  # messages before the first measurement
MANY, FEW = 3000, 400  # messages for 20 connections, and for one at a time
RELAY = {
    "connections": [{"name": "Internet", "sender": "Relay", "default": True, "immediate": True}],
}
OUTSIDE = "someone@example.net"


def accepting() -> Iterator[Row]:
    """Accept → durable in the mailbox, on SQLite and on PostgreSQL."""
    many: dict[str, list[float]] = {"sqlite": [], "postgresql": [], "postfix": []}
    few: dict[str, list[float]] = {"sqlite": [], "postgresql": [], "postfix": []}
    with postgresql() as url, postroom() as small, postroom({"database": {"url": url}}) as large, postfix_to_maildir() as (port, arrived):
        peers = {
            "sqlite": (small.ports["SMTP"], stored_by_postroom(small)),
            "postgresql": (large.ports["SMTP"], stored_on_postgresql(url)),
            "postfix": (port, arrived),
        }
        for number, _ in peers.values():
            send(number, WARM_UP, 20)
        for _ in range(ROUNDS):
            for name, (number, count) in peers.items():
                many[name].append(rate(number, MANY, 20, count))
                few[name].append(rate(number, FEW, 1, count))
    yield compared("SMTP accept → durable in the mailbox, 4 KB, 20 connections, SQLite", many["sqlite"], many["postfix"], 3)
    yield compared("the same, one connection at a time, SQLite", few["sqlite"], few["postfix"], 1.5)
    yield compared("the same, 20 connections, PostgreSQL", many["postgresql"], many["postfix"], 2)


def relaying() -> Iterator[Row]:
    """Accepted → arrived at the next hop."""
    ours, theirs = list[float](), list[float]()
    with sink() as behind_us, sink() as behind_postfix, postfix_relaying(behind_postfix.port) as port:
        plugin = {"smtp_relay": {"name": "Relay", "servers": [f"127.0.0.1:{behind_us.port}"], "encryption": "none"}}
        with postroom({**RELAY, "plugins": plugin}) as server:
            for _ in range(ROUNDS):
                ours.append(rate(server.ports["SMTP"], MANY // 2, 20, lambda: behind_us.count, OUTSIDE))
                theirs.append(rate(port, MANY // 2, 20, lambda: behind_postfix.count, OUTSIDE))
    yield compared("relay: accepted → arrived at smtp-sink, 4 KB, 20 connections, SQLite", ours, theirs, 2)
