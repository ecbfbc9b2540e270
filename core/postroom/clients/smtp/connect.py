"""Opens connections to next hops: addresses in turn, TLS in the four ways, greeting, EHLO and login."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

from ...dns import DnsFailure
from ...wire import tls
from ...wire.stream import Disconnected, Stream, TimedOut
from .faults import Broken, Refused, Unreachable
from .hop import Encryption, NextHop
from .login import login
from .session import Session

Resolve = Callable[[str], list[str]]  # host name to textual addresses; raises DnsFailure
ADDRESSES = 8  # of one host are tried at most
LEAST_WAIT = 2.0  # seconds that each address gets at least


class Dialer:
    """Opens sessions. Keeps one TLS context for each way of checking certificates: loading the issuers takes long."""

    def __init__(self, resolve: Resolve, clock: Callable[[], float] = time.monotonic) -> None:
        self._resolve, self._clock = resolve, clock
        self._contexts: dict[tuple[bool, Path | None], ssl.SSLContext] = {}

    def open(self, hop: NextHop) -> Session:
        """A session that is ready for MAIL. Raises Unreachable when there is nobody, else Refused or Broken."""
        session = self._connect(hop)
        try:
            self._set_up(session)
        except BaseException:
            session.close()
            raise
        return session

    def _connect(self, hop: NextHop) -> Session:
        addresses = self._addresses(hop)
        end = self._clock() + hop.timeouts.connect
        words = ""
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            server = f"{hop.host}[{address}]:{hop.port}" if hop.host != address else str(hop)
            wait = max((end - self._clock()) / left, LEAST_WAIT)  # one dead address must not use up the time of the others
            try:
                sock = socket.create_connection((address, hop.port), timeout=wait)
            except TimeoutError:
                words = f"{server} did not answer within {wait:.0f} seconds"
            except OSError as error:
                words = f"{server} cannot be reached: {error.strerror or error}"
            else:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # each write is a whole group of commands
                return Session(Stream(sock), hop, server, clock=self._clock, local=ip_address(address.partition("%")[0]).is_loopback)
        raise Unreachable(words, "4.4.1", server=str(hop))

    def _addresses(self, hop: NextHop) -> list[str]:
        try:
            return [str(ip_address(hop.host))]
        except ValueError:
            pass  # a name
        try:
            found = self._resolve(hop.host)[:ADDRESSES]
        except DnsFailure as error:
            raise Unreachable(str(error), "4.4.3", server=str(hop)) from error
        if not found:
            raise Unreachable(f"The name {hop.host} has no address", "4.4.3", server=str(hop))
        return found

    def _set_up(self, session: Session) -> None:
        hop = session.hop
        try:
            if hop.encryption is Encryption.TLS:
                self._encrypt(session)
            session.greet()
        except Broken as fault:
            if session.heard:
                raise
            raise Unreachable(str(fault), "4.4.1", server=fault.server) from fault  # connected, but nobody speaks
        if hop.encryption in (Encryption.STARTTLS, Encryption.IF_AVAILABLE):
            self._start_tls(session)
        if hop.credentials is not None:
            login(session, hop.credentials)

    def _start_tls(self, session: Session) -> None:
        """STARTTLS, and EHLO again (RFC 3207 section 4.2). Raises Refused when it is demanded and not to be had."""
        required = session.hop.encryption is Encryption.STARTTLS
        if not session.capabilities.starttls:
            if required:
                words = f"{session.server} does not offer STARTTLS, which `encryption: starttls` in {session.hop.settings} demands"
                raise Refused(words, "4.7.10", server=session.server)
            return
        reply = session.command(b"STARTTLS\r\n", "STARTTLS")
        if reply.code == 220:
            session.forget()
            self._encrypt(session)
            session.hello()
        elif required:
            raise session.refused("refuses STARTTLS", reply, "4.7.10")

    def _encrypt(self, session: Session) -> None:
        hop = session.hop
        try:
            session.stream.start_tls(self._context(hop), server_side=False, server_hostname=hop.host, timeout=hop.timeouts.handshake)
        except tls.HandshakeFailed as error:
            raise Refused(explained(session, error), "4.7.5", server=session.server) from error
        except TimedOut as error:
            raise session.broken(f"did not finish the TLS handshake within {hop.timeouts.handshake:.0f} seconds") from error
        except (Disconnected, OSError) as error:
            raise session.broken("closed the connection in the TLS handshake") from error
        session.verified = hop.verify

    def _context(self, hop: NextHop) -> ssl.SSLContext:
        key = (hop.verify, hop.ca)
        context = self._contexts.get(key)
        if context is None:
            try:
                context = self._contexts[key] = tls.client_context(hop.verify, hop.ca)
            except OSError as error:  # ssl.SSLError is one
                words = f"The file of issuers {hop.ca} (`ca` in {hop.settings}) cannot be used: {error.strerror or error}"
                raise Refused(words, "4.7.5", server=str(hop)) from error
        return context


def explained(session: Session, error: tls.HandshakeFailed) -> str:
    """What failed and, for a certificate that cannot be verified, which setting changes it."""
    hop = session.hop
    if not isinstance(error.__cause__, ssl.SSLCertVerificationError):
        return f"{session.server}: {error}"
    reason = error.__cause__.verify_message or str(error)
    remedy = f"set `ca` to a file with its issuer, or `verify: false` to do without the check, in {hop.settings}"
    return f"The certificate of {session.server} is not valid for {hop.host}: {reason} ({remedy})"
