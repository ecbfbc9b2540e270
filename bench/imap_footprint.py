"""IMAP at scale: thousands of clients in IDLE, and a mailbox of 200,000 messages."""

from __future__ import annotations

import contextlib
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from statistics import median
from typing import IO

from postroom.credentials import make_credentials
from postroom.store.accounts import Accounts
from tests.server import ROOT, Server, environment

from .idlers import USERS, room
from .imap import IMAP_PLUGIN, fill
from .imap_client import Client
from .mailbag import letters
from .processes import memory, quiet
from .servers import PASSWORD, postroom, undigested
from .table import Row, at_least, bounded

CONNECTIONS = 10_000
DELIVERIES = 20
SMALL, LARGE = 10_000, 200_000  # messages
ROUNDS = 15
ONE_WORKER = {"server": {"workers": 1}, "plugins": {"imap4_server": IMAP_PLUGIN}}
MESSAGE = "Subject: wake up\r\n\r\nNow.\r\n"


def idling() -> Iterator[Row]:
    """10,000 connections in IDLE in one worker, and how soon one of them hears of a message."""
    room(CONNECTIONS)
    with postroom(ONE_WORKER) as server:
        _add_idlers(server)
        [worker] = server.workers()
        with Client(server.ports["IMAP"]) as warm:
            warm.login("box", PASSWORD)
        quiet(worker)
        before = memory(worker)
        with _idlers(server) as process:
            quiet(worker)
            each = (memory(worker) - before) / CONNECTIONS / 1024
            waits = [_noticed(server, process) for _ in range(DELIVERIES)]
            alive = int(_end(process))
    yield at_least("IMAP connections in IDLE in one worker", alive, "connections", CONNECTIONS)
    yield bounded("memory of each of them", each, "KB", 64)
    yield bounded(f"a message is handed in → one of {CONNECTIONS:,} hears of it (worst of {DELIVERIES})", max(waits) * 1000, "ms", 200, 0)


def _add_idlers(server: Server) -> None:
    """Many users with one password, which is hashed once."""
    credentials = make_credentials(PASSWORD)
    with server.database() as database:
        for number in range(USERS):
            Accounts(database).add(f"idler{number}", **credentials)


@contextlib.contextmanager
def _idlers(server: Server) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "bench.idlers", str(server.ports["IMAP"]), str(CONNECTIONS)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(), cwd=ROOT)
    try:
        if _output(process).readline() != "ready\n":
            raise RuntimeError("the clients do not come in")
        yield process
    finally:
        process.kill()
        process.wait()


def _output(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdout is not None
    return process.stdout


def _noticed(server: Server, process: subprocess.Popen[str]) -> float:
    """Seconds from the beginning of the message's last command to the client's hearing of it."""
    with smtplib.SMTP("127.0.0.1", server.ports["SMTP"]) as client:
        client.ehlo()
        client.mail("bench@example.org")
        client.rcpt("box@example.test")
        start = time.monotonic()
        client.data(MESSAGE)
    while True:
        heard, _, line = _output(process).readline().partition(" ")
        if "EXISTS" in line:
            return float(heard) - start


def _end(process: subprocess.Popen[str]) -> str:
    """How many were connected to the end."""
    assert process.stdin is not None
    process.stdin.close()
    while " " in (line := _output(process).readline()):
        pass
    return line


def selecting() -> Iterator[Row]:
    """SELECT of a small and a large mailbox, plain and with QRESYNC."""
    with postroom(ONE_WORKER) as server:
        port = server.ports["IMAP"]
        with Client(port).login("box", PASSWORD) as client:
            fill(client, letters(SMALL))
            client.pass_over(b"CREATE Large")
            for _ in range(LARGE // SMALL):
                client.pass_over(b"COPY 1:* Large")
            _digested(server)
        with Client(port).login("box", PASSWORD) as client:
            plain = [_select(client, mailbox, b"") for mailbox in (b"INBOX", b"Large")]
            client.pass_over(b"ENABLE QRESYNC")
            again = [_select(client, mailbox, _resync(client, mailbox)) for mailbox in (b"INBOX", b"Large")]
    for what, (small, large) in (("plain", plain), ("with QRESYNC, nothing changed", again)):
        label = f"SELECT of {LARGE:,} messages against {SMALL:,}, {what}"
        yield Row(label, f"{large:.2f} ms", f"{small:.2f} ms", f"{large / small:.2f}×", "≤ 5×", large <= 5 * small)


def _digested(server: Server) -> None:
    behind = undigested(server)
    while behind():
        time.sleep(0.5)
    quiet(server.workers()[0])


def _select(client: Client, mailbox: bytes, parameters: bytes) -> float:
    """Milliseconds, the median of many."""
    return median(client.timed(b"SELECT %s%s" % (mailbox, parameters)) for _ in range(ROUNDS))


def _resync(client: Client, mailbox: bytes) -> bytes:
    """The parameter of a client that was here a moment ago."""
    status = client.ask(b"STATUS %s (UIDVALIDITY HIGHESTMODSEQ)" % mailbox).split(b"(")[1].split(b")")[0].split()
    values = dict(zip(status[::2], status[1::2], strict=True))
    return b" (QRESYNC (%s %s))" % (values[b"UIDVALIDITY"], values[b"HIGHESTMODSEQ"])
