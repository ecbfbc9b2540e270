"""A worker that has fewer descriptors than its mail wants connections: all of it leaves, once, and no site is blamed."""

from __future__ import annotations

import resource
import smtplib
import socketserver
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server import Server

DOMAINS = 40
FEW = 40  # descriptors beyond those that the worker has at rest; a quarter of all is not for connections
EACH = 2  # messages to a domain


class Patient(socketserver.ThreadingTCPServer):
    """Servers on all addresses of loopback that greet nobody before ``go``."""

    daemon_threads, request_queue_size = True, 200

    def __init__(self) -> None:
        self.go = threading.Event()
        self.taken: Counter[bytes] = Counter()
        super().__init__(("0.0.0.0", 0), Talk)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()


class Talk(socketserver.StreamRequestHandler):
    """One connection."""

    server: Patient

    def handle(self) -> None:
        assert self.server.go.wait(60)
        self.wfile.write(b"220 mx.test\r\n")
        for line in self.rfile:
            if line.upper().startswith(b"DATA"):
                self.wfile.write(b"354 Go\r\n")
                self.server.taken[b"".join(iter(self.rfile.readline, b".\r\n"))] += 1
            self.wfile.write(b"250 Ok\r\n")
            if line.upper().startswith(b"QUIT"):
                return


@pytest.fixture
def patient() -> Iterator[Patient]:
    with Patient() as server:
        yield server
        server.go.set()
        server.shutdown()


def settings(port: int) -> dict[str, Any]:
    """Each domain is a site of its own."""
    overrides = [f"d{number}.test 127.0.1.{number + 1}:{port}" for number in range(DOMAINS)]
    direct = {"name": "Direct", "overrides": overrides, "concurrency": 200, "tls": {"default": "none", "mta_sts": False, "dane": False}}
    return {
        "plugins": {"smtp_direct": {**direct, "tls_reports": {"enabled": False}}},
        "queue": {"retry": "1s"},
        "connections": [{"name": "Internet", "sender": "Direct", "default": True, "immediate": True}],
    }


def shorten(server: Server) -> None:
    """From now on the worker has few descriptors left."""
    [pid] = server.workers()
    used = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + FEW, used + FEW))


def send(server: Server) -> None:
    with smtplib.SMTP("127.0.0.1", server.ports["SMTP"], timeout=60) as client:
        for number in range(DOMAINS * EACH):
            client.sendmail("bob@example.test", [f"u{number}@d{number % DOMAINS}.test"], f"Subject: {number}\r\n\r\nHello\r\n")


def test_with_few_descriptors_mail_waits_for_one_and_nothing_is_lost_or_blamed(tmp_path: Path, patient: Patient) -> None:
    server = Server(tmp_path / "server", settings(patient.server_address[1]))
    try:
        server.start()
        shorten(server)
        send(server)
        server.wait_for_log("sending.shortage")
        patient.go.set()
        deadline = time.monotonic() + 60
        while len(patient.taken) < DOMAINS * EACH:
            assert time.monotonic() < deadline, f"{len(patient.taken)} have arrived\n{server.log[-3000:]}"
            time.sleep(0.05)
    finally:
        server.stop()
    assert set(patient.taken.values()) == {1}
    assert "site.down" not in server.log
    assert "unavailable" not in server.log and "Traceback" not in server.log
    assert "LimitNOFILE" in server.log
