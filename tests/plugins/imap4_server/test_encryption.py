"""COMPRESS on an IMAP session, and who chooses the encryption of a connection (STARTTLS: tests/dialogues/imap4)."""

from __future__ import annotations

import imaplib
import ssl
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from postroom.testing import Miniature
from postroom_imap4_server.plugin import Plugin
from tests.plugins.imap4_server.talk import Talk
from tests.server import serving

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
    with Talk(server) as talk:
        chosen = [service.encryption(talk.peer.client) for service in plugin.register_services()]
    assert chosen == ["tls", "tls"]


CHOOSER = """
from postroom import hookimpl
from postroom.config.schema import PluginSettings as Settings

class Plugin:
    def __init__(self, context, settings):
        pass

    @hookimpl
    def connection_encryption(self, client, encryption):
        return {"starttls": "tls", "tls": "none"}[encryption]
"""


def test_a_real_server_encrypts_as_a_plugin_wants_it(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "chooser.py").write_text(CHOOSER)
    changes = {"plugin_dirs": [str(tmp_path / "plugins")], "plugins": {"chooser": {}}}
    unverified = ssl.create_default_context()
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    with serving(tmp_path / "server", changes) as server:
        with imaplib.IMAP4_SSL("127.0.0.1", server.ports["IMAP4"], ssl_context=unverified, timeout=10) as encrypted:
            assert "STARTTLS" not in encrypted.capabilities
        with imaplib.IMAP4("127.0.0.1", server.ports["IMAP4S"], timeout=10) as plain:
            assert "STARTTLS" not in plain.capabilities
