"""TLS for servers and clients: contexts, certificates that are reloaded when their files change, handshake, bindings."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..mail.client import TlsDetails
from ..shortage import shortage
from .certificates import endpoint_hash, self_signed

if TYPE_CHECKING:
    from ..config.core_sections import ServerSettings, TlsSettings

BINDING = "tls-server-end-point"  # the only kind that Python's ssl lets us make for TLS 1.3 (it has no exporter)
# Forward secrecy for all; CBC suites stay for old mail clients, whose other choice is no encryption at all.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:ECDHE+AES:DHE+AES:!aNULL:!eNULL:!PSK:!SRP:!DSS:!AESCCM"
LOOK_SECONDS = 1.0  # between two looks at the files
FIRST_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


class HandshakeFailed(Exception):
    """No TLS: the reason in words that a log or a report can quote."""


class ServerContext(ssl.SSLContext):
    """A context that knows the hash of its certificate, which ssl does not tell a server."""

    endpoint = b""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """A certificate with its chain, and its key, in PEM; one file may hold both."""

    certificate: Path
    key: Path
    name: str = ""  # the SNI name that it is for: "mail.example.test" or "*.example.test"; "" for all others

    def modified(self) -> tuple[int, int]:
        """When they were changed last, in ns. Raises OSError when one is gone."""
        return self.certificate.stat().st_mtime_ns, self.key.stat().st_mtime_ns

    def context(self) -> ServerContext:
        """A new context with this certificate. Raises OSError and ssl.SSLError when it cannot be used."""
        context = ServerContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996
        context.set_ciphers(CIPHERS)
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_RENEGOTIATION
        context.num_tickets = 1  # each ticket costs a record after the handshake, and mail clients seldom come back with one
        context.load_cert_chain(self.certificate, self.key)
        first = FIRST_CERTIFICATE.search(self.certificate.read_text("ascii", "replace"))
        context.endpoint = endpoint_hash(ssl.PEM_cert_to_DER_cert(first[0])) if first else b""
        return context


@dataclass
class ServerTls:
    """The server's certificates. ``report`` hears, in words, that changed files cannot be used (the old ones stay in use)."""

    settings: TlsSettings  # without a certificate: a self-signed one, made in data_dir
    server: ServerSettings
    report: Callable[[str], object] = str  # takes words
    clock: Callable[[], float] = time.monotonic
    _files: tuple[CertificateFiles, ...] = field(default=(), init=False)
    _context: ServerContext | None = field(default=None, init=False)
    _modified: list[tuple[int, int]] = field(default_factory=list, init=False)
    _looked: float = field(default=0.0, init=False)

    def context(self) -> ssl.SSLContext:
        """The context for the next connection; looks at most once a second whether the files have changed.

        Raises OSError or ssl.SSLError when the files cannot be used from the start.
        """
        now = self.clock()
        if self._context is None:
            certificate = self.settings.certificate or self_signed(self.server.data_dir, self.server.hostname)
            others = (CertificateFiles(one.certificate, one.key, one.name) for one in self.settings.sni)
            self._files = (CertificateFiles(certificate, self.settings.key or certificate), *others)
            self._modified = [one.modified() for one in self._files]
            self._context = self._load()
            self._looked = now
        elif now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._reload()
        return self._context

    def _reload(self) -> None:
        try:
            modified = [one.modified() for one in self._files]
            if modified == self._modified:
                return
            self._modified = modified  # also when they are faulty: they are looked at again when they change again
            self._context = self._load()
        except (OSError, ssl.SSLError, ValueError) as error:
            self.report(f"the changed TLS certificate cannot be used, the old one stays in use: {error}")

    def _load(self) -> ServerContext:
        first, *others = [one.context() for one in self._files]
        by_name = {one.name.lower(): context for one, context in zip(self._files[1:], others, strict=True)}
        for context in (first, *others):
            context.sni_callback = _chooser(by_name)
        return first


def _chooser(by_name: Mapping[str, ServerContext]) -> Callable[[ssl.SSLObject, str | None, ssl.SSLContext], None]:
    def choose(sock: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        """Show the certificate of the name that the client asks for (RFC 6066 section 3), and remember that name."""
        wanted = (name or "").lower()
        chosen = by_name.get(wanted) or by_name.get("*." + wanted.partition(".")[2])
        if chosen is not None:
            sock.context = chosen
        sock.server_hostname = wanted  # type: ignore[misc]  # a plain attribute of the socket, unset on a server

    return choose


def client_context(verify: bool = True, ca: Path | None = None) -> ssl.SSLContext:
    """A context for connecting to servers; ``ca`` replaces the system's authorities. Costs about 20 ms: keep it.

    Raises OSError or ssl.SSLError when ``ca`` cannot be used, or no file can be opened now.
    """
    context = ssl.create_default_context(cafile=str(ca) if ca else None)
    if (lack := shortage()) is not None:  # then the system's issuers may be missing in it, silently
        raise lack
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def handshake(sock: Any, context: ssl.SSLContext, server_side: bool, server_hostname: str | None, timeout: float) -> Any:
    """The TLS socket over ``sock``, which is used up. Raises HandshakeFailed, and OSError when the connection breaks or is slow."""
    sock.settimeout(timeout)
    wrapped, done = sock, False
    try:
        wrapped = context.wrap_socket(sock, server_side=server_side, server_hostname=server_hostname, do_handshake_on_connect=False)
        wrapped.do_handshake()
        done = True
    except ssl.SSLCertVerificationError as error:
        raise HandshakeFailed(f"the certificate of {server_hostname} is not valid: {error.verify_message}") from error
    except ssl.SSLError as error:
        if "timed out" in str(error):  # gevent's form of a time-out
            raise
        raise HandshakeFailed(f"TLS handshake failed: {(error.reason or str(error)).replace('_', ' ').lower()}") from error
    finally:
        if not done:
            wrapped.close()  # it has taken the descriptor from ``sock``: nobody else can close the connection
    return wrapped


def details(sock: ssl.SSLSocket) -> TlsDetails:
    """What was agreed with the peer."""
    cipher, _, bits = sock.cipher() or ("", "", 0)
    return TlsDetails(sock.version() or "", cipher, bits or 0, sock.server_hostname or "")


def peer_chain(sock: ssl.SSLSocket) -> list[bytes]:
    """The certificates (DER) that the server has shown, its own first, verified or not; [] when it has shown none."""
    chain = sock._sslobj.get_unverified_chain()  # type: ignore[attr-defined]  # public on the socket from Python 3.13 on, and not in gevent's
    return [one.public_bytes(ssl._ssl.ENCODING_DER) for one in chain or ()]  # type: ignore[attr-defined]


def endpoint_binding(sock: ssl.SSLSocket, server_side: bool) -> bytes:
    """The data of tls-server-end-point for this connection; empty when it is not known."""
    if server_side:
        return sock.context.endpoint if isinstance(sock.context, ServerContext) else b""
    certificate = sock.getpeercert(binary_form=True)
    return endpoint_hash(certificate) if certificate else b""
