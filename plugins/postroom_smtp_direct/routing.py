"""Which servers take the mail of a domain: overrides, then plugins, then MX records (RFC 5321 section 5.1)."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from postroom.clients.smtp.faults import Strained
from postroom.dns import DnsFailure, Mx, Resolver
from postroom.mail.delivery import Failed, TryLater
from postroom.mail.reply import Reply
from postroom.mail.sending import MxServer, ServerChoice
from postroom.provided import Outgoing
from postroom.sending.overrides import Overrides, Question
from postroom.tls_policy.policies import DomainPolicy, Policies

if TYPE_CHECKING:
    from postroom.asking import Asker

USUAL_PORT = 25
LONGEST_SITE = 200  # characters of a key; longer ones are shortened by a digest


class NoWay(Exception):
    """Mail for this domain goes nowhere, now or for good: ``outcome``. ``local``: because this machine cannot ask."""

    def __init__(self, outcome: TryLater | Failed, *, local: bool = False) -> None:
        super().__init__(str(outcome.reply))
        self.outcome, self.local = outcome, local


@dataclass(frozen=True)
class Destination:
    """The servers for mail of one domain, in the order in which they are tried."""

    domain: str
    servers: tuple[MxServer, ...]
    policy: DomainPolicy
    by: Literal["MX records", "the domain's own address", "overrides", "a plugin"]

    @property
    def by_dns(self) -> bool:
        """True when nobody but the DNS has named the servers."""
        return self.by in ("MX records", "the domain's own address")

    @property
    def group(self) -> str:
        """What domains have in common that may share a transaction: the servers, and the policy."""
        named = sorted(f"{one.preference} {one.host}:{one.port} {one.username} {one.encryption or ''}" for one in self.servers)
        return "\n".join([*named, self._apart])

    @property
    def site(self) -> str:
        """The key of the servers for the queue."""
        return site_key(self.servers, self._apart)

    @property
    def _apart(self) -> str:
        """The domain, where its policy may differ from that of others with the same servers; DANE takes its name for the certificate."""
        exchangers = self.policy.exchangers
        signed = self.policy.resolver is not None and exchangers is not None and exchangers.secure
        return self.domain if self.policy.sts is not None or signed else ""


class Router:
    """Finds destinations. ``ourselves``: host names of this server. ``clock``: epoch seconds. ``shuffle`` changes a list in place."""

    def __init__(
        self,
        resolver: Resolver,
        overrides: Overrides,
        policies: Policies,
        named_policies: Policies,  # for servers that the administrator or a plugin has named
        ask: Asker,
        *,
        port: int,
        ourselves: frozenset[str],
        clock: Callable[[], float],
        shuffle: Callable[[list[MxServer]], None] = random.shuffle,
    ) -> None:
        self._resolver, self._overrides, self._ask, self._clock = resolver, overrides, ask, clock
        self._policies, self._named_policies = policies, named_policies
        self._port, self._ourselves, self._shuffle = port, ourselves, shuffle

    def destination(self, domain: str, outgoing: Outgoing) -> Destination:
        """Where mail of ``domain`` goes; ``outgoing`` holds its recipients alone. Raises NoWay."""
        overridden = self._overrides.for_domain(self.question(domain, outgoing))
        choice = self._ask.transform("server_choice", "choice", ServerChoice(servers=overridden), domain=domain, outgoing=outgoing)
        if choice.servers is None:
            try:
                return self._looked_up(domain, fresh=not choice.use_cache)
            except DnsFailure as error:
                raise NoWay(unresolved(domain, error), local=error.local) from error
        if not choice.servers:
            raise NoWay(Failed(Reply(550, "5.1.2", f"The domain {domain} has no mail server, says a plugin")))
        servers = list(choice.servers)
        by: Literal["overrides", "a plugin"] = "overrides" if choice.servers == overridden else "a plugin"
        if by == "overrides":
            self._shuffle(servers)  # as those of MX records: to spread the load over equal ones
        servers.sort(key=lambda one: one.preference)
        return Destination(domain, tuple(servers), self._named_policies.of(domain, None), by)

    @property
    def has_overrides(self) -> bool:
        """True when servers may depend on more than the domain."""
        return bool(self._overrides)

    def named_site(self, domain: str, outgoing: Outgoing) -> str:
        """The key of the servers that overrides name for a message, "" when they name none."""
        servers = self._overrides.for_domain(self.question(domain, outgoing))
        return site_key(servers) if servers else ""

    def overridden(self, domain: str, outgoing: Outgoing) -> list[str]:
        """What the overrides say, in sentences; none when there are no overrides."""
        return self._overrides.explain(self.question(domain, outgoing)) if self._overrides else []

    def question(self, domain: str, outgoing: Outgoing) -> Question:
        """What overrides may ask about a message."""
        waited = outgoing.attempts or any(one.last_try for one in outgoing.recipients)  # without an attempt: put off with its whole site
        failing = max(self._clock() - outgoing.queued_at, 0.0) if waited else 0.0
        return Question(domain, outgoing.size, failing, outgoing.attempts, outgoing.user or "", outgoing.sender)

    def _looked_up(self, domain: str, *, fresh: bool) -> Destination:
        """By the DNS. Raises NoWay, DnsFailure."""
        found = self._resolver.mx(domain, fresh=fresh)
        if found.null:  # RFC 7505 section 4.2
            raise NoWay(Failed(Reply(556, "5.1.10", f"The domain {domain} takes no mail (null MX)")))
        left = self._without_ourselves(found.servers)
        if not left:
            raise NoWay(Failed(Reply(554, "5.4.6", f"The best mail server of {domain} is this server itself: mail would go round")))
        servers = tuple(MxServer(one.host, self._port, one.preference) for one in left)
        by: Literal["MX records", "the domain's own address"] = "the domain's own address" if found.implicit else "MX records"
        return Destination(domain, servers, self._policies.of(domain, found), by)

    def _without_ourselves(self, servers: Sequence[Mx]) -> list[Mx]:
        """Those that are better than this server, when it is one of them (RFC 5321 section 5.1)."""
        ours = min((one.preference for one in servers if one.host in self._ourselves), default=None)
        return [one for one in servers if ours is None or one.preference < ours]


def site_key(servers: Sequence[MxServer], apart: str = "") -> str:
    """What mail has in common that goes to the same servers. ``apart``: what keeps it from other mail for them."""
    places = sorted({place(one) for one in servers})
    key = " ".join([*places, *filter(None, [apart])])
    return key if len(key) <= LONGEST_SITE else f"{places[0]} {hashlib.sha256(key.encode()).hexdigest()[:24]}"


def place(server: MxServer) -> str:
    """A server, and the login if there is one: ``fred@smtp.isp.test:587``."""
    login = f"{server.username}@" if server.username else ""
    return f"{login}{server.host}" if server.port == USUAL_PORT else f"{login}{server.host}:{server.port}"


def unresolved(domain: str, error: DnsFailure) -> TryLater | Failed:
    """What it means that a domain, or a server of it, cannot be looked up."""
    if error.local:
        return Strained.by(error).outcome()
    if error.temporary:
        return TryLater(Reply(451, "4.4.3", f"The mail servers of {domain} cannot be looked up now: {error}"), kind="dns")
    enhanced = "5.1.2" if error.kind in ("unknown", "name") else "5.4.4"
    return Failed(Reply(550, enhanced, f"There is no mail server for {domain}: {error}"))
