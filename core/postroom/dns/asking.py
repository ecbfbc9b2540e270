"""One question to the servers: time-outs, other servers, TCP where UDP is too small, and what the reply says."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype

from ..shortage import is_shortage
from .answers import Answer, DnsFailure
from .servers import DnsServer
from .values import value

ROUNDS = 2  # each server is asked that often
LEAST_WAIT = 0.2  # seconds for one try
PAYLOAD = 1232  # bytes of a UDP answer that pass everywhere unfragmented
LONGEST_POSITIVE = 86_400.0  # seconds that an answer is kept at most
LONGEST_NEGATIVE = 10_800.0  # RFC 2308 section 5
LARGEST = 4096  # bytes of an answer that is kept: strangers' zones may hold 64 KB for each name, and the cache many names
WITHOUT_EDNS = (dns.rcode.FORMERR, dns.rcode.NOTIMP, dns.rcode.BADVERS)  # RFC 6891 section 7: how very old servers say that they know none
FAULTS = (dns.exception.DNSException, OSError, EOFError)

Raw = Answer[Any]  # of whatever kind was asked for, as ``value`` makes them


class Questioner:
    """Asks servers in turn, beginning with the one that has answered last. ``timeout``: seconds for all tries together."""

    def __init__(self, servers: Callable[[], Sequence[DnsServer]], timeout: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._servers, self._timeout, self._clock = servers, timeout, clock
        self._good: DnsServer | None = None

    def ask(self, name: dns.name.Name, kind: str) -> Raw:
        """The answer. Raises DnsFailure (temporary) when no server gives one, or none can be asked."""
        try:
            servers = self._in_order()
        except OSError as error:  # resolv.conf cannot be opened
            raise no_socket(_text(name), error) from error
        tries = servers * ROUNDS
        end = self._clock() + self._timeout
        why = "no server answers"
        for left, server in zip(range(len(tries), 0, -1), tries, strict=True):
            wait = max((end - self._clock()) / left, LEAST_WAIT)
            try:
                reply = _exchange(server, name, kind, wait)
                if reply.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
                    answer = read(reply, trusted=server.trusted)
                    self._good = server
                    return answer
                why = f"{server.address} says {dns.rcode.to_text(reply.rcode())}"
            except dns.exception.Timeout:
                why = f"{server.address} does not answer"
            except FAULTS as error:
                if is_shortage(error):  # other servers would not be asked either
                    raise no_socket(_text(name), error) from error
                why = f"{server.address}: {_words(error)}"
        raise DnsFailure(f"the name {_text(name)} could not be resolved ({kind}): {why}", temporary=True)

    def _in_order(self) -> list[DnsServer]:
        servers = list(self._servers())
        return sorted(servers, key=lambda one: one != self._good)  # stable: the others keep their order


def read(reply: dns.message.Message, *, trusted: bool) -> Raw:
    """What a reply (NOERROR or NXDOMAIN) says. Raises dnspython's exceptions for loops of CNAMEs and other nonsense."""
    if not isinstance(reply, dns.message.QueryMessage):
        raise dns.message.NotQueryResponse
    chain = reply.resolve_chaining()
    secure = trusted and bool(reply.flags & dns.flags.AD)  # RFC 4035 section 3.2.3: set only if all of the answer is authentic
    records = tuple(map(value, chain.answer or ()))
    name = _text(chain.canonical_name)
    if records:
        kept = reply.wire is None or len(reply.wire) <= LARGEST
        return Answer(records, secure, name, min(float(chain.minimum_ttl), LONGEST_POSITIVE) if kept else 0.0)
    denied = any(one.rdtype == dns.rdatatype.SOA for one in reply.authority)  # RFC 2308 section 5: without SOA it is not to be kept
    ttl = min(float(chain.minimum_ttl), LONGEST_NEGATIVE) if denied else 0.0
    return Answer((), secure, name, ttl, exists=reply.rcode() != dns.rcode.NXDOMAIN)


def _exchange(server: DnsServer, name: dns.name.Name, kind: str, wait: float) -> dns.message.Message:
    reply = _send(server, _question(name, kind, edns=True), wait)
    if reply.rcode() in WITHOUT_EDNS:
        reply = _send(server, _question(name, kind, edns=False), wait)
    return reply


def _question(name: dns.name.Name, kind: str, *, edns: bool) -> dns.message.Message:
    if not edns:
        return dns.message.make_query(name, kind)
    question = dns.message.make_query(name, kind, use_edns=0, want_dnssec=True, payload=PAYLOAD)
    question.flags |= dns.flags.AD  # RFC 6840 section 5.7: tell us whether it is validated
    return question


def _send(server: DnsServer, question: dns.message.Message, wait: float) -> dns.message.Message:
    """What comes by UDP, and by TCP when that was cut; packets that are not the answer (forgeries) are passed over."""
    reply, _ = dns.query.udp_with_fallback(
        question, server.address, timeout=wait, port=server.port, ignore_unexpected=True, ignore_errors=True
    )
    return reply


def no_socket(name: str, error: BaseException) -> DnsFailure:
    """The failure of a question that could not be asked."""
    return DnsFailure(f"the name {name} cannot be asked for: {getattr(error, 'strerror', None) or error}", temporary=True, kind="local")


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()
