"""Memory and start-up: open connections, large messages, a worker at rest."""

from __future__ import annotations

import resource
import signal
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.server import Server, environment

from .processes import memory
from .servers import postroom
from .table import Row, at_least, bounded

CONNECTIONS = 5000
LARGE = 50 * 1000 * 1000  # bytes
ONE_WORKER = {"server": {"workers": 1}}


def starting() -> Iterator[Row]:
    """``--help`` and the way to ``ready``."""
    command = [sys.executable, "-m", "postroom", "--help"]
    times = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env=environment())
        times.append(time.perf_counter() - start)
    yield bounded("postroom --help (best of 5)", min(times), "s", 0.3, 2)
    times = []
    with postroom() as server:
        for _ in range(3):
            server.stop()
            start = time.perf_counter()
            server.start()
            times.append(time.perf_counter() - start)
        yield bounded("start until ready, as shipped (best of 3)", min(times), "s", 1.5, 2)
        time.sleep(2)
        rest = max(rss(pid) for pid in server.workers())
        yield bounded("a worker at rest, resident", rest / 1e6, "MB", 90)


def rss(pid: int) -> int:
    """Resident bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def connecting() -> Iterator[Row]:
    """Thousands of open connections in one worker."""
    limit = CONNECTIONS + 1000
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, max(limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    with postroom(ONE_WORKER) as server:
        (worker,) = server.workers()
        before = memory(worker)
        open_connections = [_greeted(server) for _ in range(CONNECTIONS)]
        alive = sum(_answers(each) for each in open_connections)
        each = (memory(worker) - before) / CONNECTIONS / 1024
        for connection in open_connections:
            connection.close()
    yield at_least("open SMTP connections in one worker, all answering", alive, "connections", CONNECTIONS)
    yield bounded("memory of each of them, after EHLO", each, "KB", 64)


def _greeted(server: Server) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.ports["SMTP"]), 20)
    connection.recv(1000)
    connection.sendall(b"EHLO client.example\r\n")
    connection.recv(4000)
    return connection


def _answers(connection: socket.socket) -> bool:
    connection.sendall(b"NOOP\r\n")
    return connection.recv(1000).startswith(b"250")


def large_message() -> Iterator[Row]:
    """One message of 50 MB: what the worker grows by while it comes in."""
    line = b"0123456789abcdef" * 4 + b"\r\n"
    message = b"Subject: large\r\n\r\n" + line * (LARGE // len(line))
    with postroom({**ONE_WORKER, "plugins": {"smtp_server": _larger_limit()}}) as server:
        (worker,) = server.workers()
        with smtplib.SMTP("127.0.0.1", server.ports["SMTP"]) as client:  # warmed up by a small one
            client.sendmail("bench@example.org", "box@example.test", message[: 1 << 20])
        Path(f"/proc/{worker}/clear_refs").write_text("5")  # forget the peak
        before = rss(worker)
        with smtplib.SMTP("127.0.0.1", server.ports["SMTP"]) as client:
            client.sendmail("bench@example.org", "box@example.test", message)
        peak = next(int(line.split()[1]) * 1024 for line in Path(f"/proc/{worker}/status").read_text().splitlines() if "VmHWM" in line)
        server.signal(signal.SIGTERM)
    yield bounded("a 50 MB message: growth of the worker at its peak", (peak - before) / 1e6, "MB", 4)


def _larger_limit() -> dict[str, object]:
    return {
        "services": [
            {"id": 1, "name": "SMTP", "listen": ["127.0.0.1:0"], "encryption": "starttls", "auth": "optional", "max_message_size": "60MB"}
        ]
    }
