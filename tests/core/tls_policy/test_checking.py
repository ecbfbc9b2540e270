"""Demands against real handshakes."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from postroom.dns import Tlsa
from postroom.tls_policy.checking import Contexts, Mistrust, check, result_of
from postroom.tls_policy.demand import Demand, Level, PolicyFacts
from postroom.wire.stream import Stream
from postroom.wire.tls import HandshakeFailed, peer_chain
from tests.authority import Issued, issue, root

ROOT = root()
MIDDLE = issue(common_name="Middle", by=ROOT, ca=True)
LEAF = issue("mx.site.test", by=MIDDLE)
FACTS = PolicyFacts("no-policy-found", "site.test")


def demand(level: Level, *records: Tlsa) -> Demand:
    return Demand(level, "because", FACTS, records, ("mx.site.test",), "mx.site.test")


@contextmanager
def connected(server: Issued, wanted: Demand, folder: Path) -> Iterator[Stream]:
    """A stream after the handshake with a server that shows this certificate with its chain; ROOT is trusted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.write(folder))

    def serve(sock: socket.socket) -> None:
        with suppress(OSError), closing(context.wrap_socket(sock, server_side=True)) as wrapped:
            wrapped.recv(1)

    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=serve, args=(theirs,))
    thread.start()
    stream = Stream(ours, timeout=20)
    try:
        contexts = Contexts(ROOT.write_ca(folder))
        stream.start_tls(contexts.of(wanted), server_side=False, server_hostname=wanted.sni)
        yield stream
    finally:
        stream.close()
        theirs.close()
        thread.join(20)


def test_the_chain_is_as_the_server_shows_it(tmp_path: Path) -> None:
    with connected(LEAF, demand(Level.OPPORTUNISTIC), tmp_path) as stream:
        assert peer_chain(stream.sock) == [one.der for one in LEAF.chain]
        assert check(stream.sock, demand(Level.OPPORTUNISTIC), time.time()) == "its certificate is not looked at"


def test_any_certificate_will_do_for_encryption_alone(tmp_path: Path) -> None:
    with connected(issue("elsewhere.test"), demand(Level.ENCRYPT), tmp_path) as stream:
        assert stream.tls is not None


def test_a_demanded_certificate_is_verified_in_the_handshake(tmp_path: Path) -> None:
    wanted = demand(Level.CERTIFICATE)
    with connected(LEAF, wanted, tmp_path) as stream:
        assert check(stream.sock, wanted, time.time()) == "its certificate is valid for mx.site.test"


@pytest.mark.parametrize(
    ("server", "result"),
    [
        (issue("mx.other.test", by=ROOT), "certificate-host-mismatch"),
        (issue(common_name="mx.site.test", by=ROOT), "certificate-host-mismatch"),  # RFC 8461 section 4.2: its list of names alone counts
        (issue("mx.site.test", by=ROOT, end=-dt.timedelta(hours=1)), "certificate-expired"),
        (issue("mx.site.test", by=ROOT, start=dt.timedelta(hours=1)), "certificate-expired"),
        (issue("mx.site.test"), "certificate-not-trusted"),
        (issue("mx.site.test", by=root()), "certificate-not-trusted"),
    ],
)
def test_a_failed_handshake_has_the_name_that_reports_use(server: Issued, result: str, tmp_path: Path) -> None:
    with pytest.raises(HandshakeFailed) as caught, connected(server, demand(Level.CERTIFICATE), tmp_path):
        pass
    assert result_of(caught.value) == result


def test_a_handshake_that_fails_otherwise_is_a_failure_of_validation() -> None:
    assert result_of(HandshakeFailed("wrong version number")) == "validation-failure"


@pytest.mark.parametrize("record", [Tlsa(3, 1, 0, LEAF.spki), Tlsa(2, 0, 0, MIDDLE.der)], ids=["server", "anchor"])
def test_dane_is_checked_after_the_handshake_whoever_issued_the_certificate(record: Tlsa, tmp_path: Path) -> None:
    wanted = demand(Level.DANE, record)
    with connected(LEAF, wanted, tmp_path) as stream:
        assert check(stream.sock, wanted, time.time()) == f"its certificate fits the TLSA record {record.usage} {record.selector} 0"


def test_a_certificate_that_does_not_fit_is_not_trusted_even_from_a_known_authority(tmp_path: Path) -> None:
    wanted = demand(Level.DANE, Tlsa(3, 1, 1, bytes(32)))
    with connected(LEAF, wanted, tmp_path) as stream, pytest.raises(Mistrust, match="does not fit the TLSA record") as caught:
        check(stream.sock, wanted, time.time())
    assert caught.value.result == "validation-failure"
