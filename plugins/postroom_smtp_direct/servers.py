"""The next hops of one destination for one message, looked up one by one as they are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Any

from postroom.clients.smtp.faults import HopFault, Strained, TlsFailed, Unfit, Unreachable
from postroom.clients.smtp.hop import Credentials, Encryption, NextHop, TlsNote
from postroom.dns import DnsFailure, Resolver
from postroom.mail.sending import MxServer, Protection
from postroom.provided import Outgoing
from postroom.tls_policy.demand import Demand, Level, Result
from postroom.tls_policy.reporting import is_report

from .routing import Destination
from .settings import DirectSettings

if TYPE_CHECKING:
    from postroom.asking import Asker
    from postroom.tls_policy.results import TlsResults

SMTP_PORT = 25
USUAL: dict[str, Protection] = {"opportunistic": "starttls-if-available", "required": "starttls", "none": "none"}
LEVELS: dict[Protection, Level] = {
    "none": Level.NONE,
    "starttls-if-available": Level.OPPORTUNISTIC,
    "starttls": Level.ENCRYPT,
    "tls": Level.ENCRYPT,
}


class HopMaker:
    """Makes next hops out of servers for one sender. ``results`` None: nobody wants reports about TLS."""

    def __init__(
        self, settings: DirectSettings, helo: str, resolver: Resolver, ask: Asker, results: TlsResults | None, ourselves: frozenset[str]
    ) -> None:
        self._settings, self._helo, self._resolver, self._ask, self._results = settings, helo, resolver, ask, results
        self._ourselves = ourselves
        self._place, self._timeouts = f"the section of sender {settings.name}", settings.timeouts.timeouts()

    def make(self, server: MxServer, destination: Destination, outgoing: Outgoing) -> NextHop | HopFault:
        """The next hop, or why this server is out of the question."""
        if server.username:
            return self._with_login(server, destination, outgoing)
        try:
            addresses = self._addresses(server, destination)
            demand = destination.policy.demand(server.host, server.port, requiretls=outgoing.requiretls)
        except DnsFailure as error:
            return unresolved_host(server, error, named=not destination.by_dns)
        noted = self._noter(server, destination, demand, outgoing)
        if demand.encrypted and not outgoing.requiretls:
            demand, before = relaxed_by(outgoing, demand), demand
            noted = noted if demand is before else None  # what goes on without the policy proves nothing about it
        demand, wanted = self._protected(server, destination, demand, outgoing)
        if demand.level == Level.NEVER:
            if noted is not None and demand.result:
                noted(TlsNote(demand.result, demand.reason, "", ""))
            if not demand.testing:
                return refused(server, demand, outgoing)
            demand, noted = demand.relaxed(f"only tested: {demand.reason}"), None
        return self._hop(
            server,
            Encryption.TLS if wanted == "tls" else Encryption.IF_AVAILABLE,
            demand=demand,
            fall_back=self._settings.tls.fall_back,
            addresses=addresses,
            ourselves=self._ourselves if destination.by_dns else frozenset(),
            noted=noted,
        )

    def _addresses(self, server: MxServer, destination: Destination) -> tuple[str, ...]:
        """Where a server is; strangers, who write MX records too, cannot point at this machine. Raises DnsFailure."""
        if not destination.by_dns:  # the administrator's names may stand in the hosts file
            return tuple(self._resolver.addresses(server.host))
        found = self._resolver.address_records(server.host).records
        if server.port == SMTP_PORT:
            found = tuple(filter(is_routable, found))
            if not found:
                raise DnsFailure("it has no address outside of this machine", temporary=False, kind="empty")
        return found

    def _with_login(self, server: MxServer, destination: Destination, outgoing: Outgoing) -> NextHop:
        """A server that the administrator has given a login for is treated as a relay."""
        wanted = self._wanted(server.encryption or "starttls-if-available", server, destination, outgoing)
        encryption, login = Encryption(wanted), Credentials(server.username, server.password)
        return self._hop(server, encryption, verify=self._settings.tls.verify_logins, credentials=login)

    def _hop(self, server: MxServer, encryption: Encryption, **more: Any) -> NextHop:
        """A hop with what all of this sender have in common, and ``more``."""
        return NextHop(
            host=server.host,
            port=server.port,
            encryption=encryption,
            ca=self._settings.tls.ca,
            helo=self._helo,
            timeouts=self._timeouts,
            settings=self._place,
            **more,
        )

    def _protected(self, server: MxServer, destination: Destination, demand: Demand, outgoing: Outgoing) -> tuple[Demand, Protection]:
        """The demand after what the message, the settings and plugins say: these never lower what a policy demands."""
        usual = server.encryption or USUAL[self._settings.tls.default]
        usual = "starttls" if demand.encrypted and not demand.testing and usual != "tls" else usual
        wanted = self._wanted(usual, server, destination, outgoing)
        level = LEVELS[wanted]
        if demand.testing:  # what must be done anyway must be done also when the test fails
            return replace(demand, floor=max(demand.floor, level)), wanted
        if demand.encrypted:
            return demand, wanted
        if level == demand.level:
            return demand, wanted
        if level > demand.level:
            return demand.at_least(level, "TLS is a must by the settings" if wanted == usual else "TLS is a must, says a plugin"), wanted
        return replace(demand, level=level, reason="no TLS, as the settings or a plugin say"), wanted

    def _wanted(self, usual: Protection, server: MxServer, destination: Destination, outgoing: Outgoing) -> Protection:
        """What plugins make of the usual protection; a word that is none keeps it."""
        wanted: Protection = self._ask.transform(
            "server_tls", "encryption", usual, domain=destination.domain, server=server.host, outgoing=outgoing
        )
        return wanted if wanted in LEVELS else usual

    def _noter(self, server: MxServer, destination: Destination, demand: Demand, outgoing: Outgoing) -> Callable[[TlsNote], None] | None:
        results = self._results
        if results is None or not destination.by_dns or is_report(outgoing):
            return None

        def noted(note: TlsNote) -> None:
            results.note(
                destination.policy, demand, note.result,
                mx=server.host, receiving_ip=note.ip, sending_ip=note.sending_ip, helo=note.helo, words=note.words,
            )  # fmt: skip

        return noted


class Hops:
    """The hops of a destination; may be gone through several times, and each is made once."""

    def __init__(self, servers: Sequence[MxServer], make: Callable[[MxServer], NextHop | HopFault]) -> None:
        self._servers, self._make = servers, make
        self._made: list[NextHop | HopFault] = []

    def __iter__(self) -> Iterator[NextHop | HopFault]:
        for index, server in enumerate(self._servers):
            if index == len(self._made):
                self._made.append(self._make(server))
            yield self._made[index]


@lru_cache(maxsize=8192)
def is_routable(address: str) -> bool:
    """False for what can only be this machine, whose own services may trust it."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return not (found.is_loopback or found.is_unspecified or found.is_multicast)


