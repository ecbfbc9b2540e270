"""TLS of a connection: what is tried first, what is good enough when that fails, and what is noted about it for reports.

A hop without a demand has the four ways of the configuration. A hop with one begins with what its policy wants. When that fails, a policy
that is only tested goes on with any TLS, TLS that is no must goes on in the clear over a new connection, and all else is the end.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ...shortage import is_shortage, shortage
from ...tls_policy.checking import Contexts, Mistrust, check, result_of
from ...tls_policy.demand import Demand, Level, Result
from ...wire import tls
from ...wire.stream import Disconnected, TimedOut
from .capabilities import NONE
from .faults import Broken, Refused, Strained, TlsFailed
from .hop import Encryption, NextHop, TlsNote
from .session import Session


@dataclass(frozen=True, slots=True)
class Plan:
    """How one connection is to be protected. ``since``: what has failed before it; then nothing is noted any more."""

    encryption: Encryption
    demand: Demand | None = None
    since: str = ""

    @property
    def required(self) -> bool:
        """True when nothing may be sent in the clear."""
        if self.demand is not None:
            return self.demand.encrypted and (not self.demand.testing or self.demand.floor >= Level.ENCRYPT)
        return self.encryption in (Encryption.STARTTLS, Encryption.TLS)

    @property
    def wanted(self) -> bool:
        """True when TLS is tried after the greeting."""
        return self.encryption in (Encryption.STARTTLS, Encryption.IF_AVAILABLE)


def first_plan(hop: NextHop) -> Plan:
    """What a hop wants."""
    demand = hop.demand
    if demand is None or hop.encryption is Encryption.TLS:
        return Plan(hop.encryption, demand)
    if demand.level == Level.NONE:
        return Plan(Encryption.NONE, demand)
    return Plan(Encryption.STARTTLS if demand.encrypted else Encryption.IF_AVAILABLE, demand)


def next_plan(hop: NextHop, plan: Plan, failure: str) -> Plan | None:
    """What is good enough after ``failure`` of TLS; None when that was the end."""
    demand = plan.demand
    if demand is not None and demand.testing:
        return replace(plan, encryption=Encryption.IF_AVAILABLE, demand=demand.relaxed(f"only tested: {demand.reason}"), since=failure)
    if hop.fall_back and not plan.required and plan.encryption is Encryption.IF_AVAILABLE:
        return replace(plan, encryption=Encryption.NONE, since=failure)
    return None


class Securing:
    """Leads sessions into TLS. Keeps one context for each way of checking certificates: loading the issuers takes long."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now  # epoch seconds, for the dates of certificates
        self._plain: dict[tuple[bool, Path | None], ssl.SSLContext] = {}
        self._demanded: dict[Path | None, Contexts] = {}

    def start_tls(self, session: Session, plan: Plan) -> None:
        """STARTTLS, and EHLO again (RFC 3207 section 4.2). Raises TlsFailed when it is demanded and not to be had."""
        if not session.capabilities.starttls:
            words = f"{session.server} does not offer STARTTLS"
            note(session, plan, Result.STARTTLS_NOT_SUPPORTED, words)
            if plan.required:
                raise TlsFailed(f"{words}, which {demanded(session.hop, plan)} demands", "4.7.10", server=session.server)
            return
        try:
            reply = session.command(b"STARTTLS\r\n", "STARTTLS")
        except Broken as fault:
            raise failed(session, plan, Result.VALIDATION, str(fault)) from fault
        if reply.code == 220:
            if not session.parser.empty:  # RFC 3207 section 4.2: by whomever it was put in, it must not count
                raise failed(session, plan, Result.VALIDATION, f"{session.server} said more than the answer to STARTTLS before TLS began")
            session.capabilities = NONE
            self.encrypt(session, plan)
            self._hello_again(session)
            return
        note(session, plan, Result.STARTTLS_NOT_SUPPORTED, f"{session.server} refuses STARTTLS: {reply}")
        if plan.required:
            raise TlsFailed(str(session.refused("refuses STARTTLS", reply, "4.7.10")), "4.7.10", server=session.server)

    def _hello_again(self, session: Session) -> None:
        """EHLO over TLS. A server of TLS 1.3 that does not like us says so only now."""
        try:
            session.hello()
        except Broken as fault:
            raise TlsFailed(f"{fault} after the TLS handshake", "4.7.5", server=session.server) from fault

    def encrypt(self, session: Session, plan: Plan) -> None:
        """The handshake, and the check of the certificate. Raises TlsFailed."""
        hop, limit = session.hop, session.hop.timeouts.handshake
        name = plan.demand.sni if plan.demand is not None and plan.demand.sni else hop.host
        name = name.removesuffix(".")  # RFC 6066 section 3
        try:
            agreed = session.stream.start_tls(self._context(hop, plan), server_side=False, server_hostname=name, timeout=limit)
            known = check(session.stream.sock, plan.demand, self._now()) if plan.demand is not None else usual(hop)
        except tls.HandshakeFailed as error:
            if (lack := shortage()) is not None:  # the files of issuers are opened one by one, and a missing one is taken for none
                raise Strained.by(lack) from error
            raise failed(session, plan, result_of(error), explained(session, plan, error)) from error
        except Mistrust as error:
            raise failed(session, plan, error.result, f"{session.server}: {error}") from error
        except TimedOut as error:
            words = f"{session.server} did not finish the TLS handshake within {limit:.0f} seconds"
            raise failed(session, plan, Result.VALIDATION, words) from error
        except (Disconnected, OSError) as error:
            words = f"{session.server} closed the connection in the TLS handshake"
            raise failed(session, plan, Result.VALIDATION, words) from error
        session.verified = plan.demand.level >= Level.CERTIFICATE if plan.demand is not None else hop.verify
        session.security = f"{agreed.version}, {known}"
        note(session, plan, "", session.security)

    def _context(self, hop: NextHop, plan: Plan) -> ssl.SSLContext:
        try:
            if plan.demand is not None:
                return self._demanded.setdefault(hop.ca, Contexts(hop.ca)).of(plan.demand)
            key = (hop.verify, hop.ca)
            if key not in self._plain:
                self._plain[key] = tls.client_context(hop.verify, hop.ca)
            return self._plain[key]
        except OSError as error:  # ssl.SSLError is one
            if is_shortage(error):
                raise Strained.by(error) from error
            words = f"The file of issuers {hop.ca} (`ca` in {hop.settings}) cannot be used: {error.strerror or error}"
            raise Refused(words, "4.7.5", server=str(hop), kind="tls") from error


