"""A log or a terminal that takes no more lines stops nobody's work."""

from __future__ import annotations

import contextlib
import signal
import smtplib
import subprocess
import sys
from pathlib import Path

import pytest

from bench.postfix import free_port
from postroom import log
from tests.server import Server, environment


@pytest.fixture(autouse=True)
def configured_again() -> None:
    log.configure()


def test_a_line_that_cannot_be_written_is_lost_and_raises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    written = 0
    with contextlib.suppress(OSError), open("/dev/full", "w", encoding="utf-8") as full:  # what is left in its buffer cannot go at the end
        monkeypatch.setattr(sys, "stderr", full)
        log.configure("json")
        for written in range(1, 1001):
            log.get().error("something.happened", number=written, detail="x" * 100)
        monkeypatch.undo()
    assert written == 1000


def test_a_line_is_written(capfd: pytest.CaptureFixture[str]) -> None:
    log.configure("json")
    log.get(worker=1).info("something.happened")
    assert '"event": "something.happened"' in capfd.readouterr().err


def test_a_server_whose_output_nobody_takes_goes_on_serving_and_reloads(tmp_path: Path) -> None:
    """Its log lies on a full disk, and whoever read its standard output has left."""
    server, port = Server(tmp_path), free_port()
    services = [{"id": 1, "name": "SMTP", "listen": [f"127.0.0.1:{port}"]}]
    server.configure({"plugins": {"smtp_server": {"services": services}, "pop3_server": None}})
    server.add_accounts({"bob": "secret"})

    def deliver() -> None:
        with smtplib.SMTP("127.0.0.1", port, timeout=20) as smtp:
            smtp.sendmail("anna@client.example", "bob@example.test", b"Subject: x\r\n\r\nx\r\n")

    with open("/dev/full", "w", encoding="utf-8") as full:
        command = [sys.executable, "-m", "postroom", "serve", "-c", str(server.config)]
        process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=full, text=True, cwd=tmp_path)
    server.process = process
    assert process.stdout is not None
    while process.stdout.readline().strip() != "ready":
        assert process.poll() is None
    process.stdout.close()
    deliver()
    before = server.workers()
    process.send_signal(signal.SIGHUP)
    while set(before) & set(server.workers()):
        assert process.poll() is None
        deliver()
    deliver()
    assert len(server.inbox("bob")) >= 2
    assert server.stop() == 0
