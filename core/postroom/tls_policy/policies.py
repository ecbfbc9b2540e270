"""Puts together what DANE, MTA-STS and REQUIRETLS demand of the servers of one domain.

DANE decides about the certificate where a server has TLSA records (RFC 8461 section 2: MTA-STS must not override it); which servers may be
used at all is for MTA-STS to say also then, because the MX records of a domain with a signed server need not be signed themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..dns import DnsFailure, Exchangers, Resolver
from ..dns.names import address_in, wire_text
from .demand import Demand, Level, PolicyFacts, Result
from .records import Finding, find

if TYPE_CHECKING:
    from .sts import StsPolicy
    from .sts_cache import StsPolicies


class Policies:
    """Finds policies. ``sts`` None does without MTA-STS, ``dane`` False without DANE."""

    def __init__(self, resolver: Resolver, sts: StsPolicies | None, *, dane: bool = True) -> None:
        self._resolver, self._sts, self._dane = resolver, sts, dane

    def of(self, domain: str, exchangers: Exchangers | None) -> DomainPolicy:
        """What ``domain`` demands. ``exchangers``: its MX records, None when the administrator has named the servers.

        Raises DnsFailure (local) when nobody can be asked about MTA-STS.
        """
        from .sts_cache import Known

        try:
            name = wire_text(domain)
        except DnsFailure:
            name = domain.lower()
        known = self._sts.current(name) if self._sts is not None else Known()
        policy = known.policy if known.policy is not None and known.policy.mode != "none" else None  # RFC 8461 section 5
        resolver = self._resolver if self._dane else None
        return DomainPolicy(name, exchangers, resolver, policy, known.trouble, known.words)


@dataclass(frozen=True)
class DomainPolicy:
    """What one domain demands of its servers."""

    domain: str
    exchangers: Exchangers | None
    resolver: Resolver | None  # None: without DANE
    sts: StsPolicy | None = None  # in force: enforce or testing
    trouble: str = ""  # why its MTA-STS policy could not be had, a result type of RFC 8460
    words: str = ""  # the same for people

    def demand(self, host: str, port: int = 25, *, requiretls: bool = False, fresh: bool = False) -> Demand:
        """What ``host`` must offer. Raises DnsFailure when it has no address (with DANE, whose look-ups need it)."""
        found = Finding("absent", "")
        if self.resolver is not None and address_in(host) is None:
            try:
                found = find(self.resolver, host, port, fresh=fresh)
            except DnsFailure as error:
                if error.temporary or self.exchangers is not None:
                    raise  # else the DNS need not know a server that the administrator has named
        demand = self._ordinary(host, found)
        demand = self._required(host, demand) if requiretls else demand
        return demand if found.status != "unusable" else replace(demand, invalid=_tlsa_facts(found))

    def _ordinary(self, host: str, found: Finding) -> Demand:
        if found.status == "failed":
            facts = PolicyFacts("tlsa", found.base)
            return Demand(Level.NEVER, f"DANE: {found.words}", facts, sni=host, result=Result.DNSSEC_INVALID)
        allowed = self.sts is None or self.sts.matches(host)
        if self.sts is not None and not allowed and not (self.sts.mode == "testing" and found.status == "usable"):
            words = f"MTA-STS: {host} is not among the servers that the policy of {self.domain} names"
            return Demand(
                Level.NEVER, words, self._sts_facts(), names=(host,), sni=host, testing=self.sts.mode == "testing", result=Result.VALIDATION
            )
        if found.status == "usable":
            return Demand(Level.DANE, f"DANE: {found.words}", _tlsa_facts(found), found.records, self._names(host, found.base), found.base)
        if self.sts is not None:
            words = f"MTA-STS: the policy of {self.domain} ({self.sts.mode})"
            return Demand(Level.CERTIFICATE, words, self._sts_facts(), names=(host,), sni=host, testing=self.sts.mode == "testing")
        if found.status == "unusable":  # RFC 7672 section 2.2: encryption is proven to be offered, if nothing else
            words = f"DANE: {found.words}, so TLS is a must with any certificate"
            return Demand(Level.ENCRYPT, words, _tlsa_facts(found), names=(host,), sni=host)
        words = "no policy: TLS where it is offered" + (f" ({self.words})" if self.words else "")
        return Demand(Level.OPPORTUNISTIC, words, PolicyFacts("no-policy-found", self.domain), names=(host,), sni=host)

    def _required(self, host: str, demand: Demand) -> Demand:
        """With REQUIRETLS (RFC 8689 section 4.2.1): a server that somebody vouches for, and a certificate that is verified."""
        if demand.level == Level.NEVER and not demand.testing:
            return demand
        vouched = self.exchangers is None or self.exchangers.secure or (self.sts is not None and self.sts.matches(host))
        if not vouched:
            words = f"REQUIRETLS: neither DNSSEC nor MTA-STS vouches for {host} as a server of {self.domain}"
            return Demand(Level.NEVER, words, demand.facts, sni=host)  # no fault of the domain's, so there is nothing to report to it
        return demand.at_least(Level.CERTIFICATE, f"REQUIRETLS, with {demand.reason}")

    def _names(self, host: str, base: str) -> tuple[str, ...]:
        """RFC 7672 section 3.2.2: the TLSA base domain, and the domain of the mail, with what its signed alias stands for."""
        signed = [self.exchangers.name] if self.exchangers is not None and self.exchangers.secure else []
        return tuple(dict.fromkeys((base, host.lower().rstrip("."), self.domain, *signed)))

    def _sts_facts(self) -> PolicyFacts:
        assert self.sts is not None
        return PolicyFacts("sts", self.domain, self.sts.lines, self.sts.mx)


def _tlsa_facts(found: Finding) -> PolicyFacts:
    return PolicyFacts("tlsa", found.base, tuple(str(one) for one in found.records))
