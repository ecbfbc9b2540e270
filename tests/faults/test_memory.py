"""A message of 50 MB costs a worker a few megabytes, whichever way it goes."""

from __future__ import annotations

import hashlib
import socket
import threading

import pytest

from tests.faults.conftest import Launch
from tests.faults.lengths import LONG
from tests.faults.memory import MB, watched
from tests.faults.peer import Peer

SIZE = (50 if LONG else 50) * MB
LINE = b"0123456789abcdef" * 4 + b"\r\n"
BLOCK = LINE * 1024


def blocks(token: bytes, size: int):
    yield b"Subject: large " + token + b"\r\n\r\n"
    for _ in range(size // len(BLOCK)):
        yield BLOCK


def send_large(port: int, recipient: str, token: bytes, size: int = SIZE) -> str:
    with Peer(port, timeout=120) as peer:
        peer.hello(recipient)
        peer.ask(b"DATA")
        for block in blocks(token, size):
            peer.send(block)
        peer.send(b".\r\n")
        return peer.reply()


def test_it(launch: Launch) -> None:
    server = launch({"plugins": {"smtp_server": {"services": [{"id": 1, "name": "SMTP", "listen": ["127.0.0.1:0"], "max_message_size": "60MB"}]}}})
    [pid] = server.workers()
    with Peer(server.ports["SMTP"]) as peer:
        peer.hello("bob@example.test")
        peer.message(b"Subject: small\r\n\r\nx")
    for n in range(3):
        with watched(pid) as growth:
            assert send_large(server.ports["SMTP"], "bob@example.test", b"%d" % n).startswith("250")
        print("accept", growth.most / MB)
    for n in range(2):
        with watched(pid) as growth, Peer(server.ports["POP3"], timeout=20) as peer:
            peer.login_pop3("bob")
            print(peer.ask(b"RETR 2"))
            got, tail = 0, b""
            while data := peer.sock.recv(65536):
                got += len(data)
                tail = (tail + data)[-5:]
                if tail == b"\r\n.\r\n":
                    break
            print(got)
        print("retr", growth.most / MB)
