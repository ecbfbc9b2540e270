"""Collects how TLS connections went, for reports to the domains that want some (RFC 8460): in memory, written to the database in turns."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import gevent

from ..dns import DnsFailure, Resolver
from ..store.database import Database, StoreUnavailable
from ..store.tls_results import TlsResultStore, TlsWay
from .demand import Demand, PolicyFacts, Result
from .policies import DomainPolicy
from .report import wanted_by

DAY = 86_400
MOST = 10_000  # different ways in memory; more are not counted until the next flush
WORDS = 200  # characters of a reason
NAME = 255  # octets of a host name (RFC 1035 section 2.3.4), and characters of what a server calls itself
AT_ONCE = 20  # questions to the DNS at a time

UNUSABLE = "none of its TLSA records can prove a certificate"

Counts = dict[TlsWay, tuple[int, str]]
Where = tuple[str, str, str, str]  # server, its address, ours, and what it calls itself


class TlsResults:
    """``note`` never waits; call ``flush`` about every minute, and without asking when the worker stops. ``clock``: epoch seconds."""

    def __init__(self, db: Database, resolver: Resolver, *, log: Any, clock: Callable[[], float] = time.time) -> None:
        self._store, self._resolver, self._log, self._clock = TlsResultStore(db), resolver, log, clock
        self._counts: Counts = {}

    def note(
        self,
        policy: DomainPolicy,
        demand: Demand,
        result: str = "",
        *,
        mx: str,
        receiving_ip: str = "",
        sending_ip: str = "",
        helo: str = "",
        words: str = "",
    ) -> None:
        """One connection for mail to ``policy.domain`` went as ``result`` says ("" is well), ``words`` for people.

        Not for mail that carries a report (RFC 8460 section 3). Where a failure of a ``testing`` demand is noted, what the same
        connection does then without demands is not.
        """
        where = (mx.lower().rstrip("."), receiving_ip, sending_ip, helo[:NAME])
        if demand.invalid is not None and demand.invalid != demand.facts:  # another policy holds in its place
            self._tell(policy, demand.invalid, Result.TLSA_INVALID, where, UNUSABLE)
        if demand.invalid == demand.facts and not result:
            result, words = Result.TLSA_INVALID, UNUSABLE
        self._tell(policy, demand.facts, result, where, words)
        if policy.trouble:  # RFC 8460 section 4.3.2.2: each connection that went without the policy
            self._count(policy.domain, PolicyFacts("sts", policy.domain), policy.trouble, where, policy.words)

    def flush(self, *, asking: bool = True) -> None:
        """Write what was counted for domains that want reports, in one transaction; kept for the next time when that fails or is cut off.

        ``asking`` False, for the end of a worker, writes all without asking the DNS who wants some: the report's turn will tell.
        """
        counts, self._counts = self._counts, {}
        try:
            if asking:
                wanting = self._wanting({way.domain for way in counts})
                counts = {way: count for way, count in counts.items() if way.domain in wanting}
            self._store.add(counts)
        except BaseException as error:  # a greenlet that is killed, too: what was counted is not lost
            for way, (count, words) in counts.items():
                self._add(way, count, words)
            if not isinstance(error, StoreUnavailable):
                raise
            self._log.warning("tls_results.not_stored", reason=str(error))

    def _tell(self, policy: DomainPolicy, facts: PolicyFacts, result: str, where: Where, words: str) -> None:
        """Count for the domain, and for whoever runs its server: he publishes the TLSA records, and wants to know."""
        self._count(policy.domain, facts, result, where, words)
        if facts.type == "tlsa" and facts.domain != policy.domain:
            self._count(facts.domain, facts, result, where, words)

    def _count(self, domain: str, facts: PolicyFacts, result: str, where: Where, words: str) -> None:
        mx, receiving_ip, sending_ip, helo = where if result else ("", "", "", "")  # successes are one number (RFC 8460 section 4.2)
        day = int(self._clock() // DAY)
        way = TlsWay(day, domain, facts.type, facts.domain, facts.lines, facts.mx, result, sending_ip, mx, receiving_ip, helo)
        self._add(way, 1, " ".join(words.split())[:WORDS] if result else "")

    def _add(self, way: TlsWay, count: int, words: str) -> None:
        known = self._counts.get(way)
        if known is not None:
            self._counts[way] = (known[0] + count, known[1])
        elif len(self._counts) < MOST:
            self._counts[way] = (count, words)

    def _wanting(self, domains: set[str]) -> set[str]:
        """Those of ``domains`` that ask for reports, or may do so."""
        asked, wanting = sorted(domains), set()
        for start in range(0, len(asked), AT_ONCE):
            jobs = {domain: gevent.spawn(self._wants, domain) for domain in asked[start : start + AT_ONCE]}
            gevent.joinall(list(jobs.values()))
            wanting |= {domain for domain, job in jobs.items() if job.value}
        return wanting

    def _wants(self, domain: str) -> bool:
        try:
            return bool(wanted_by(self._resolver.txt(f"_smtp._tls.{domain}").records))
        except DnsFailure as error:
            return error.temporary
