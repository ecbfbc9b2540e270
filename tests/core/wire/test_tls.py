"""TLS: certificate of the first start, reload, names, bindings; STARTTLS forgets what came before it."""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from postroom.config.core_sections import ServerSettings, SniSettings, TlsSettings
from postroom.wire.certificates import self_signed
from postroom.wire.stream import Disconnected, Stream, TimedOut
from postroom.wire.tls import HandshakeFailed, ServerTls, client_context


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Place:
    """A server's certificates in a folder, and what it reported."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    reports: list[str] = field(default_factory=list)

    def tls(self, settings: TlsSettings | None = None) -> ServerTls:
        server = ServerSettings(hostname="mail.example.test", data_dir=self.folder)
        return ServerTls(settings or TlsSettings(), server, self.reports.append, self.clock)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def pair() -> Iterator[tuple[Stream, Stream]]:
    ours, theirs = (Stream(sock, timeout=5) for sock in socket.socketpair())
    yield ours, theirs
    ours.close()
    theirs.close()


def meet(pair: tuple[Stream, Stream], server: ServerTls, client: ssl.SSLContext, name: str = "mail.example.test") -> None:
    """Both sides shake hands; raises what the client's side raises."""
    context = server.context()
    faults: list[Exception] = []

    def serve() -> None:
        try:
            pair[0].start_tls(context, server_side=True, timeout=5)
        except (HandshakeFailed, Disconnected) as fault:
            faults.append(fault)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        pair[1].start_tls(client, server_side=False, server_hostname=name, timeout=5)
    finally:
        thread.join()


def test_the_first_start_makes_a_certificate_that_clients_can_be_told_to_trust(place: Place, pair: tuple[Stream, Stream]) -> None:
    server = place.tls()
    server.context()
    meet(pair, server, client_context(ca=place.folder / "self-signed.pem"))
    assert pair[1].tls == pair[0].tls
    assert pair[0].tls is not None
    assert (pair[0].tls.version, pair[0].tls.sni) == ("TLSv1.3", "mail.example.test")


def test_its_key_is_for_the_owner_only_and_it_is_made_once(place: Place) -> None:
    path = self_signed(place.folder, "mail.example.test")
    before = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    assert self_signed(place.folder, "mail.example.test").read_bytes() == before
    assert [one.name for one in place.folder.iterdir()] == ["self-signed.pem"]


def test_an_untrusted_certificate_is_a_clear_error(place: Place, pair: tuple[Stream, Stream]) -> None:
    with pytest.raises(HandshakeFailed, match=r"certificate of mail\.example\.test is not valid: self-signed certificate"):
        meet(pair, place.tls(), client_context())


def test_both_sides_know_the_same_channel_binding(place: Place, pair: tuple[Stream, Stream]) -> None:
    meet(pair, place.tls(), client_context(verify=False))
    der = ssl.PEM_cert_to_DER_cert((place.folder / "self-signed.pem").read_text().partition("-----END PRIVATE KEY-----")[2].strip())
    assert pair[0].channel_binding() == pair[1].channel_binding() == ("tls-server-end-point", hashlib.sha256(der).digest())


def test_without_tls_there_is_no_channel_binding(pair: tuple[Stream, Stream]) -> None:
    assert pair[0].channel_binding() is None


def test_what_came_before_tls_is_forgotten_on_both_sides(place: Place, pair: tuple[Stream, Stream]) -> None:
    ours, theirs = pair
    theirs.write(b"STARTTLS\r\nMAIL FROM:<injected@example.com>\r\n")
    theirs.flush()
    ours.read_line(100)
    ours.write(b"220 go\r\n250 injected\r\n")
    ours.flush()
    theirs.read_line(100)
    ours.write(b"never sent")
    assert ours.buffered
    assert theirs.buffered
    meet(pair, place.tls(), client_context(verify=False))
    theirs.write(b"NOOP\r\n")
    theirs.flush()
    assert ours.read_line(100) == b"NOOP"
    ours.write(b"250 ok\r\n")
    ours.flush()
    assert theirs.read_line(100) == b"250 ok"


def test_a_client_that_never_shakes_hands_is_given_up(place: Place, pair: tuple[Stream, Stream]) -> None:
    with pytest.raises(TimedOut):
        pair[0].start_tls(place.tls().context(), server_side=True, timeout=0.01)


def test_garbage_instead_of_a_handshake_is_a_failed_one(place: Place, pair: tuple[Stream, Stream]) -> None:
    pair[1].write(b"EHLO not.tls.example\r\n" * 20)
    pair[1].flush()
    with pytest.raises(HandshakeFailed):
        pair[0].start_tls(place.tls().context(), server_side=True, timeout=1)


def test_closing_says_goodbye_in_tls(place: Place, pair: tuple[Stream, Stream]) -> None:
    meet(pair, place.tls(), client_context(verify=False))
    pair[1].sock.suppress_ragged_eofs = False  # a connection that is only cut would be an error now
    pair[0].close()
    assert pair[1].sock.recv(10) == b""


@pytest.mark.parametrize(("asked", "shown"), [("one.test", "one.test"), ("A.Two.test", "*.two.test"), ("other.test", "mail.example.test")])
def test_the_certificate_follows_the_name_that_is_asked_for(place: Place, pair: tuple[Stream, Stream], asked: str, shown: str) -> None:
    sni = []
    for number, name in enumerate(("one.test", "*.two.test")):
        path = self_signed(place.folder / str(number), name)
        sni.append(SniSettings(name=name, certificate=path, key=path))
    meet(pair, place.tls(TlsSettings(sni=sni)), client_context(verify=False), asked)
    der = pair[1].sock.getpeercert(binary_form=True)
    assert shown.encode() in der
    assert pair[0].channel_binding() == pair[1].channel_binding()


def test_changed_files_are_used_and_looked_at_once_a_second(place: Place) -> None:
    path = self_signed(place.folder / "own", "mail.example.test")
    server = place.tls(TlsSettings(certificate=path, key=path))
    first = server.context()
    path.unlink()
    self_signed(place.folder / "own", "mail.example.test")
    assert server.context() is first
    place.clock.now += 1
    assert server.context() is not first
    assert place.reports == []


def test_files_that_became_faulty_leave_the_old_certificate_in_use(place: Place) -> None:
    path = self_signed(place.folder / "own", "mail.example.test")
    server = place.tls(TlsSettings(certificate=path, key=path))
    first = server.context()
    path.write_text("half a certificate")
    place.clock.now += 1
    assert server.context() is first
    assert "the old one stays in use" in place.reports[0]
    place.clock.now += 1
    assert (server.context() is first, len(place.reports)) == (True, 1)


def test_old_protocol_versions_are_not_spoken(place: Place, pair: tuple[Stream, Stream]) -> None:
    assert place.tls().context().minimum_version == ssl.TLSVersion.TLSv1_2
    assert client_context().minimum_version == ssl.TLSVersion.TLSv1_2