def relaxed_by(outgoing: Outgoing, demand: Demand) -> Demand:
    """The demand without its force, where delivery matters more than protection."""
    if is_report(outgoing):  # RFC 8460 section 5.3: a report about failing TLS must not fail by it
        return demand.relaxed("it carries a report about TLS")
    wish = outgoing.head().header("TLS-Required")
    if wish is not None and wish.strip().lower() == "no":  # RFC 8689 section 5
        return demand.relaxed("the message says TLS-Required: No")
    return demand


def unresolved_host(server: MxServer, error: DnsFailure, *, named: bool) -> HopFault:
    """A server whose address cannot be found. ``named``: by the administrator or a plugin, whose slip must not send the mail back."""
    if error.local:
        return Strained.by(error)
    words = f"{server.host}: {error}"
    if error.temporary or named:
        return Unreachable(words, "4.4.3", server=server.host, kind="dns")
    return Unreachable(words, "5.4.4", code=550, server=server.host, kind="dns")


def refused(server: MxServer, demand: Demand, outgoing: Outgoing) -> HopFault:
    """A server that its domain's policy, or the message, rules out."""
    if demand.result == Result.DNSSEC_INVALID:
        return Unreachable(demand.reason, "4.4.3", server=server.host, kind="dns")
    if outgoing.requiretls:  # RFC 8689 section 4.2.1
        return Unfit(demand.reason, "5.7.30", code=550, server=server.host)
    return TlsFailed(demand.reason, "4.7.5", server=server.host)