def note(session: Session, plan: Plan, result: str, words: str) -> None:
    """Tell whoever collects reports what came of the first plan."""
    if session.hop.noted is not None and not plan.since:
        session.hop.noted(TlsNote(result, words, session.address, session.own_address, session.name))


def failed(session: Session, plan: Plan, result: str, words: str) -> TlsFailed:
    """The fault, noted."""
    note(session, plan, result, words)
    if plan.demand is not None and plan.demand.encrypted:
        words += f" ({plan.demand.reason})"
    return TlsFailed(words, "4.7.5", server=session.server)


def demanded(hop: NextHop, plan: Plan) -> str:
    """Who wants TLS."""
    return plan.demand.reason if plan.demand is not None else f"`encryption: starttls` in {hop.settings}"


def usual(hop: NextHop) -> str:
    """How a server that the administrator names is known."""
    return f"its certificate is valid for {hop.host}" if hop.verify else "its certificate is not looked at"


def explained(session: Session, plan: Plan, error: tls.HandshakeFailed) -> str:
    """What failed and, for a certificate that cannot be verified, which setting changes it."""
    hop = session.hop
    if not isinstance(error.__cause__, ssl.SSLCertVerificationError):
        return f"{session.server}: {error}"
    reason = error.__cause__.verify_message or str(error)
    words = f"The certificate of {session.server} is not valid for {hop.host}: {reason}"
    if plan.demand is not None:
        return words
    return f"{words} (set `ca` to a file with its issuer, or `verify: false` to do without the check, in {hop.settings})"
