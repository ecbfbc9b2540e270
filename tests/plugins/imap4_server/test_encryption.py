"""COMPRESS on an IMAP session, and who chooses the encryption of a connection (STARTTLS: tests/dialogues/imap4)."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import pytest

from postroom.testing import Miniature
from postroom_imap4_server.plugin import Plugin
from tests.plugins.imap4_server.talk import Talk

Clients = Callable[..., Talk]


class Deflated:
    """The client's side of a compressed connection."""

    def __init__(self, sock: Any) -> None:
        self._sock, self._in = sock, b""
        self._packer, self._unpacker = zlib.compressobj(wbits=-15), zlib.decompressobj(-15)

    def sendall(self, data: bytes) -> None:
        self._sock.sendall(self._packer.compress(data) + self._packer.flush(zlib.Z_SYNC_FLUSH))

    def _fill(self) -> bool:
        data = self._sock.recv(65_536)
        self._in += self._unpacker.decompress(data)
        return bool(data)

    def readline(self) -> bytes:
        while b"\n" not in self._in and self._fill():
            pass
        return self.read(self._in.find(b"\n") + 1)

    def read(self, size: int) -> bytes:
        while len(self._in) < size and self._fill():
            pass
        data, self._in = self._in[:size], self._in[size:]
        return data

    def close(self) -> None:
        self._sock.close()


@pytest.fixture
def compressed(talk: Clients) -> Talk:
    """Alice, after COMPRESS."""
    alice = talk("alice")
    assert alice.answer("COMPRESS DEFLATE") == "OK DEFLATE active"
    alice.peer._sock = alice.peer._file = Deflated(alice.peer._sock)  # type: ignore[assignment]
    return alice


def test_a_compressed_session_goes_on_as_any_other(compressed: Talk) -> None:
    text = b"Subject: x\r\n\r\n" + b"line\r\n" * 50_000
    assert b"COMPRESS=DEFLATE" not in compressed.ok("CAPABILITY")[0]
    assert compressed.answer("COMPRESS DEFLATE").startswith("NO [COMPRESSIONACTIVE] ")
    compressed.ok(b"APPEND INBOX {%d}" % len(text), text)
    compressed.ok("SELECT INBOX")
    (answer,) = compressed.ok("FETCH 1 BODY.PEEK[]")
    assert answer == b"* 1 FETCH (BODY[] {%d}\r\n%s)" % (len(text), text)


def test_a_compressed_idle_hears_at_once(compressed: Talk) -> None:
    compressed.ok("SELECT INBOX")
    compressed.begin("IDLE")
    assert compressed.response() == b"+ idling"
    for number in (1, 2, 3):
        compressed.server.send("x@elsewhere.example", "alice@example.test")
        assert compressed.response() == b"* %d EXISTS" % number
        assert compressed.response().endswith(b" RECENT")


def test_bytes_that_are_not_compressed_end_a_compressed_session(talk: Clients) -> None:
    alice = talk("alice")
    alice.ok("COMPRESS DEFLATE")
    alice.peer.send(b"b LOGOUT\r\n" * 10)
    assert alice.peer.read() == b""


def test_a_plugin_may_choose_the_encryption_of_a_connection(server: Miniature) -> None:
    from postroom import hookimpl

    class Chooser:
        @hookimpl
        def connection_encryption(self, encryption: str) -> str:
            return {"starttls": "tls", "tls": "rot13"}[encryption]

    server.app.manager.register(Chooser(), "chooser")
    plugin: Plugin = server.plugin("imap4_server")
    chosen = [service.encryption(Talk(server).peer.client) for service in plugin.register_services()]
    assert chosen == ["tls", "tls"]
