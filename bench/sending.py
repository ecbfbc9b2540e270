"""Mail that leaves for many domains at once: how fast a queue empties, and what a long or stuck one costs."""

from __future__ import annotations

import contextlib
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from postroom.dns import Resolver
from tests.nameserver import NameServer
from tests.server import Server

from . import postfix
from .footprint import rss
from .load import CountingSink, rate, send
from .servers import folder, postroom, stored_by_postroom
from .table import Row, bounded, compared
from .throughput import ROUNDS

DOMAINS = 200
QUEUED = 20_000
WAITING = 200_000
SESSIONS = 20
PATIENCE = 600.0
LATER = 3600 * 1000  # milliseconds


def leaving() -> Iterator[Row]:
    """A queue for 200 domains, against Postfix; a queue that waits; a destination that is dead."""
    with sink_everywhere() as sink, name_server() as names:
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(emptied_by_postroom(sink, names, range(DOMAINS)))
            theirs.append(emptied_by_postfix(sink))
        yield compared(f"{QUEUED:,} queued messages to {DOMAINS} domains, SMTP direct", ours, theirs, 2)
        with hanging() as port:
            held_back = emptied_by_postroom(sink, names, range(DOMAINS), stuck=port)
        slower = (median(ours) / held_back - 1) * 100
        what = f"the same with {QUEUED // 10:,} more for a server that never answers"
        yield Row(what, f"{held_back:,.0f}/s", f"{median(ours):,.0f}/s", f"{slower:+.0f} % slower", "≤ 10 % slower", slower <= 10)
    yield from waiting()


def domain(number: int) -> str:
    """The name of a destination."""
    return f"d{number:03}.bench.test"


