"""Opens connections to next hops: addresses side by side, greeting, EHLO, TLS and login."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from ipaddress import ip_address

from ...dns import DnsFailure
from ...wire.stream import Stream
from .ears import Ears
from .faults import Broken, HopFault, Loop, Strained, TlsFailed, Unreachable, together
from .hop import Encryption, NextHop
from .login import login
from .racing import NobodyAnswers, interleaved, race
from .securing import Plan, Securing, first_plan, next_plan
from .session import Session

Resolve = Callable[[str], list[str]]  # host name to textual addresses; raises DnsFailure
ADDRESSES = 8  # of one host are tried at most
SESSIONS = 2  # with a host of several addresses: where one connects and then sends no greeting, another may (RFC 5321 section 5.1)


class Dialer:
    """Opens sessions."""

    def __init__(self, resolve: Resolve, clock: Callable[[], float] = time.monotonic) -> None:
        self._resolve, self._clock = resolve, clock
        self._securing = Securing()

    def open(self, hop: NextHop, ears: Ears | None = None) -> Session:
        """A session that is ready for MAIL. Raises Unreachable when there is nobody, else Refused or Broken."""
        plan = first_plan(hop)
        while True:
            try:
                return self._session(hop, plan, ears)
            except TlsFailed as fault:
                weaker = next_plan(hop, plan, str(fault))
                if weaker is None:
                    raise
                plan = weaker

    def _session(self, hop: NextHop, plan: Plan, ears: Ears | None) -> Session:
        """A session by one plan, with the first of the addresses that greets."""
        addresses = self._addresses(hop)
        faults: list[HopFault] = []
        while addresses and len(faults) < SESSIONS:
            session = self._connect(hop, addresses, faults, ears)
            session.since = plan.since
            try:
                self._set_up(session, plan)
            except BaseException as fault:
                session.close()
                if not isinstance(fault, HopFault) or fault.kind not in ("connect", "greeting"):
                    raise
                addresses.remove(session.address)
                faults.append(fault)
            else:
                return session
        raise together(faults)

    def _connect(self, hop: NextHop, addresses: list[str], before: list[HopFault], ears: Ears | None) -> Session:
        """Somebody who takes the connection. Raises Unreachable, or what went wrong ``before`` with the words of both, and Strained."""
        try:
            sock, address = race(addresses, hop.port, hop.timeouts.connect, self._clock)
        except NobodyAnswers as nobody:
            words = "; ".join(f"{_server(hop, address)} {reason}" for address, reason in nobody.reasons.items())
            raise together([*before, Unreachable(words, "4.4.1", server=str(hop))]) from nobody
        except OSError as error:  # this machine has no more sockets
            raise together([*before, Strained.by(error)]) from error
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # each write is a whole group of commands
        session = Session(Stream(sock), hop, _server(hop, address), clock=self._clock, local=_is_loopback(address), ears=ears)
        session.address = address
        return session

    def _addresses(self, hop: NextHop) -> list[str]:
        if hop.addresses:
            return interleaved(hop.addresses)[:ADDRESSES]
        try:
            return [str(ip_address(hop.host))]
        except ValueError:
            pass  # a name
        try:
            found = interleaved(self._resolve(hop.host))[:ADDRESSES]
        except DnsFailure as error:
            if error.local:
                raise Strained.by(error) from error
            raise Unreachable(str(error), "4.4.3", server=str(hop), kind="dns") from error
        if not found:
            raise Unreachable(f"The name {hop.host} has no address", "4.4.3", server=str(hop), kind="dns")
        return found

    def _set_up(self, session: Session, plan: Plan) -> None:
        """From the first byte to a session that is ready for MAIL. Raises HopFault."""
        try:
            self._introduced(session, plan)
        except Broken as fault:
            if session.heard:
                fault.kind = "greeting"
                raise
            # connected, but nobody speaks
            raise Unreachable(str(fault), fault.reply.enhanced, code=fault.reply.code, server=fault.server, kind="greeting") from fault

    def _introduced(self, session: Session, plan: Plan) -> None:
        hop = session.hop
        if plan.encryption is Encryption.TLS:
            self._securing.encrypt(session, plan)
        session.greet()
        if session.name and session.name in hop.ourselves:
            raise Loop(f"{session.server} is this server itself: mail would go round", "5.4.6", code=554, server=session.server)
        if plan.wanted:
            self._securing.start_tls(session, plan)
        if hop.credentials is not None:
            login(session, hop.credentials)


def _server(hop: NextHop, address: str) -> str:
    """How words name one address of a host."""
    return f"{hop.host}[{address}]:{hop.port}" if hop.host != address else str(hop)


def _is_loopback(address: str) -> bool:
    return ip_address(address.partition("%")[0]).is_loopback