@contextlib.contextmanager
def sink_everywhere() -> Iterator[CountingSink]:
    """An smtp-sink that answers at every loopback address, so that each destination has a server of its own."""
    port = postfix.free_port()
    command = ["smtp-sink", "-u", "nobody", "-m", "5000", "-c", f"inet:0.0.0.0:{port}", "1000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    counting = CountingSink(port)
    threading.Thread(target=counting.watch, args=(process.stdout,), daemon=True).start()
    try:
        time.sleep(0.3)
        yield counting
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def name_server() -> Iterator[NameServer]:
    """The DNS of all destinations: one mail server each, at an address of its own. It has its answers ready, as a real one has."""
    zone: dict[str, Any] = {}
    for number in range(DOMAINS):
        zone[domain(number)] = {"MX": [f"10 mx.{domain(number)}."]}
        zone[f"mx.{domain(number)}"] = {"A": [f"127.0.1.{number}"]}
    with NameServer(zone) as server:
        resolver = Resolver([server.address])
        for number in range(DOMAINS):
            resolver.txt(f"_mta-sts.{domain(number)}")
            resolver.address_records(resolver.mx(domain(number)).servers[0].host)
        yield server


@contextlib.contextmanager
def hanging() -> Iterator[int]:
    """A port where connections are made and nobody ever says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=500) as listening:
        yield int(listening.getsockname()[1])


def emptied_by_postroom(sink: CountingSink, names: NameServer, domains: range, stuck: int = 0) -> float:
    """Messages per second from the moment that the connection becomes a permanent one."""
    changes = directly(sink.port, names.address, immediate=False, stuck=stuck)
    with postroom(changes) as server:
        if stuck:
            send(server.ports["SMTP"], QUEUED // 10, SESSIONS, "someone@stuck.bench.test")
        load(server.ports["SMTP"], domains)
        server.configure({**server.changes, **directly(sink.port, names.address, immediate=True, stuck=stuck)})
        return emptied(sink, lambda: server.signal(signal.SIGHUP))


def directly(port: int, names: str, *, immediate: bool, stuck: int) -> dict[str, Any]:
    """The configuration: everything leaves directly."""
    overrides = f"stuck.bench.test 127.0.0.1:{stuck}" if stuck else ""
    return {
        "dns": {"servers": [names]},
        "plugins": {"smtp_direct": {"name": "Direct", "port": port, "overrides": overrides}},
        "connections": [{"name": "Internet", "sender": "Direct", "default": True, "immediate": immediate}],
    }


def load(port: int, domains: range) -> None:
    """Queue the same number of messages for each of the domains."""
    for number in domains:
        send(port, QUEUED // len(domains), SESSIONS, f"someone@{domain(number)}")


def emptied(sink: CountingSink, begin: Callable[[], object]) -> float:
    """Messages per second until all have arrived."""
    before, start = sink.count, time.perf_counter()
    begin()
    while sink.count - before < QUEUED:
        if time.perf_counter() - start > PATIENCE:
            raise RuntimeError(f"only {sink.count - before} of {QUEUED} messages have arrived")
        time.sleep(0.01)
    return QUEUED / (time.perf_counter() - start)


def emptied_by_postfix(sink: CountingSink) -> float:
    """The same by Postfix, which is told the server of each domain by a table: it asks no DNS."""
    with folder() as place:
        table = place / "transport"
        lines = [rf"/@{domain(number)}$/ smtp:[127.0.1.{number}]:{sink.port}" for number in range(DOMAINS)]
        table.write_text("\n".join(lines) + "\n")
        extra = {"transport_maps": f"regexp:{table}", "defer_transports": "smtp", "minimal_backoff_time": "1h"}
        with postfix.running(place, extra) as port:
            load(port, range(DOMAINS))
            deferred = place / "queue"
            _wait(lambda: _files(deferred / "incoming") + _files(deferred / "active") == 0)
            etc = str(place / "etc")
            subprocess.run(["postconf", "-c", etc, "-X", "defer_transports"], check=True)

            def begin() -> None:
                subprocess.run(["postfix", "-c", etc, "reload"], check=True, capture_output=True)
                subprocess.run(["postqueue", "-c", etc, "-f"], check=True)

            return emptied(sink, begin)


def _files(place: Path) -> int:
    return sum(1 for each in place.rglob("*") if each.is_file())


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError("it did not happen in time")
        time.sleep(0.2)


def waiting() -> Iterator[Row]:
    """200,000 messages that wait for their next attempt: memory of a worker, and acceptance beside them."""
    changes = directly(25, "127.0.0.1:9", immediate=True, stuck=0)
    with postroom(changes) as server:
        port, count = server.ports["SMTP"], stored_by_postroom(server)
        send(port, 500, SESSIONS)
        empty = median(rate(port, 3000, SESSIONS, count) for _ in range(5))
        server.stop()
        fill(server)
        server.start()
        port = server.ports["SMTP"]
        send(port, 500, SESSIONS)
        full = median(rate(port, 3000, SESSIONS, count) for _ in range(5))
        resident = max(rss(pid) for pid in server.workers())
    slower = (empty / full - 1) * 100
    what = f"acceptance beside a queue of {WAITING:,} waiting messages"
    yield Row(what, f"{full:,.0f}/s", f"{empty:,.0f}/s", f"{slower:+.0f} % slower", "≤ 10 % slower", slower <= 10)
    yield bounded("a worker with that queue, resident", resident / 1e6, "MB", 150)


def fill(server: Server) -> None:
    """Put WAITING messages into the queue of a stopped server, all of which have been tried and wait for an hour."""
    now = time.time_ns() // 1_000_000
    letters, recipients = [], []
    for number in range(WAITING):
        key = (now << 21) + number * 8
        letters.append((key, 0, b"Received: x\r\n", 4096, "bench@example.org", now, 50))
        address = f"someone@{domain(number % DOMAINS)}"
        recipients.append((key + 1, key, address, address, 1, now + LATER))
    with contextlib.closing(sqlite3.connect(server.folder / "data" / "postroom.db")) as database, database:
        database.executemany(
            "INSERT INTO outgoing (id, blob_id, prefix, size, sender, queued_at, priority, client_address, body, smtputf8, requiretls, ret,"
            " envid, held) VALUES (?, ?, ?, ?, ?, ?, ?, '', '7BIT', 0, 0, '', '', 0)",
            letters,
        )
        database.executemany(
            "INSERT INTO outgoing_recipient (id, outgoing_id, address, original, attempts, next_try, channel, notify, orcpt, state,"
            " lease_owner, lease_until, last_reply, last_server, last_try, warned)"
            " VALUES (?, ?, ?, ?, ?, ?, 'out', '', '', 0, '', 0, '', '', 0, 0)",
            recipients,
        )
